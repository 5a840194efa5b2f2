"""BM25 with bm25s over stemmed words."""

from __future__ import annotations

import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kqa.errors import IndexCorrupt

if TYPE_CHECKING:
    from numpy.typing import NDArray

_K1, _B = 1.5, 0.75  # bm25s's own defaults (Lù 2024), Lucene's variant: scores are never negative
_SYNONYMS = Path(__file__).with_name("synonyms.toml")
_WORD = re.compile(r"[^\W_]+")
STOP_WORDS = frozenset(
    """
    a about after all also am an and any are as at be because been being but by can could did do does doing done for from
    get gets getting go got had has have having he her here hers him his how i if im in into is it its ive just me might
    mine more most much my no nor not of on one or our ours out over own s she should so some such t than that the their
    theirs them then there these they this those to too under until up us very was we were what when where which while who
    whom whose why will with would you your yours dont doesnt didnt isnt arent wasnt cant wont
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
    """Scores passages by BM25; holds bm25s's sparse matrix and nothing else."""

    def __init__(self, bm25: Any) -> None:
        self._bm25 = bm25
        matrix = bm25.scores
        self._count = int(matrix["num_docs"])
        self._frequencies = np.diff(matrix["indptr"])

    @classmethod
    def build(cls, texts: Sequence[str]) -> Lexical:
        """Index texts; the vocabulary is sorted, so that the same texts give the same bytes."""
        import bm25s
        from bm25s.tokenization import Tokenized

        documents = [terms(text) or [""] for text in texts]
        vocabulary = {term: number for number, term in enumerate(sorted({t for d in documents for t in d} | {""}))}
        bm25 = bm25s.BM25(method="lucene", k1=_K1, b=_B)
        bm25.index(Tokenized([[vocabulary[t] for t in d] for d in documents], vocabulary), show_progress=False)
        return cls(bm25)

    @classmethod
    def load(cls, folder: Path) -> Lexical:
        """Load what ``save`` wrote."""
        import bm25s

        try:
            return cls(bm25s.BM25.load(str(folder), load_corpus=False))
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise IndexCorrupt(f"{folder} does not load ({error}); rebuild with: kqa build") from error

    def save(self, folder: Path) -> None:
        """Write plain arrays and JSON."""
        self._bm25.save(str(folder), corpus=None)

    def scores(self, query: Sequence[str]) -> NDArray[np.float32]:
        """Return the BM25 score of every passage for a query's terms, shape (passages,)."""
        known = [term for term in query if self.knows(term)]
        if not known:
            return np.zeros(self._count, np.float32)
        scored: NDArray[np.float32] = self._bm25.get_scores(known)
        return scored

    def most(self, query: Sequence[str]) -> float:
        """Return what no passage's score for a query's terms can exceed: the sum of their idf, with those no passage holds."""
        return sum(map(self.idf, query))

    def knows(self, term: str) -> bool:
        """Whether any passage holds a term."""
        return bool(term) and term in self._bm25.vocab_dict

    def idf(self, term: str) -> float:
        """Return ln(1 + (n − df + ½) / (df + ½)): how telling a term is; a term of no passage is the most telling."""
        number = self._bm25.vocab_dict.get(term, 0)
        df = int(self._frequencies[number]) if self.knows(term) else 0
        return float(np.log1p((self._count - df + 0.5) / (df + 0.5)))


def top(scores: NDArray[np.float32], k: int) -> list[int]:
    """Return the numbers of the k highest positive scores, by (−score, number)."""
    if len(scores) > k:
        limit = np.partition(scores, len(scores) - k)[len(scores) - k]
        candidates = np.flatnonzero((scores >= limit) & (scores > 0))
    else:
        candidates = np.flatnonzero(scores > 0)
    order = np.lexsort((candidates, -scores[candidates]))
    return [int(n) for n in candidates[order][:k]]
