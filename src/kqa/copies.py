"""Find the runs of words that a text shares with somebody else's texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kqa.errors import CorpusError

RUN = 8  # words; fewer are shared by chance
EXEMPT = "\0"  # stands for each character of a part that may be shared
_WORD = re.compile(rf"[^\W_]+|{EXEMPT}+")

Runs = Mapping[tuple[str, ...], str]
"""Every run of ``RUN`` words of the other texts, with the name of the first text that holds it."""


@dataclass(frozen=True, slots=True)
class Copy:
    """Code points ``[start, end)`` of a text, so many words, that stand in the text named ``source`` as well."""

    start: int
    end: int
    words: int
    source: str


def bare_words(text: str) -> list[str]:
    """Return words as copies are compared: case-folded, without what stands between them; “low-dose” is two."""
    return _WORD.findall(text.casefold())


def read_texts(folder: Path) -> dict[str, str]:
    """Read every text file below a folder, by its path there, sorted; a file with a zero byte is no text."""
    texts = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CorpusError(f"{path} cannot be read ({error.strerror}); allow it or name another folder") from error
        if b"\0" not in data:
            texts[path.relative_to(folder).as_posix()] = data.decode("utf-8", "replace")
    return texts


def runs_of(texts: Mapping[str, str]) -> Runs:
    """Return every run of the texts."""
    return {run: name for name in reversed(list(texts)) for run in _runs(bare_words(texts[name]))}


def copies(text: str, runs: Runs) -> Iterator[Copy]:
    """Yield the longest parts of a text of which every run is one of ``runs``, in order."""
    words = list(_WORD.finditer(text))
    shared = [runs.get(run) for run in _runs([word[0].casefold() for word in words])]
    at = 0
    while at < len(shared):
        end = next((place for place in range(at, len(shared)) if not shared[place]), len(shared))
        if end > at:
            last = end + RUN - 2  # the last word of the last run
            yield Copy(words[at].start(), words[last].end(), last - at + 1, shared[at] or "")
        at = end + 1


def _runs(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1)]
