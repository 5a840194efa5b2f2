"""How sure a set of hits makes us that they answer: several signs, calibrated to a chance in [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kqa.lexical import terms, words
from kqa.types import Hit

if TYPE_CHECKING:
    from kqa.index import Index

LOOKED_AT = 10  # hits that the signs are read from
_SUPPORTING = 5  # hits whose text may support a word of the question


def confidence(query: str, hits: Sequence[Hit], index: Index) -> float:
    """Return the chance that the hits answer the query, by a logistic regression whose weights travel with the index."""
    if not hits:
        return 0.0
    bias, *weights = index.config.calibration
    score = bias + sum(weight * sign for weight, sign in zip(weights, signs(query, hits, index), strict=True))
    return round(1 / (1 + math.exp(-max(-50.0, min(50.0, score)))), 4)


def signs(query: str, hits: Sequence[Hit], index: Index) -> tuple[float, ...]:
    """Return what speaks for an answer, each about [0, 1], from at most ``LOOKED_AT`` hits.

    The best dense score; its lead over the mean; the best fused score; the idf-weighted share of the query's terms that the
    corpus does not know, and that the first hit knows; the best BM25 score against what the query's terms could give.
    """
    dense = sorted((hit.evidence["dense"].score for hit in hits[:LOOKED_AT]), reverse=True)
    lexical = max((hit.evidence["lexical"].score for hit in hits[:LOOKED_AT] if "lexical" in hit.evidence), default=0.0)
    asked = {term: index.lexical.idf(term) for term in terms(index.spelling.correct(query))}
    total = sum(asked.values()) or 1.0
    unknown = sum(weight for term, weight in asked.items() if not index.lexical.knows(term))
    first = set(terms(index.lexical_text(hits[0].passage)))
    covered = sum(weight for term, weight in asked.items() if term in first)
    lead = dense[0] - sum(dense) / len(dense)
    return (dense[0], lead, max(hit.score for hit in hits), unknown / total, covered / total, lexical / (2.5 * total))


def unsupported(question: str, hits: Sequence[Hit], index: Index) -> tuple[str, ...]:
    """Return the telling words of a question that no close passage holds, as they were typed, each once."""
    held = {term for hit in hits[:_SUPPORTING] for term in terms(index.lexical_text(hit.passage))}
    asked = [(word, terms(index.spelling.word(word))) for word in words(question)]
    lacking = [word for word, stems in asked if stems and not held.issuperset(stems)]
    return tuple(dict.fromkeys(lacking))
