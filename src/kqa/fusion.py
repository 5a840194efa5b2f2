"""Merge rankings by normalised scores over the union of what each retriever found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fuse(dense: NDArray[np.float32], lexical: NDArray[np.float32], lexical_weight: float) -> NDArray[np.float32]:
    """Return the weighted sum of both score lists, each scaled to [0, 1] by its least and greatest over the union.

    Both lists score the same candidates in the same order. Min-max keeps how far ahead the best is, which reciprocal
    rank fusion forgets; see the ablation in the README for the choice.
    """
    return (1 - lexical_weight) * minmax(dense) + lexical_weight * minmax(lexical)


def minmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale scores to [0, 1]; equal scores say nothing and become 0."""
    if not len(scores):
        return scores
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.zeros_like(scores)
