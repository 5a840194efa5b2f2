"""Merge what both retrievers say of a passage into one score."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def fuse(dense: NDArray[np.float32], lexical: NDArray[np.float32], most: float, lexical_weight: float) -> NDArray[np.float32]:
    """Return the weighted mean of dense scores and BM25's, these as shares of ``most``, what the query's words could give.

    Both lists score the same candidates in the same order. Nothing is scaled by the other candidates: where no passage holds
    the query's words BM25 says little and counts little, and a passage's score does not depend on what else was found.
    """
    return (1 - lexical_weight) * dense + lexical_weight * lexical / (most or 1.0)
