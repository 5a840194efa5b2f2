"""How hard a text is to read, as the age in years at which pupils read it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from kqa.errors import CorpusError

_YEARS_BEFORE_SCHOOL = 5  # a US grade's pupils are about five years older than its number
_SPOKEN = re.compile(r"[^\W_]+(?:[-.,'’][^\W_]+)*")


def spoken(text: str) -> list[str]:
    """Return the words of a text as Flesch counted them: “low-dose” and “10.5” are one each."""
    return _SPOKEN.findall(text)


def reading_age(sentences: Sequence[str]) -> float:
    """Return the Flesch-Kincaid grade (Kincaid et al., 1975) and five, in years; 0 where there is nothing to read.

    Raises CorpusError where pyphen is not installed.
    """
    words = [word for sentence in sentences for word in spoken(sentence)]
    if not words:
        return 0.0
    syllables = sum(map(_count_syllables(), words))
    grade = 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59
    return grade + _YEARS_BEFORE_SCHOOL


def _count_syllables() -> Callable[[str], int]:
    # pyphen carries its patterns with it; textstat fetches a word list from the net, and before that needed one under the GPL.
    # Breaks after the first and before the last letter (1, 1) count as the CMU pronouncing dictionary does: over this corpus
    # 0.15 grades more on average, 0.4 either way. The 2, 2 of typesetting counts 1.2 grades too few.
    try:
        import pyphen
    except ImportError as error:
        raise CorpusError(
            "pyphen, which counts syllables, is not installed; install it with: pip install 'kqa[lint]'"
        ) from error
    breaks = pyphen.Pyphen(lang="en_US", left=1, right=1)
    return lambda word: sum(len(breaks.positions(part)) + 1 for part in word.split("-"))
