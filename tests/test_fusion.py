from __future__ import annotations

import numpy as np
import pytest

from kqa.fusion import fuse, minmax


@pytest.mark.parametrize(
    ("scores", "scaled"),
    [
        ([0.2, 0.6, 1.0], [0, 0.5, 1]),
        ([-3, 0, 1], [0, 3 / 4, 1]),
        ([5, 5, 5], [0, 0, 0]),
        ([7], [0]),
        ([], []),
    ],
)
def test_minmax(scores: list[float], scaled: list[float]) -> None:
    np.testing.assert_allclose(minmax(np.array(scores, np.float32)), scaled, atol=1e-6)


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        # dense .9 .5 .1 → 1 ½ 0; lexical 0 8 2 → 0 1 ¼
        (0.0, [1, 0.5, 0]),
        (1.0, [0, 1, 0.25]),
        (0.3, [0.7 * 1 + 0.3 * 0, 0.7 * 0.5 + 0.3 * 1, 0.7 * 0 + 0.3 * 0.25]),
    ],
)
def test_fuse(weight: float, expected: list[float]) -> None:
    dense, lexical = np.array([0.9, 0.5, 0.1], np.float32), np.array([0, 8, 2], np.float32)
    np.testing.assert_allclose(fuse(dense, lexical, weight), expected, atol=1e-6)


def test_a_list_that_says_nothing_leaves_the_order_of_the_other() -> None:
    dense, silent = np.array([0.9, 0.5], np.float32), np.zeros(2, np.float32)
    np.testing.assert_allclose(fuse(dense, silent, 0.3), [0.7, 0], atol=1e-6)
    np.testing.assert_allclose(fuse(silent, dense, 0.3), [0.3, 0], atol=1e-6)
