"""Merge what both retrievers say of a passage into one score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UNSURE, _SURE = 0.7, 0.85  # best dense score up to which BM25 has its whole share, and from which it has the least
_LEAST = 0.3  # of its share


def fuse(dense: NDArray[np.float32], lexical: NDArray[np.float32], most: float, lexical_weight: float) -> NDArray[np.float32]:
    """Return the weighted mean of dense scores and BM25's, these as shares of ``most``, what the query's words could give.

    Both lists score the same candidates in the same order. Nothing is scaled by the other candidates: where no passage holds
    the query's words BM25 says little and counts little. The nearer the best dense score comes to a paraphrase, the less
    there is left for words to decide, and the smaller is BM25's share.
    """
    sure = (_SURE - float(dense.max(initial=0.0))) / (_SURE - _UNSURE)
    share = lexical_weight * min(1.0, max(_LEAST, sure))
    return (1 - share) * dense + share * lexical / (most or 1.0)
