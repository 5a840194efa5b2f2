"""The vectors of a build: what is encoded, what an earlier index already knows, what is written."""

from __future__ import annotations

import hashlib
import shutil
from collections import ChainMap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kqa import triage
from kqa.bulk import encode_parts, precision
from kqa.dense import ASK, WHOLE, Moments, Owners
from kqa.encoder import HASHING, load_encoder
from kqa.errors import ShardError, UnusableIndex
from kqa.exports import export_encoder, is_current
from kqa.journal import Journal
from kqa.passages import plain, slug
from kqa.scan import BLOCK, Scan, measured_recall
from kqa.store import open_generation
from kqa.types import Document, Encoder, Passage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kqa.progress import Progress

JOURNAL = ".encoded"  # what a build has encoded so far; gone when its index is published
_KEPT_TOGETHER = 4096  # texts whose vectors a power cut may cost


def rows(documents: Mapping[str, Document], passages: Sequence[Passage]) -> tuple[list[tuple[int, int]], list[str]]:
    """Return what each vector stands for, (passage number, ordinal), and its text."""
    owners: list[tuple[int, int]] = []
    texts: list[str] = []
    for passage in passages:
        document = documents[passage.document]
        spans = [(WHOLE, passage.span), *enumerate(passage.sentences)]
        parts = [(ordinal, plain(document.text[span.start : span.end])) for ordinal, span in spans]
        parts += [(ASK, question) for question in document.asks.get(slug(passage.section), ())]
        owners.extend((passage.number, ordinal) for ordinal, _ in parts)
        texts.extend(text for _, text in parts)
    return owners, texts


def encoded(
    folder: Path,
    target: Path,
    name: str,
    texts: Sequence[str],
    *,
    progress: Progress | None = None,
    shards: Sequence[Path] = (),
) -> tuple[Encoder, Mapping[bytes, Any], int]:
    """Return the encoder, put into a new generation, the vectors of texts by their digests, and how many were encoded anew.

    What the old generation, ``shards`` or a build that was killed have is taken over. With shards nothing is encoded: raises
    ShardError when they lack a text or were made otherwise.
    """
    known: list[Mapping[bytes, Any]] = [place_encoder(folder, target, name)]
    encoder = load_encoder(target)
    facts = made_by(encoder)
    known += [read_shard(path, facts) for path in shards]
    journal = Journal.open(folder / JOURNAL, facts)
    found: Mapping[bytes, Any] = ChainMap(*known, journal)  # type: ignore[arg-type]
    new = sorted({text for text in texts if digest(text) not in found})
    if new and shards:
        raise lacking(len(new))
    encode_into(journal, encoder, new, progress)
    return encoder, found, len(new)


def encode_into(journal: Journal, encoder: Encoder, texts: Sequence[str], progress: Progress | None) -> None:
    """Add the vectors of texts to a journal, safe from a crash every few seconds."""
    waiting = 0
    for rows, vectors in encode_parts(encoder, texts, progress):
        journal.add([digest(texts[row]) for row in rows], vectors)
        waiting += len(rows)
        if waiting >= _KEPT_TOGETHER:
            journal.keep()
            waiting = 0
    journal.keep()


def made_by(encoder: Encoder) -> dict[str, Any]:
    """Return what a vector depends on besides its text: vectors made otherwise are not mixed with an encoder's."""
    return {"encoder": encoder.identity, "dimensions": encoder.dimensions, "bulk": precision()}


def lacking(texts: int) -> ShardError:
    """Return the error that says how many texts no shard holds."""
    return ShardError(f"no shard holds {texts} of the corpus's texts; name the shards of all parts, of this corpus")


def read_shard(path: Path, facts: Mapping[str, Any]) -> Journal:
    """Open the vectors of one share; raises ShardError unless they were made as ``facts`` say."""
    shard = Journal.read(path)
    other = [key for key in facts if shard.facts.get(key) != facts[key]]
    if other:
        said = ", ".join(f"{key} {shard.facts.get(key)} there, {facts[key]} here" for key in other)
        raise ShardError(
            f"{path} was made otherwise ({said}); make all shards and the index with one kqa on one kind of machine"
        )
    return shard


def place_encoder(folder: Path, target: Path, name: str) -> dict[bytes, Any]:
    """Put the encoder into a new generation and return the vectors that the old one knows, by their text's digest."""
    try:
        old = open_generation(folder)
    except UnusableIndex:
        old = None
    if old is None or not is_current(name, old.folder / "encoder"):
        export_encoder(name, target)
        return {}
    shutil.copytree(old.folder / "encoder", target)
    if old.manifest["encoder"].get("bulk") != precision():
        return {}
    digests = np.load(old.folder / "digests.npy", allow_pickle=False)
    return dict(zip((bytes(d) for d in digests), Scan.load(old.folder).halves, strict=True))


def place_triage(folder: Path, target: Path, name: str) -> None:
    """Put the triage of messages into a new generation; the hashing encoder, which is for tests, comes without."""
    if name == HASHING:
        return
    try:
        old = open_generation(folder).folder / "triage"
    except UnusableIndex:
        old = target
    if triage.is_current(old):
        shutil.copytree(old, target)
    else:
        triage.export_triage(target)


def digest(text: str) -> bytes:
    """Name a text in 16 bytes, by which the next build finds its vector again."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def write_vectors(
    target: Path, owners: Sequence[tuple[int, int]], texts: Sequence[str], known: Mapping[bytes, Any], sketch_from: int
) -> dict[str, Any]:
    """Write the rows in force, whom they stand for and the digests of their texts; return how they are searched."""
    digests = [digest(text) for text in texts]
    np.save(target / "digests.npy", np.array(digests, "V16"))
    # In half precision from here on: encoded anew or taken over, the bytes are the same.
    halves = np.empty((len(texts), len(known[digests[0]])), np.float16)
    for at in range(0, len(texts), BLOCK):
        halves[at : at + BLOCK] = [known[name] for name in digests[at : at + BLOCK]]
    return write_rows(target, halves, np.array(owners, np.int32), sketch_from)


def write_rows(target: Path, halves: NDArray[np.float16], owners: NDArray[np.int32], sketch_from: int) -> dict[str, Any]:
    """Write rows, shape (n, d), and whom they stand for, shape (n, 2); return the facts for the manifest."""
    Owners.of(owners).save(target)
    Moments.of(halves[owners[:, 1] >= 0]).save(target)
    scan = Scan.build(halves, sketch_from)
    scan.save(target)
    recall = measured_recall(scan)
    return {"method": scan.method, "rows": len(halves), "rescored": scan.rescored, "recall@10": recall}
