"""Lines on pages → paragraphs of text, by a stated rule; what runs along the top and bottom of the pages is left out.

A line goes on the paragraph before it, one blank between them, unless

- it stands further below than is usual on its page, or in another size of letters, or
- it begins with a bullet or a number of a list, or
- the line before ends a sentence and is clearly shorter than its column is wide, or
- it begins another column or page, and the line before ends a sentence or this one does not begin in lower case.

A hyphen at a line's end is taken out when it is a soft one, or when the whole word stands elsewhere in the document; otherwise
it stays, as it may be part of the word. Either way the parts are joined.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from statistics import median

SOFT = "\u00ad"
"""The hyphen that shows only where a word is broken."""
_FURTHER = 1.35  # of the usual distance of lines: a new paragraph
_OTHER_SIZE = 0.12  # of the size of letters: a heading, a note
_SHORT = 0.85  # of the width of a column
_COLUMN = 30  # points: lines that begin nearer to each other stand in one column
_FEWEST = 4  # distances that say what is usual; of fewer lines, this times their letters' size:
_LEADING = 1.3
_RUNS_ON = 3  # pages, and at least a third of all: a running head
_LISTED = re.compile(r"(?:[•‣◦▪●○■□–—*·-]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s")
_ENDS = re.compile(r"[.!?:;…][\"'”’»)\]]*$")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a page: its words, where it begins, ends and stands, in points, and the size of its letters.

    ``hyphen`` is the one at its end that breaks a word, if any; it is no part of ``text``.
    """

    text: str
    left: float
    right: float
    bottom: float
    size: float
    hyphen: str = ""


def paragraphs(pages: Sequence[Sequence[Line]]) -> tuple[str, tuple[int, ...], tuple[str, ...]]:
    """Return the text of pages, the offset at which each starts, and the running heads and feet that were left out."""
    pages, left_out = _without_running(pages)
    words = {word.casefold() for page in pages for line in page for word in _WORD.findall(line.text)}
    every = [*chain.from_iterable(pages)]
    if not every:
        return "", (0,) * len(pages), ()
    joins = [*_joins(pages), False]
    parts: list[str] = []
    places: list[int] = []  # where each line begins
    at = 0
    for line, after, goes_on in zip(every, [*every[1:], None], joins, strict=True):
        end = "" if after is None else " " if goes_on else "\n\n"
        if line.hyphen:
            end = _hyphen(line, after, words) if goes_on and after else f"{line.hyphen}{end}"
        places.append(at)
        parts += [line.text, end]
        at += len(line.text) + len(end)
    places.append(at)
    first = 0
    starts = []
    for page in pages:
        starts.append(places[first])
        first += len(page)
    return "".join(parts), tuple(starts), left_out


def _hyphen(line: Line, after: Line, words: set[str]) -> str:
    """Return the hyphen that stays between the parts of a broken word, or nothing."""
    parts = _WORD.findall(line.text)[-1:] + _WORD.findall(after.text)[:1]
    return "" if line.hyphen == SOFT or "".join(parts).casefold() in words else line.hyphen


def _joins(pages: Sequence[Sequence[Line]]) -> Iterator[bool]:
    """Yield for each line but the last whether the next one goes on its paragraph."""
    layouts = {id(line): (number, *_layout(page)) for number, page in enumerate(pages) for line in page[:1]}
    number, usual, widths = -1, 0.0, dict[int, float]()
    for before, line in pairwise(chain.from_iterable(pages)):
        if id(before) in layouts:
            number, usual, widths = layouts[id(before)]
        turned = id(line) in layouts or line.bottom > before.bottom + before.size
        yield _goes_on(before, line, 0.0 if turned else usual, widths.get(int(before.left // _COLUMN), before.right))


def _layout(page: Sequence[Line]) -> tuple[float, dict[int, float]]:
    """Return the usual distance of a page's lines, and how far the lines of each column reach."""
    size = median(line.size for line in page)
    distances = [a.bottom - b.bottom for a, b in pairwise(page) if 0.5 * size < a.bottom - b.bottom < 4 * size]
    widths: dict[int, float] = defaultdict(float)
    for line in page:
        column = int(line.left // _COLUMN)
        widths[column] = max(widths[column], line.right)
    return (median(distances) if len(distances) >= _FEWEST else _LEADING * size), widths


def _goes_on(before: Line, line: Line, usual: float, reach: float) -> bool:
    """Whether a line goes on the paragraph of the line before; ``usual`` is 0 where a column or page lies between."""
    if before.hyphen and line.text[:1].islower():
        return True
    if _LISTED.match(line.text):
        return False
    ends = bool(_ENDS.search(before.text))
    if not usual:
        return not ends and line.text[:1].islower()
    if abs(line.size - before.size) > _OTHER_SIZE * before.size or before.bottom - line.bottom > _FURTHER * usual:
        return False
    beside = abs(before.bottom - line.bottom) < 0.3 * before.size
    return beside or not (ends and before.right - before.left < _SHORT * (reach - before.left))


def _without_running(pages: Sequence[Sequence[Line]]) -> tuple[list[list[Line]], tuple[str, ...]]:
    """Take out the lines that stand outermost on many pages with the same words, but for a number that counts the pages."""
    outermost = [_outermost(page) for page in pages]
    counted = Counter(key for number, lines in enumerate(outermost) for key in {k for at in lines for k in _keys(at, number)})
    fewest = max(_RUNS_ON, sum(map(bool, pages)) / 3)
    kept: list[list[Line]] = []
    gone: dict[str, str] = {}  # by the words without their numbers
    for number, page in enumerate(pages):
        running = {id(at) for at in outermost[number] if any(counted[key] >= fewest for key in _keys(at, number))}
        kept.append([line for line in page if id(line) not in running])
        for line in page:
            if id(line) in running:
                gone.setdefault(re.sub(r"\d+", "#", line.text), line.text)
    return (kept, tuple(gone.values())) if any(kept) else ([list(page) for page in pages], ())


def _outermost(page: Sequence[Line]) -> list[Line]:
    if not page:
        return []
    highest, lowest = max(line.bottom for line in page), min(line.bottom for line in page)
    return [line for line in page if min(abs(line.bottom - highest), abs(line.bottom - lowest)) < 0.5 * line.size + 0.1]


def _keys(line: Line, number: int) -> Iterator[str]:
    yield line.text
    for found in re.finditer(r"(?<!\d)\d{1,5}(?!\d)", line.text[:200]):
        yield f"{line.text[: found.start()]}\0{int(found[0]) - number}\0{line.text[found.end() :]}"
