"""A build spread over machines: each encodes a share of the texts into a file, and one merges the files into an index."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kqa.building import split_all
from kqa.config import Config
from kqa.errors import ConfigError, IndexUnwritable
from kqa.types import Document

if TYPE_CHECKING:
    from kqa.progress import Progress


def read_share(text: str) -> tuple[int, int]:
    """Read “2/8”, the second of eight shares; raises ConfigError."""
    part, slash, parts = text.partition("/")
    if not (
        slash and part.isascii() and part.isdigit() and parts.isascii() and parts.isdigit() and 1 <= int(part) <= int(parts)
    ):
        raise ConfigError(f"{text} is no share; write 2/8 for the second of eight")
    return int(part), int(parts)


def encode_shard(
    documents: Sequence[Document], folder: Path, config: Config, share: tuple[int, int], progress: Progress | None = None
) -> tuple[Path, int]:
    """Encode a share of the documents' texts into a file in a folder; return its path and how many texts it holds.

    A text belongs to a share by its digest, so that the shares are of one size and need not know of each other. Run again
    after a kill, it goes on where it stopped; a second one at the same share waits. ``build_index`` makes of all shares what
    one build would make. Raises IndexUnwritable when the disk refuses.
    """
    from filelock import FileLock

    from kqa.encoder import load_encoder
    from kqa.exports import export_encoder
    from kqa.journal import Journal
    from kqa.vectors import digest, encode_into, made_by, rows

    part, parts = share
    passages, _ = split_all(documents, config)
    _, texts = rows({document.path: document for document in documents}, passages)
    own = sorted(text for text in set(texts) if int.from_bytes(digest(text)[:8]) % parts == part - 1)
    path = folder / f"shard-{part}-of-{parts}.vectors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            FileLock(folder / f".{path.name}.lock", mode=0o644),
            tempfile.TemporaryDirectory(prefix=".encoder-", dir=folder) as place,
        ):
            export_encoder(config.encoder, Path(place))
            encoder = load_encoder(Path(place))
            journal = Journal.open(path, made_by(encoder))
            encode_into(journal, encoder, [text for text in own if digest(text) not in journal], progress)
            journal.close()
    except OSError as error:
        raise IndexUnwritable(f"{folder} cannot be written ({error.strerror or error}); free or allow it") from error
    return path, len(own)
