"""What a reader is told after a quote was held against its document: in words and numbers, what was compared and how."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from kqa.errors import CitationError, QuestionError
from kqa.markup import esc
from kqa.types import Document
from kqa.verify import UNCHANGED, Verdict, compare, verify

_NOT_ON_DISK = "In the file on disk these words do not stand there now: it changed or cannot be read."
_SHOWN = 12  # hexadecimal digits of a SHA-256, and characters around a difference


def compared_html(data: Any, documents: Mapping[str, Document], corpus: Path | None) -> str:
    """Compare a quote, ``{path, start, end, text, sha256}``, with its document in the index and in the corpus folder.

    Without a corpus folder it says that only the index was compared. Raises QuestionError for a document that is not in
    the index, CitationError for a quote without all its parts.
    """
    path = data.get("path") if isinstance(data, Mapping) else None
    document = documents.get(path) if isinstance(path, str) else None
    if document is None:
        raise QuestionError("this document is not in the index; reload the page")
    at = {"document": path, **{key: data[key] for key in ("start", "end", "sha256") if key in data}}
    citation = {"citation": at, **{key: data[key] for key in ("text",) if key in data}}
    found = compare(citation, document.text, document.sha256)
    where = f"{len(data['text']):,} characters at {found.start} to {found.end} of {document.path}"
    words = "" if found.stands else f"{_difference(data['text'], document.text[found.start : found.end])} "
    file, on_disk = _on_disk(citation, corpus, document)
    verdicts = [found, *([on_disk] if on_disk else [])]
    stand, unchanged = (all(said) for said in zip(*((v.stands, v.reason == UNCHANGED) for v in verdicts), strict=True))
    verdict = "The same, word for word." if stand else "Not the same."
    told = f"{verdict} Compared: {where}. {words}{_hashes(data['sha256'], document.sha256)} {file}"
    look = "compared" if unchanged else "compared changed" if stand else "compared differs"
    return f'<p class="{look}">{esc(told)}</p>'


def _difference(quoted: str, found: str) -> str:
    at = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(quoted, found, strict=False)))
    shown = (text[at : at + _SHOWN] for text in (quoted, found))
    return "They differ from character {} on: quoted “{}”, in the document “{}”.".format(at + 1, *shown)


def _hashes(cited: str, now: str) -> str:
    if cited == now:
        return f"SHA-256 of the document {now[:_SHOWN]}…: the same."
    return f"SHA-256 of the document {now[:_SHOWN]}…: not the same ({cited[:_SHOWN]}… in the quote)."


def _on_disk(citation: dict[str, Any], corpus: Path | None, document: Document) -> tuple[str, Verdict | None]:
    """Say how the file stands that the index was built from; without a verdict where it was not compared."""
    if corpus is None:
        return "Only the index was compared; this server does not have the file it was built from.", None
    try:
        found = verify(citation, corpus, document)
    except CitationError:  # a link that leads out of the corpus folder
        found = compare(citation, "", "")
    return f"The file on disk: {found.reason}." if found.stands else _NOT_ON_DISK, found
