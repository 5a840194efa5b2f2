"""Does a citation still stand, word for word, in its document?"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kqa.errors import CitationError, CorpusError
from kqa.folder import read_bytes
from kqa.readers import read
from kqa.types import Document

OTHER_TEXT = "reads otherwise, though the file is unchanged: it was altered in the citation, or is extracted otherwise now"
UNCHANGED = "word for word there, and the document is unchanged"
"""What is said of a citation that stands in the very same document."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was compared for one citation: where it points, whether it stands, and why not."""

    document: str
    start: int
    end: int
    stands: bool
    reason: str


def read_citations(text: str, where: str) -> list[dict[str, Any]]:
    """Find every quote with its citation in JSON: one quote, one disagreement's side, or a whole answer of ``kqa ask --json``.

    Raises CitationError when there is none.
    """
    try:
        found = list(_citations(json.loads(text)))
    except (ValueError, RecursionError) as error:
        raise CitationError(f"{where} is not JSON ({error}); pass what “Copy citation” or kqa ask --json gave") from error
    if not found:
        raise CitationError(f"{where} holds no quote with its citation; pass what “Copy citation” or kqa ask --json gave")
    return found


def verify(citation: dict[str, Any], corpus: Path, known: Document | None = None) -> Verdict:
    """Compare a citation with the file it names: SHA-256 of the bytes, then the text at its offsets.

    The text of a page, a PDF or a Word file is extracted anew, but where the bytes are those of a ``known`` document.
    Raises CitationError when the citation is incomplete or points out of the corpus folder.
    """
    document, start, end, _, _ = _fields(citation)
    try:
        within = (corpus / document).resolve().is_relative_to(corpus.resolve())
    except RuntimeError as error:
        raise CitationError(f"{document} is a link that leads to itself; put the file there") from error
    if not within:
        raise CitationError(f"{document} points out of {corpus}; a citation names a path below the corpus folder")
    try:
        data = read_bytes(corpus, document)
        sha256 = hashlib.sha256(data).hexdigest()
        found = known.text if known and known.sha256 == sha256 else read(data, document).text
    except (OSError, ValueError, CorpusError) as error:
        return Verdict(document, start, end, False, f"{corpus / document} cannot be read: {error}")
    return compare(citation, found, sha256)


def compare(citation: dict[str, Any], found: str, sha256: str) -> Verdict:
    """Compare a citation with the text of the document it names, and with the SHA-256 of that document's bytes.

    Raises CitationError when the citation is incomplete.
    """
    document, start, end, text, cited = _fields(citation)
    if end > len(found) or found[start:end] != text:
        why = OTHER_TEXT if sha256 == cited else "reads otherwise"
        return Verdict(document, start, end, False, f"the text at [{start}, {end}) {why}")
    if not _answer_stands(citation.get("answer"), found, start, end):
        return Verdict(document, start, end, False, "the answering sentence is not in it word for word")
    if sha256 != cited:
        return Verdict(document, start, end, True, "word for word there, but the document changed elsewhere")
    return Verdict(document, start, end, True, UNCHANGED)


def _answer_stands(answer: object, text: str, start: int, end: int) -> bool:
    """Whether the answering sentence, where a quote names one, stands at its offsets within the quote."""
    if answer is None:
        return True
    if not isinstance(answer, dict) or not all(type(answer.get(key)) is int for key in ("start", "end")):
        return False
    return bool(start <= answer["start"] < answer["end"] <= end and text[answer["start"] : answer["end"]] == answer.get("text"))


def _citations(data: object) -> Iterator[dict[str, Any]]:
    if isinstance(data, dict) and isinstance(data.get("citation"), dict):
        yield data
        yield from _citations(data.get("disagreements"))  # a copied quote takes along what contradicts it
    elif isinstance(data, dict) and {"document", "start", "end", "text", "sha256"} <= set(data):
        yield {"text": data["text"], "citation": data}
    elif isinstance(data, dict):
        for key in ("quotes", "closest", "disagreements", "sides", "gathered"):
            yield from _citations(data.get(key))
    elif isinstance(data, list):
        for item in data:
            yield from _citations(item)


def _fields(citation: dict[str, Any]) -> tuple[str, int, int, str, str]:
    at = citation["citation"]
    try:
        document, start, end, sha256, text = at["document"], at["start"], at["end"], at["sha256"], citation["text"]
    except KeyError as error:
        raise CitationError(f"the citation lacks {error}; copy it whole") from error
    if not all(isinstance(value, str) for value in (document, sha256, text)) or not document.isprintable():
        raise CitationError("the citation's document, sha256 and text must be text; copy it whole")
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in (start, end)) or not 0 <= start < end:
        raise CitationError(f"the citation's offsets {start!r}, {end!r} are no span; copy it whole")
    return document, start, end, text, sha256
