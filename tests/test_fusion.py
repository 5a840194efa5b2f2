from __future__ import annotations

import numpy as np
import pytest

from kqa.fusion import fuse

DENSE, LEXICAL = np.array([0.6, 0.5, 0.1], np.float32), np.array([0, 8, 2], np.float32)


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (0.0, [0.6, 0.5, 0.1]),
        (1.0, [0, 8 / 10, 2 / 10]),
        (0.3, [0.7 * 0.6, 0.7 * 0.5 + 0.3 * 8 / 10, 0.7 * 0.1 + 0.3 * 2 / 10]),
    ],
)
def test_fuse(weight: float, expected: list[float]) -> None:
    np.testing.assert_allclose(fuse(DENSE, LEXICAL, 10.0, weight), expected, atol=1e-6)


@pytest.mark.parametrize(("best", "share"), [(0.2, 1.0), (0.7, 1.0), (0.79, 0.06 / 0.15), (0.82, 0.3), (0.99, 0.3)])
def test_the_surer_the_vectors_the_less_words_decide(best: float, share: float) -> None:
    dense = np.array([best, 0.1], np.float32)
    expected = [(1 - 0.4 * share) * best, (1 - 0.4 * share) * 0.1 + 0.4 * share * 8 / 10]
    np.testing.assert_allclose(fuse(dense, LEXICAL[:2], 10.0, 0.4), expected, atol=1e-6)


def test_a_query_of_no_terms_leaves_the_order_to_the_vectors() -> None:
    np.testing.assert_allclose(fuse(DENSE, np.zeros(3, np.float32), 0.0, 0.3), 0.7 * DENSE, atol=1e-6)


def test_nothing_found_gives_nothing() -> None:
    assert fuse(DENSE[:0], LEXICAL[:0], 10.0, 0.3).shape == (0,)
