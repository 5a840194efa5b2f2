"""Answers questions by quoting the passages of a corpus that answer them, word for word, with citations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kqa.answer import ask, search
from kqa.building import Built
from kqa.config import Config
from kqa.errors import KqaError
from kqa.index import Index
from kqa.render import to_html, to_json, to_text
from kqa.types import (
    Answer,
    Citation,
    Disagreement,
    Document,
    Hit,
    Kind,
    Notice,
    Outcome,
    Passage,
    Quote,
    Reference,
    Source,
    Span,
)

__all__ = [
    "Answer", "Built", "Citation", "Config", "Disagreement", "Document", "Hit", "Index", "Kind", "KqaError", "Notice",
    "Outcome", "Passage", "Quote", "Reference", "Source", "Span", "ask", "build", "search", "to_html", "to_json", "to_text",
]  # fmt: skip


def build(
    corpus: Path,
    index: Path | str,
    config: Config | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    strict: bool = False,
    reading: Callable[[int, int], None] | None = None,
    shards: Sequence[Path] = (),
) -> Built:
    """Read a corpus folder and publish its index in a folder or a database; what an earlier index there encoded is reused.

    A database is named by its ``postgresql://`` address. A file that cannot be read is left out, and named with the reason in
    ``Built.refused``; with ``strict`` the first one is raised as DocumentRefused instead. ``progress`` is called with the texts
    encoded so far and all there are to encode, ``reading`` likewise with files. With ``shards``, files that
    ``kqa build --shard`` wrote, nothing is encoded. Raises CorpusError, also where every file is refused, EncoderError,
    ShardError or UnusableIndex; the earlier index then still stands.
    """
    from kqa.building import build_index
    from kqa.intake import take_in
    from kqa.postgres import is_address

    intake = take_in(corpus, strict=strict, progress=reading)
    chosen: dict[str, Any] = {"intake": intake, "shards": shards}
    if is_address(index):
        from kqa.postgres_build import build_remote

        return build_remote(intake.documents, str(index), config or Config(), corpus, progress, **chosen)
    return build_index(intake.documents, Path(index), config or Config(), corpus, progress, **chosen)
