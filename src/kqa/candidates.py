"""Pairs of a corpus's sentences that may contradict each other, for a person to review; nothing here decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from heapq import nsmallest
from itertools import product
from typing import TYPE_CHECKING

from kqa.errors import ConfigError
from kqa.passages import plain
from kqa.polarity import Signals, Statement, Weigh, compare_statements, differ, explain, read_statement
from kqa.types import Kind, Passage, Quote, Span

if TYPE_CHECKING:
    from kqa.index import Index
    from kqa.trust import Contradiction, Side
    from kqa.types import Vectors

SIGNS = ("nearness", "shared", "denied", "opposed", "apart", "certainty")
# A bias, then a weight for each sign; python evaluation/disagreements.py --fit prints them.
WEIGHTS = (-3.06, 3.18, 4.81, 0.88, 2.75, 0.54, 2.4)
_NEAREST = 500  # sentences that each is compared with: all of a small corpus, a bounded number in a large one
_BLOCK = 1024  # rows of cosines held at once
_DIGITS = 4  # of a score


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two sentences that may contradict each other, the better kind of source first, and the signals that spoke, in words.

    ``score`` orders candidates and is no chance that they contradict each other; ``signs`` is what it weighed, see ``SIGNS``.
    """

    sides: tuple[Quote, Quote]
    signals: tuple[str, ...]
    score: float
    signs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence, its place, the kind of its source, its row among the vectors and what it says."""

    kind: Kind
    passage: Passage
    span: Span
    row: int
    words: str
    statement: Statement


def find_candidates(index: Index, n: int, across: bool = False) -> list[Candidate]:
    """Return at most n pairs of sentences of different passages that may contradict each other, best first.

    Both speak of something in common, by a term or by a pair of opposites, and at least one signal spoke; with ``across``,
    their sources are of different kinds. Passages, not sections, for a text without headings has one section only. Of
    sentences of the same words the first of the best kind counts; a pair that the corpus's table lists is left out.
    Raises ConfigError when n < 1.
    """
    check_count(n)
    rows, vectors = index.dense.sentences()
    sentences = _distinct(index, rows)
    listed = _listed(index.contradictions, index, rows)
    about = vectors[[sentence.row for sentence in sentences]]

    def comparable(a: _Sentence, b: _Sentence) -> bool:
        elsewhere = a.passage.number != b.passage.number and not (across and a.kind is b.kind)
        return elsewhere and frozenset((a.words, b.words)) not in listed

    pairs = ((i, j) for i, j in _near(about) if comparable(sentences[i], sentences[j]))
    scored = _scored(sentences, about, pairs, lru_cache(maxsize=None)(index.lexical.idf))
    found = nsmallest(n, scored, key=lambda one: (-one[0], one[1], one[2]))
    return [Candidate(*_shown(index, sentences[i], sentences[j]), score, weighed) for score, i, j, weighed in found]


def check_count(n: int) -> None:
    """Raise ConfigError when so many pairs cannot be shown."""
    if n < 1:
        raise ConfigError(f"{n} pairs cannot be shown; ask for 1 or more")


def signs(nearness: float, signals: Signals) -> tuple[float, ...]:
    """Return what a score weighs, in the order of ``SIGNS``; ``nearness`` is the cosine of two centred sentences."""
    return nearness, signals.shared, signals.denied, signals.opposed, signals.apart, signals.certainty


def score_pair(found: Sequence[float]) -> float:
    """Return the score of a pair's signs: their weighed sum."""
    bias, *weights = WEIGHTS
    return round(bias + sum(weight * sign for weight, sign in zip(weights, found, strict=True)), _DIGITS)


def _scored(
    sentences: Sequence[_Sentence], vectors: Vectors, pairs: Iterable[tuple[int, int]], weigh: Weigh
) -> Iterator[tuple[float, int, int, tuple[float, ...]]]:
    for i, j in pairs:
        a, b = sentences[i].statement, sentences[j].statement
        if not differ(a, b):
            continue
        signals = compare_statements(a, b, weigh)
        if signals.shared or signals.opposed:
            found = signs(float(vectors[i] @ vectors[j]), signals)
            yield score_pair(found), i, j, found


def _near(vectors: Vectors) -> Iterator[tuple[int, int]]:
    """Yield each pair (i, j), i < j, of which one is among the other's nearest."""
    import numpy as np

    n = len(vectors)
    keep = min(_NEAREST + 1, n)  # with itself
    codes = []
    for start in range(0, n, _BLOCK):
        cosines = vectors[start : start + _BLOCK] @ vectors.T
        nearest = np.argpartition(-cosines, keep - 1, axis=1)[:, :keep]
        here = np.arange(start, start + len(cosines))[:, None]
        low, high = np.minimum(here, nearest), np.maximum(here, nearest)
        codes.append((low * n + high)[low < high])
    for code in np.unique(np.concatenate(codes)).tolist():
        yield divmod(code, n)


def _distinct(index: Index, rows: Sequence[Sequence[int]]) -> list[_Sentence]:
    """Return the sentences, those of the better kinds of source first, none twice."""
    order = list(Kind)
    found: dict[str, _Sentence] = {}

    def rank(row: int) -> tuple[int, int, int]:
        number, ordinal = rows[row]
        return order.index(index.documents[index.passages[number].document].source.kind), number, ordinal

    for row in sorted(range(len(rows)), key=rank):
        passage, span, words = _place(index, rows[row])
        if words not in found:
            kind = index.documents[passage.document].source.kind
            found[words] = _Sentence(kind, passage, span, row, words, read_statement(words))
    return list(found.values())


def _listed(contradictions: Sequence[Contradiction], index: Index, rows: Sequence[Sequence[int]]) -> set[frozenset[str]]:
    """Return the words of every pair of sentences that a row of the table holds."""
    places = [_place(index, row) for row in rows] if contradictions else []

    def held(side: Side) -> list[str]:
        return [
            words
            for passage, span, words in places
            if passage.document == side.document and span.start < side.span.end and side.span.start < span.end
        ]

    return {frozenset(pair) for row in contradictions for pair in product(*map(held, row.sides))}


def _place(index: Index, owner: Sequence[int]) -> tuple[Passage, Span, str]:
    passage = index.passages[owner[0]]
    span = passage.sentences[owner[1]]
    return passage, span, plain(index.documents[passage.document].text[span.start : span.end])


def _shown(index: Index, a: _Sentence, b: _Sentence) -> tuple[tuple[Quote, Quote], tuple[str, ...]]:
    one, other = (index.documents[s.passage.document].cut(s.span, s.passage.section) for s in (a, b))
    return (one, other), explain(a.statement, b.statement)
