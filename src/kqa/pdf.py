"""PDF → its text with the offset of each page; pages that are only pictures are said to have no text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from kqa.errors import DocumentRefused
from kqa.lines import SOFT, Line, paragraphs
from kqa.reading import LONGEST_TEXT, Reading, storable

MOST_PAGES = 5_000
"""Pages of one PDF."""
_FEWEST_TOLD = 0.7  # share of characters that fonts must name for the others to be overlooked
_PASSWORD = 4  # PDFium's number for a file that wants one
_LISTED = 12  # pages or lines in a message
_LONGEST_SAID = 80  # characters of such a line
_NO_TITLE = re.compile(
    r"(?:untitled.*|title|document\d*|microsoft .*|powerpoint .*|.*\.(?:pdf|docx?|dvi|tex|indd|qxd|pptx?))?", re.IGNORECASE
)
_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
_HYPHENS = (2, 0xFFFE)  # PDFium's marks of a hyphen at a line's end
_BREAKS = re.compile(r"[^\W\d_]-$")


def read_pdf(data: bytes, path: str, step: Callable[[], None] = lambda: None) -> Reading:
    """Return a PDF's text, its lines joined to paragraphs by ``kqa.lines``; ``step`` is called before each page.

    Ligatures are written as letters. Raises DocumentRefused for a file that is encrypted, damaged, too long or only pictures.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
        pages = len(document)
    except pypdfium2.PdfiumError as error:
        # PDFium's number may be that of the file before, when it has none for this one
        if getattr(error, "err_code", None) == _PASSWORD and b"/Encrypt" in data:
            raise DocumentRefused(f"{path} is encrypted; save a copy without a password") from error
        raise DocumentRefused(f"{path} is damaged or no PDF; open it in a PDF reader and save it anew") from error
    if not 0 < pages <= MOST_PAGES:
        raise DocumentRefused(f"{path} has {pages:,} pages, a PDF may have 1 to {MOST_PAGES:,}; divide it")
    lines, blank, broken = _pages(document, step)
    if not any(lines):
        why = f"page {broken[0]} is damaged" if broken else "are they scanned?"
        raise DocumentRefused(f"{path} has no text on its {_count(pages)} ({why}); run a text recognition (OCR) on it")
    _check_told((line.text for page in lines for line in page), path)
    text, starts, left_out = paragraphs(lines)
    notes = [f"{_named(blank)} without text (scanned?); only a text recognition (OCR) can read them"] if blank else []
    notes += [f"{_named(broken)} damaged, and not read"] if broken else []
    if left_out:
        said = (f"“{words[:_LONGEST_SAID]}”" for words in left_out[:_LISTED])
        notes.append(f"left out as running head or foot: {', '.join(said)}")
    return Reading(text, starts, None, _title(document), tuple(notes))


def _pages(document: Any, step: Callable[[], None]) -> tuple[list[list[Line]], list[int], list[int]]:
    """Return each page's lines, and the numbers of the pages that are pictures without text and of those that are damaged."""
    import pypdfium2

    lines: list[list[Line]] = []
    blank, broken, length = [], [], 0
    for number in range(len(document)):
        step()
        lines.append([])
        try:
            page = document[number]
            text = page.get_textpage()
            lines[-1] = _lines(text) if length <= LONGEST_TEXT else []
            length += sum(len(line.text) for line in lines[-1])
            if not lines[-1] and next(iter(page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE])), None):
                blank.append(number + 1)
            text.close()
            page.close()
        except pypdfium2.PdfiumError:
            broken.append(number + 1)
    return lines, blank, broken


def _lines(page: Any) -> list[Line]:
    """Return the lines of a page in the order of its text."""
    from pypdfium2 import raw

    found: list[Line] = []
    places: list[int] = []
    words: list[str] = []
    count = page.count_chars()
    for at in range(count + 1):
        code = raw.FPDFText_GetUnicode(page, at) if at < count else 10
        if code not in (10, 13, *_HYPHENS):
            words.append(_LIGATURES.get(code, chr(code) if code >= 32 or code == 9 else "\ufffd"))
            places.append(at)
            continue
        text = storable("".join(words)).strip()
        if text:
            found.append(_line(page, text, places, code in _HYPHENS))
        places, words = [], []
    return found


def _line(page: Any, text: str, places: list[int], broken: bool) -> Line:
    left, bottom, _, top = _box(page, places[0])
    inked = text.rstrip(f"-{SOFT}")
    hyphen = SOFT if text.endswith(SOFT) else "-" if broken or _BREAKS.search(text) else ""
    return Line(inked if hyphen else text, left, _box(page, places[-1])[2], bottom, max(1.0, top - bottom), hyphen)


def _box(page: Any, place: int) -> tuple[float, float, float, float]:
    import pypdfium2

    try:
        left, bottom, right, top = page.get_charbox(place, loose=True)
    except pypdfium2.PdfiumError:
        return 0.0, 0.0, 0.0, 0.0
    return left, bottom, right, top


def _check_told(lines: Iterable[str], path: str) -> None:
    """Refuse a PDF whose fonts do not say which letters they show: its text would be nonsense."""
    text = "".join(lines)
    told = sum(not ("\ue000" <= c <= "\uf8ff" or c == "\ufffd" or c < " ") for c in text)
    if told < _FEWEST_TOLD * len(text):
        raise DocumentRefused(
            f"{path} does not say which letters its fonts show; export it anew, or run a text recognition (OCR) on it"
        )


def _title(document: Any) -> str:
    title = storable(document.get_metadata_value("Title") or "").strip()
    return "" if _NO_TITLE.fullmatch(title) else title


def _named(pages: list[int]) -> str:
    listed = ", ".join(map(str, pages[:_LISTED])) + (" …" if len(pages) > _LISTED else "")
    return f"page {listed} is" if len(pages) == 1 else f"pages {listed} are"


def _count(pages: int) -> str:
    return f"{pages:,} page{'' if pages == 1 else 's'}"
