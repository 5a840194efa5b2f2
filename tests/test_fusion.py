from __future__ import annotations

import numpy as np
import pytest

from kqa.fusion import fuse

DENSE, LEXICAL = np.array([0.9, 0.5, 0.1], np.float32), np.array([0, 8, 2], np.float32)


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (0.0, [0.9, 0.5, 0.1]),
        (1.0, [0, 8 / 10, 2 / 10]),
        (0.3, [0.7 * 0.9, 0.7 * 0.5 + 0.3 * 8 / 10, 0.7 * 0.1 + 0.3 * 2 / 10]),
    ],
)
def test_fuse(weight: float, expected: list[float]) -> None:
    np.testing.assert_allclose(fuse(DENSE, LEXICAL, 10.0, weight), expected, atol=1e-6)


def test_a_query_of_no_terms_leaves_the_order_to_the_vectors() -> None:
    np.testing.assert_allclose(fuse(DENSE, np.zeros(3, np.float32), 0.0, 0.3), 0.7 * DENSE, atol=1e-6)


def test_a_score_does_not_depend_on_what_else_was_found() -> None:
    assert fuse(DENSE, LEXICAL, 10.0, 0.3)[0] == fuse(DENSE[:1], LEXICAL[:1], 10.0, 0.3)[0]
