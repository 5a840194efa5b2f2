"""Read a misspelt word as the nearest word of the corpus."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

from kqa.lexical import STOP_WORDS, words

_SHORTEST = 4  # letters; shorter words are too near to too many others
_ONE_EDIT = 5  # letters up to which one wrong letter is forgiven; two in longer words
_WORD = re.compile(r"[^\W\d_]+")


class Spelling:
    """Corrects words that neither the corpus, the stop words nor the encoder knows.

    ``vocabulary`` counts the passages that hold a word.
    """

    def __init__(self, vocabulary: Mapping[str, int], known: Callable[[str], bool]) -> None:
        self._vocabulary, self._known = vocabulary, known
        self._candidates: dict[tuple[str, int], list[str]] = defaultdict(list)
        for word in sorted({*vocabulary, *STOP_WORDS}):
            if len(word) >= _SHORTEST and word.isalpha():
                self._candidates[word[0], len(word)].append(word)

    def correct(self, text: str) -> str:
        """Return a text with its misspelt words corrected and all else as it was."""
        return _WORD.sub(lambda word: self.word(word.group()), text)

    def word(self, word: str) -> str:
        """Return the corpus's nearest word with the same first letter, the commonest of equals; or the word itself.

        Nearness is the number of letters to add, drop, change or swap (optimal string alignment).
        """
        from rapidfuzz import process
        from rapidfuzz.distance import OSA

        lower = word.casefold()
        if len(lower) < _SHORTEST or lower in self._vocabulary or lower in STOP_WORDS or self._known(lower):
            return word
        forgiven = 1 if len(lower) <= _ONE_EDIT else 2
        lengths = range(len(lower) - forgiven, len(lower) + forgiven + 1)  # each letter more or less is one to forgive
        candidates = [found for length in lengths for found in self._candidates.get((lower[0], length), ())]
        near = process.extract(lower, candidates, scorer=OSA.distance, score_cutoff=forgiven, limit=None)
        same = [(distance, -self._vocabulary.get(found, 0), found) for found, distance, _ in near]
        return min(same)[2] if same else word


def vocabulary(texts: Iterable[str]) -> dict[str, int]:
    """Count the texts that hold each word, in the order of the alphabet."""
    counts = Counter(word for text in texts for word in set(words(text)))
    return dict(sorted(counts.items()))
