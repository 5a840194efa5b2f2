"""The worth of the confidence, counted on a handful of questions and held against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from kqa.judgments import Label, Split, Style
from kqa.reliability import Rated, bins, curve, levels, rated
from kqa.topics import Topic
from kqa.types import Outcome

FOUR = [
    Rated(0.9, wrong=False, answerable=True, answered=True),
    Rated(0.7, wrong=True, answerable=False, answered=True),
    Rated(0.4, wrong=False, answerable=True, answered=False),
    Rated(0.0, wrong=True, answerable=True, answered=False),
]


def test_what_was_referred_or_is_no_question_of_confidence_is_left_out():
    def topic(label, outcome, found=0.0):
        return Topic("?", label, Split.DEV, Style.LAY, "", "", outcome, 0.5, True, {"Success@5": found} if found else {})

    topics = [
        topic(Label.ANSWERABLE, Outcome.ANSWERED, 1.0),
        topic(Label.ANSWERABLE, Outcome.CRISIS, 1.0),
        topic(Label.CRISIS, Outcome.ANSWERED),
        topic(Label.LOOK_ALIKE, Outcome.ANSWERED),
        topic(Label.NEAR_TOPIC, Outcome.ABSTAINED),
    ]
    assert rated(topics) == [
        Rated(0.5, wrong=False, answerable=True, answered=True),
        Rated(0.5, wrong=True, answerable=False, answered=False),
    ]


def test_the_curve_and_its_point():
    found = curve(FOUR)
    assert found.coverage == [1 / 4, 2 / 4, 3 / 4, 4 / 4]
    assert found.risk == pytest.approx([0 / 1, 1 / 2, 1 / 3, 2 / 4])
    assert found.best == pytest.approx([0 / 1, 0 / 2, 1 / 3, 2 / 4])
    assert found.point == (2 / 4, 1 / 2)


def test_the_point_lies_on_the_curve_where_the_threshold_decides():
    found = curve(FOUR)
    assert found.risk[found.coverage.index(found.point[0])] == found.point[1]
    assert curve(FOUR[2:]).point == (0, 0)


def test_levels_say_what_a_threshold_does():
    low, middle, high = levels(FOUR, [0.0, 0.7, 0.95])
    assert (low.answered, low.coverage, low.risk) == (1, 1, 2 / 4)
    assert (middle.answered, middle.coverage, middle.risk) == (2 / 4, 1 / 3, 1 / 2)
    assert (high.answered, high.coverage, high.risk) == (0, 0, 0)


def test_bins_are_those_of_scikit_learn():
    draw = np.random.default_rng(5)
    sure = draw.random(500)
    right = draw.random(500) < sure
    found = bins([Rated(float(c), not r, answerable=True, answered=True) for c, r in zip(sure, right, strict=True)])
    share, mean = calibration_curve(right, sure, n_bins=10)
    assert [one.right for one in found] == pytest.approx(share.tolist())
    assert [one.confidence for one in found] == pytest.approx(mean.tolist())
    assert sum(one.n for one in found) == 500


def test_the_ends_have_a_bin():
    held = bins([Rated(value, wrong=False, answerable=True, answered=True) for value in (0.0, 0.1, 1.0)])
    assert [(one.low, one.n) for one in held] == [(0.0, 1), (0.1, 1), (0.9, 1)]
    assert bins([]) == []
