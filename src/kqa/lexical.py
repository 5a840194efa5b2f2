"""BM25 with bm25s over stemmed words."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kqa.errors import IndexCorrupt

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ARRAYS = {"indptr": "indptr.csc.index.npy", "indices": "indices.csc.index.npy", "data": "data.csc.index.npy"}
_TERMS, _FACTS = "vocab.index.json", "params.index.json"
DIGITS = 4
"""Of a score, in every ranking and every answer: what is shown equal is ranked as equal."""
_SAMPLED = 16  # one score in so many is looked at for a first bound
K1, B = 1.5, 0.75  # bm25s's own defaults (Lù 2024), Lucene's variant: scores are never negative
_SYNONYMS = Path(__file__).with_name("synonyms.toml")
_WORD = re.compile(r"[^\W_]+")
STOP_WORDS = frozenset(
    """
    a about actually after all alot also am an and any are as at be because been being but by can could
    did do does doing done even ever for from get gets getting go got had has have having he her here hers hi him his how i
    if im in into is it its ive just lot lots maybe me might mine more most much my no non nor not of on one or our ours out
    over own please quite really receive received receiving s she should so some still such t than that the their theirs
    them then there these they this those to too under until up us very was we were what when where which while who whom
    whose why will with would you your yours dont doesnt didnt isnt arent wasnt cant wont
    husband wife partner boyfriend girlfriend mum mom mother dad father brother sister daughter grandma grandpa friend
    """.split()
)


def words(text: str) -> list[str]:
    """Return the words of a text, compatibility-normalised and case-folded, apostrophes dropped."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return _WORD.findall(re.sub(r"['’‘ʼ]", "", folded))


def terms(text: str) -> list[str]:
    """Return the stems of a text's words, without stop words; a word of a group of synonyms gives the group's."""
    known = _synonyms()
    return [known.get(stem, stem) for stem in (_stem(word) for word in words(text) if word not in STOP_WORDS)]


def analysis() -> str:
    """Name what turns words into terms, by its SHA-256: an index is searched with the words it was built with."""
    named = (_WORD.pattern, *sorted(STOP_WORDS), version("PyStemmer"))
    return hashlib.sha256(_SYNONYMS.read_bytes() + "\n".join(named).encode()).hexdigest()


@lru_cache(maxsize=1)
def _synonyms() -> dict[str, str]:
    groups: dict[str, list[str]] = tomllib.loads(_SYNONYMS.read_text(encoding="utf-8"))
    return {_stem(word): _stem(group[0]) for group in groups.values() for word in group}


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    stem: str = _stemmer().stemWord(word)
    return stem


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    from Stemmer import Stemmer

    return Stemmer("english", 0)  # no cache of its own: it is not safe to share between threads


class Lexical:
    """Scores passages by BM25, from the sparse matrix that bm25s made: which passages hold a term, and its weight in each."""

    def __init__(self, numbers: Mapping[str, int], count: int, matrix: Sequence[Any]) -> None:
        starts, passages, weights = matrix
        if len(starts) != len(numbers) + 1 or not starts[-1] == len(passages) == len(weights):
            raise ValueError(f"{len(numbers)} terms, {len(passages)} places and {len(weights)} weights")
        self._numbers, self._count = numbers, count
        self._starts, self._passages, self._weights = starts, passages, weights

    @classmethod
    def build(cls, texts: Sequence[str]) -> Lexical:
        """Index texts; the vocabulary is sorted, so that the same texts give the same bytes."""
        import bm25s
        from bm25s.tokenization import Tokenized

        documents = [terms(text) or [""] for text in texts]
        vocabulary = {term: number for number, term in enumerate(sorted({t for d in documents for t in d} | {""}))}
        bm25 = bm25s.BM25(method="lucene", k1=K1, b=B)
        bm25.index(Tokenized([[vocabulary[t] for t in d] for d in documents], vocabulary), show_progress=False)
        return cls(bm25.vocab_dict, len(texts), [bm25.scores[name] for name in _ARRAYS])

    @classmethod
    def load(cls, folder: Path) -> Lexical:
        """Map what ``save`` wrote; bm25s itself, which takes long to import, is not needed."""
        try:
            arrays = [np.asarray(np.load(folder / path, mmap_mode="r", allow_pickle=False)) for path in _ARRAYS.values()]
            numbers = json.loads((folder / _TERMS).read_text(encoding="utf-8"))
            count = json.loads((folder / _FACTS).read_text(encoding="utf-8"))["num_docs"]
            return cls(numbers, count, arrays)
        except (OSError, ValueError, TypeError, KeyError, EOFError) as error:
            raise IndexCorrupt(f"{folder} does not load ({error}); rebuild with: kqa build") from error

    def save(self, folder: Path) -> None:
        """Write plain arrays and JSON, by the names that bm25s gives them."""
        folder.mkdir()
        for path, array in zip(_ARRAYS.values(), (self._starts, self._passages, self._weights), strict=True):
            np.save(folder / path, array)
        (folder / _TERMS).write_text(json.dumps(self._numbers, ensure_ascii=False) + "\n", encoding="utf-8")
        (folder / _FACTS).write_text(json.dumps({"num_docs": self._count}) + "\n", encoding="utf-8")

    def scores(self, query: Sequence[str]) -> NDArray[np.float32]:
        """Return the BM25 score of every passage for a query's terms, shape (passages,)."""
        scores = np.zeros(self._count, np.float32)
        for term in query:
            if self.knows(term):
                holding, weights = self._postings(term)
                scores[holding] += weights  # no passage stands twice among those that hold a term
        return scores

    def best(self, query: Sequence[str], k: int, allowed: NDArray[np.bool_] | None = None) -> list[int]:
        """Return the k passages with the highest positive scores, by (−score, number); only ``allowed`` ones.

        Every term's weights are added up: up to a million passages no way to leave some out was found that took less time.
        """
        scores = self.scores(query)
        if allowed is not None:
            scores *= allowed
        found = np.flatnonzero(scores > max(_at_most_kth(scores, k) - 10**-DIGITS, 0.0))
        return [int(found[at]) for at in top(scores[found].round(DIGITS), k)]

    def score(self, query: Sequence[str], passages: Any) -> NDArray[np.float32]:
        """Return the BM25 scores of some passages, by their numbers, rounded: those of ``scores``."""
        numbers = np.asarray(passages, np.int32)
        scores = np.zeros(len(numbers), np.float32)
        for term in query:  # in the order in which ``scores`` adds, so that both come to the same
            if len(numbers) and self.knows(term):
                holding, weights = self._postings(term)
                places = np.searchsorted(holding, numbers).clip(max=len(holding) - 1)
                scores += np.where(holding[places] == numbers, weights[places], np.float32(0))
        return scores.round(DIGITS)

    def _postings(self, term: str) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the passages that hold a term, rising, and its weight in each."""
        number = self._numbers[term]
        span = slice(int(self._starts[number]), int(self._starts[number + 1]))
        return self._passages[span], self._weights[span]

    def most(self, query: Sequence[str]) -> float:
        """Return what no passage's score for a query's terms can exceed: the sum of their idf, with those no passage holds."""
        return sum(map(self.idf, query))

    def knows(self, term: str) -> bool:
        """Whether any passage holds a term."""
        return bool(term) and term in self._numbers

    def idf(self, term: str) -> float:
        """Return ln(1 + (n − df + ½) / (df + ½)): how telling a term is; a term of no passage is the most telling."""
        df = len(self._postings(term)[0]) if self.knows(term) else 0
        return float(np.log1p((self._count - df + 0.5) / (df + 0.5)))


def top(scores: NDArray[np.float32], k: int) -> list[int]:
    """Return the numbers of the k highest positive scores, by (−score, number)."""
    candidates = np.flatnonzero((scores >= _at_most_kth(scores, k)) & (scores > 0))
    if len(candidates) > k:
        limit = np.partition(scores[candidates], -k)[-k]
        candidates = candidates[scores[candidates] >= limit]
    order = np.lexsort((candidates, -scores[candidates]))
    return [int(n) for n in candidates[order][:k]]


def _at_most_kth(scores: NDArray[np.float32], k: int) -> float:
    """Return a bound that the k-th highest score reaches: that of some of the scores, which is sooner found."""
    some = scores[::_SAMPLED]
    return float(np.partition(some, -k)[-k]) if len(some) >= k else 0.0
