"""How sure a set of hits makes us that they answer: several signs, calibrated to a chance in [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from kqa.lexical import terms, words
from kqa.types import Hit

if TYPE_CHECKING:
    from kqa.index import Index, Reading

LOOKED_AT = 10  # hits that the signs are read from
_SUPPORTING = 5  # hits whose text may support a word of the question
_MANY_TERMS = 8  # more telling words than so many make nothing surer
_NEAR = 0.4  # a best passage with a lower cosine is about something else, the farther the surer


def confidence(reading: Reading, hits: Sequence[Hit], index: Index) -> float:
    """Return the chance that the hits answer, by a logistic regression whose weights travel with the index."""
    if not hits:
        return 0.0
    bias, *weights = index.config.calibration
    score = bias + sum(weight * sign for weight, sign in zip(weights, signs(reading, hits, index), strict=True))
    return round(1 / (1 + math.exp(-max(-50.0, min(50.0, score)))), 4)


def signs(reading: Reading, hits: Sequence[Hit], index: Index) -> tuple[float, ...]:
    """Return what speaks for an answer, each about [0, 1], from at most ``LOOKED_AT`` hits.

    How far the best sentence stands out, in tens of standard deviations; how near the best listed question is; 1 where no hit's
    section lists a question; how far the first fused score is above the sixth; how much the best dense score falls short of
    near; the idf-weighted share of the question's terms that the best of the first hits knows; how many terms there are.
    """
    hits = hits[:LOOKED_AT]
    out, listed = index.dense.nearness(reading.vector, [hit.passage.number for hit in hits])
    asked = {term: index.lexical.idf(term) for term in reading.terms}
    held = (_terms(index.lexical_text(hit.passage)) for hit in hits[:_SUPPORTING])
    covered = max(sum(weight for term, weight in asked.items() if term in text) for text in held)
    lead = hits[0].score - hits[min(_SUPPORTING, len(hits) - 1)].score
    short = max(0.0, _NEAR - max(hit.evidence["dense"].score for hit in hits))
    share, many = covered / (sum(asked.values()) or 1.0), min(len(asked), _MANY_TERMS) / _MANY_TERMS
    return (out / 10, listed or 0.0, float(listed is None), lead, short, share, many)


@lru_cache(maxsize=1024)  # texts of passages, the same for many questions
def _terms(text: str) -> frozenset[str]:
    return frozenset(terms(text))


def unsupported(question: str, hits: Sequence[Hit], index: Index) -> tuple[str, ...]:
    """Return the telling words of a question that no close passage holds, as they were typed, each once."""
    held = {term for hit in hits[:_SUPPORTING] for term in _terms(index.lexical_text(hit.passage))}
    asked = [(word, terms(index.spelling.word(word))) for word in words(question)]
    lacking = [word for word, stems in asked if stems and not held.issuperset(stems)]
    return tuple(dict.fromkeys(lacking))
