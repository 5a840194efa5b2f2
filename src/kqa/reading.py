"""What a reader makes of a file, and how much of a file it takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kqa.errors import DocumentRefused
from kqa.types import Span

LARGEST_FILE = 100_000_000
"""Bytes of one file; a larger one is refused unread."""
LONGEST_TEXT = 20_000_000
"""Characters of one document, some ten thousand pages."""
LONGEST_PARAGRAPH = 2_000_000
"""Characters between two empty lines; so many are split within seconds."""

MOST_LINES = 50_000
"""Lines of one Markdown document, whose blocks are told line by line."""
MOST_BARS = 300_000
"""Bars “|” in it, which may each begin the cell of a table."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A file's text, the offset at which each page starts (empty without pages), its title, what people should know.

    ``headings`` are those that the format declares, in order; None where a format declares none and they are told by
    their looks. An empty ``title`` is taken from the text.
    """

    text: str
    pages: tuple[int, ...] = ()
    headings: tuple[Span, ...] | None = None
    title: str = ""
    notes: tuple[str, ...] = ()


def joined(blocks: Iterable[tuple[str, bool]], title: str, notes: tuple[str, ...] = ()) -> Reading:
    """Set blocks, each with whether it is a heading, one blank line apart; blocks without ink are left out."""
    parts: list[str] = []
    headings, at = [], 0
    for text, heading in blocks:
        inked = storable(text).strip()
        if not inked:
            continue
        if heading:
            headings.append(Span(at, at + len(inked)))
        parts.append(inked)
        at += len(inked) + 2
    return Reading("\n\n".join(parts), (), tuple(headings), storable(title).strip(), notes)


def storable(text: str) -> str:
    """Replace halves of surrogate pairs, which no file can hold, by U+FFFD."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def check_text(text: str, path: str) -> None:
    """Raise DocumentRefused for a text without words, or with too many."""
    if not text.strip("\ufeff \t\r\n\f\v\0"):
        raise DocumentRefused(f"{path} holds no text; put words into it, or leave it out")
    if len(text) > LONGEST_TEXT:
        raise DocumentRefused(f"{path} holds {len(text):,} characters, more than {LONGEST_TEXT:,}; divide it")
    if (longest := _longest_paragraph(text)) > LONGEST_PARAGRAPH:
        raise DocumentRefused(f"{path} has a paragraph of {longest:,} characters, more than {LONGEST_PARAGRAPH:,}; divide it")
    if path.lower().endswith(".md") and (len(text.splitlines()) > MOST_LINES or text.count("|") > MOST_BARS):
        raise DocumentRefused(f"{path} has more than {MOST_LINES:,} lines or {MOST_BARS:,} bars of tables; divide it")


def _longest_paragraph(text: str) -> int:
    longest = length = 0
    for line in text.splitlines(keepends=True):
        length = length + len(line) if line.strip() else 0
        longest = max(longest, length)
    return longest


def reading_to_dict(reading: Reading) -> dict[str, Any]:
    """Return a reading as a JSON object."""
    headings = None if reading.headings is None else [[span.start, span.end] for span in reading.headings]
    return {
        "text": reading.text,
        "pages": reading.pages,
        "headings": headings,
        "title": reading.title,
        "notes": reading.notes,
    }


def reading_from_dict(data: dict[str, Any]) -> Reading:
    """Read back what ``reading_to_dict`` gave."""
    headings = None if data["headings"] is None else tuple(Span(start, end) for start, end in data["headings"])
    return Reading(data["text"], tuple(data["pages"]), headings, data["title"], tuple(data["notes"]))
