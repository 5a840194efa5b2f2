"""Word (.docx) → its text with headings; a container that swells beyond measure is refused before it is opened."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from kqa.errors import DocumentRefused
from kqa.reading import Reading, joined

MOST_MEMBERS = 10_000
"""Files in a Word document's container."""
LARGEST_EXPANDED = 200_000_000
"""Bytes of all of them, expanded."""
STEEPEST_RATIO = 200
"""Times that a file in it may grow, beyond ``ALWAYS_ALLOWED``; text grows some 10 times, a bomb 1,000."""
ALWAYS_ALLOWED = 5_000_000
"""Bytes up to which a file in it may grow at any ratio."""

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_UNREAD = {f"{_W}moveFrom", f"{_W}del", f"{_W}pPr", f"{_W}rPr", _FALLBACK}  # deleted, moved away, or said a second time
_MARKS = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "\u2011", f"{_W}softHyphen": "\u00ad"}
_NO_TITLE = re.compile(r"(?:untitled|document\d*|word document|microsoft word.*|.*\.(?:docx?|dotx?|rtf))?", re.IGNORECASE)
_OLE = b"\xd0\xcf\x11\xe0"  # how Word 97 files and encrypted new ones begin


def read_word(data: bytes, path: str) -> Reading:
    """Return a document's text: a paragraph or table row a block, cells apart by tabs; insertions in, deletions out.

    Headers, footers, notes and comments are not read. Raises DocumentRefused.
    """
    from docx import Document
    from lxml.etree import LxmlError

    _check_container(data, path)
    try:
        document = Document(io.BytesIO(data))
        title = document.core_properties.title or ""
        blocks = list(_blocks(document.element.body, _heading_styles(document)))
    except (LxmlError, KeyError, ValueError, AttributeError, LookupError, OSError, zipfile.BadZipFile) as error:
        raise DocumentRefused(f"{path} is damaged ({_short(error)}); open it in Word and save it anew") from error
    return joined(blocks, "" if _NO_TITLE.fullmatch(title.strip()) else title)


def _check_container(data: bytes, path: str) -> None:
    if data.startswith(_OLE):
        raise DocumentRefused(f"{path} is encrypted, or of Word 97; save a copy as .docx without a password")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as container:
            members = container.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise DocumentRefused(f"{path} is no Word document ({_short(error)}); save it as .docx") from error
    if any(member.flag_bits & 1 for member in members):
        raise DocumentRefused(f"{path} is encrypted; save a copy without a password")
    if len(members) > MOST_MEMBERS or sum(member.file_size for member in members) > LARGEST_EXPANDED:
        raise DocumentRefused(f"{path} expands to more than {LARGEST_EXPANDED:,} bytes or {MOST_MEMBERS:,} files; divide it")
    for member in members:
        if member.file_size > max(ALWAYS_ALLOWED, STEEPEST_RATIO * member.compress_size):
            ratio = member.file_size // max(1, member.compress_size)
            raise DocumentRefused(f"{path} is a zip bomb (a file in it grows {ratio:,} times); do not open it")


def _heading_styles(document: Any) -> set[str]:
    """Return the ids of styles that make a paragraph a heading or the title, themselves or by what they are based on."""
    from docx.enum.style import WD_STYLE_TYPE

    found = set()
    for style in document.styles:
        above, seen = style, set()
        while style.type == WD_STYLE_TYPE.PARAGRAPH and above is not None and above.style_id not in seen:
            seen.add(above.style_id)
            if re.match(r"(?:heading \d|title$)", (above.name or "").lower()):
                found.add(style.style_id)
            above = above.base_style
    return found


def _blocks(body: Any, styles: set[str]) -> Iterator[tuple[str, bool]]:
    from lxml.etree import iterwalk

    words: list[list[str]] = [[]]  # of the paragraphs that are open: a text box lies within another one
    rows = 0
    walk = iterwalk(body, events=("start", "end"))
    for event, element in walk:
        tag = element.tag
        if event == "start" and tag in _UNREAD:
            walk.skip_subtree()
        elif tag == f"{_W}p" and event == "start":
            words.append([])
        elif tag == f"{_W}p":
            text = "".join(words.pop())
            if rows:
                words[-1].append(f"{text} ")
            else:
                yield text, _style(element) in styles
        elif tag in (f"{_W}tr", f"{_W}tc"):
            rows += (tag == f"{_W}tr") * (1 if event == "start" else -1)
            if event == "end":
                words[-1].append("\t")
            if not rows:
                yield re.sub(r" *\t[ \t]*", "\t", "".join(words[-1])), False
                words[-1] = []
        elif event == "start":
            words[-1].append((element.text or "") if tag == f"{_W}t" else _MARKS.get(tag, ""))


def _style(paragraph: Any) -> str:
    style = paragraph.find(f"{_W}pPr/{_W}pStyle")
    return "" if style is None else str(style.get(f"{_W}val", ""))


def _short(error: Exception) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:120]
