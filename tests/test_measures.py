"""Measures against hand-computed values and against trec_eval."""

from __future__ import annotations

import random
from math import log2

import numpy as np
import pytest

from kqa.measures import PERMUTATIONS, aurc, auroc, holm, means, naurc, randomisation, risk_at, risks, score_run, share

NAMES = ("Success@1", "Success@3", "RR", "nDCG@10", "R@100")


def test_scores_are_those_of_the_hand():
    run = {"one": ["x", "b", "y", "a"], "two": ["c"]}
    qrels = {"one": {"a": 2, "b": 1}, "two": {"c": 1, "d": 1}}
    topics, scores = score_run(run, qrels, NAMES)
    ideal = 2 / log2(2) + 1 / log2(3)
    assert topics == ["one", "two"]
    assert scores[0] == pytest.approx([0, 1, 1 / 2, (1 / log2(3) + 2 / log2(5)) / ideal, 2 / 2])
    assert scores[1] == pytest.approx([1, 1, 1, (1 / log2(2)) / (1 / log2(2) + 1 / log2(3)), 1 / 2])


@pytest.mark.parametrize("run", [{}, {"one": []}, {"unjudged": ["a"]}])
def test_a_topic_without_a_ranking_scores_zero_and_counts(run):
    topics, scores = score_run(run, {"one": {"a": 1}}, NAMES)
    assert topics == ["one"]
    assert scores.tolist() == [[0.0] * len(NAMES)]


def test_abstaining_on_half_halves_the_mean():
    qrels = {topic: {"a": 1} for topic in "abcd"}
    _, scores = score_run({"a": ["a"], "b": ["a"]}, qrels, ("RR",))
    assert scores.mean() == (1 + 1 + 0 + 0) / 4


def test_no_topic_gives_no_row():
    assert score_run({}, {}, NAMES)[1].shape == (0, len(NAMES))


def test_scores_are_those_of_trec_eval():
    pytrec_eval = pytest.importorskip("pytrec_eval")
    draw = random.Random(7)
    items = [f"d{number}" for number in range(300)]
    qrels = {f"q{n}": {item: draw.choice([0, 1, 2, 3]) for item in draw.sample(items, 40)} for n in range(30)}
    run = {topic: draw.sample(items, draw.randrange(1, 200)) for topic in qrels}
    judge = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recip_rank", "success.1,3", "recall.100"})
    expected = judge.evaluate({topic: {item: float(-at) for at, item in enumerate(found)} for topic, found in run.items()})
    topics, scores = score_run(run, qrels, NAMES)
    for topic, row in zip(topics, scores, strict=True):
        judged = [expected[topic][name] for name in ("success_1", "success_3", "recip_rank", "ndcg_cut_10", "recall_100")]
        assert row == pytest.approx(judged)


def test_an_interval_holds_the_mean_and_shrinks():
    few, many = (means(np.array([[0.0], [1.0]] * half))[0] for half in (20, 500))
    assert few.low < few.value == 1 / 2 < few.high
    assert many.low < many.value == 1 / 2 < many.high
    assert many.high - many.low < (few.high - few.low) / 3
    assert many.n == 1000


def test_an_interval_is_about_the_normal_one():
    [estimate] = means(np.array([[0.0], [1.0]] * 500))
    assert (estimate.high - estimate.low) / 2 == pytest.approx(1.96 * (0.5 * 0.5 / 1000) ** 0.5, rel=0.1)


def test_columns_are_drawn_together_and_alike_each_time():
    scores = np.array([[0, 0], [1, 1], [1, 1]], np.float64)
    first, second = means(scores)
    assert first == second == means(scores)[0]


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(8, 10, 0.4901625, 0.9433178), (0, 16, 0, 1.96**2 / (16 + 1.96**2)), (16, 16, 16 / (16 + 1.96**2), 1)],
)
def test_a_share_has_wilson_s_interval(right, n, low, high):
    estimate = share([at < right for at in range(n)])
    assert (estimate.value, estimate.n) == (right / n, n)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [
        ([0.9, 0.8], [0.2, 0.1], 1),
        ([0.1], [0.9], 0),
        ([0.9, 0.5], [0.5, 0.1], (1 + 1 + 1 / 2 + 1) / 4),
        ([0.5, 0.5], [0.5], 1 / 2),
    ],
)
def test_auroc_counts_ties_half(positive, negative, expected):
    estimate = auroc(positive, negative)
    assert estimate.value == expected
    assert estimate.low <= expected <= estimate.high
    assert estimate.n == len(positive) + len(negative)


def test_risk_falls_with_the_threshold():
    assert risks(np.array([0.6, 0.9, 0.7, 0.8]), np.array([1.0, 0, 0, 1])) == pytest.approx([0 / 1, 1 / 2, 1 / 3, 2 / 4])
    assert aurc([0.6, 0.9, 0.7, 0.8], [1, 0, 0, 1]).value == pytest.approx((0 / 1 + 1 / 2 + 1 / 3 + 2 / 4) / 4)


def test_equal_confidences_have_no_order():
    assert risks(np.array([0.5, 0.5, 0.9]), np.array([1.0, 0, 0])) == pytest.approx([0, (1 / 2) / 2, 1 / 3])
    assert aurc([0.5, 0.5], [1, 0]).value == aurc([0.5, 0.5], [0, 1]).value == 1 / 2


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [
        ([0.9, 0.8, 0.2, 0.1], 0),  # the best order
        ([0.5, 0.5, 0.5, 0.5], 1),  # no order
        ([0.9, 0.7, 0.8, 0.6], ((0 / 1 + 1 / 2 + 1 / 3 + 2 / 4) / 4 - 5 / 24) / (1 / 2 - 5 / 24)),
        ([0.1, 0.2, 0.8, 0.9], ((1 / 1 + 2 / 2 + 2 / 3 + 2 / 4) / 4 - 5 / 24) / (1 / 2 - 5 / 24)),  # worse than none
    ],
)
def test_the_area_is_told_between_the_best_order_and_none(confidence, expected):
    best = (0 / 1 + 0 / 2 + 1 / 3 + 2 / 4) / 4
    assert best == pytest.approx(5 / 24)
    estimate = naurc(confidence, [0, 0, 1, 1])
    assert (estimate.value, estimate.n) == (pytest.approx(expected), 4)
    assert estimate.low <= estimate.value <= estimate.high


def test_no_order_stays_at_one_however_much_is_wrong():
    draw = np.random.default_rng(3)
    for share_wrong in (0.05, 0.5, 0.9):
        wrong = draw.random(4000) < share_wrong
        assert naurc(draw.random(4000), wrong).value == pytest.approx(1, abs=0.1)
        assert naurc(draw.random(4000) - wrong, wrong).value == pytest.approx(0)


@pytest.mark.parametrize(
    ("coverage", "risk", "answered"),
    [(1 / 3, 0 / 1, 1), (0.5, 2 / 3, 3), (2 / 3, 2 / 3, 3), (0.9, 3 / 5, 5), (1, 3 / 5, 5)],
)
def test_risk_is_told_where_enough_is_answered(coverage, risk, answered):
    confidence, wrong = [0.9, 0.7, 0.7, 0.6, 0.5, 0.1], [0, 1, 1, 1, 0, 1]
    answerable = [True, False, True, False, True, False]  # at .9, .7 and .5; equal confidences are answered together
    estimate = risk_at(coverage, confidence, wrong, answerable)
    assert (estimate.value, estimate.n) == (pytest.approx(risk), answered)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_randomisation_is_about_the_exact_test():
    exact = 2 / 2**8  # of all signs of eight equal differences, two are as far out
    assert randomisation(np.ones((8, 1)))[0] == pytest.approx(exact, abs=0.002)


def test_no_difference_is_no_surprise_and_none_is_impossible():
    assert randomisation(np.zeros((5, 2))) == [1.0, 1.0]
    assert randomisation(np.ones((60, 1))) == [1 / (PERMUTATIONS + 1)]


@pytest.mark.parametrize(
    ("raw", "corrected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.01 * 3, 0.03 * 2, 0.03 * 2, 0.005 * 4]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.03], [0.03]),
        ([], []),
    ],
)
def test_holm(raw, corrected):
    assert holm(raw) == pytest.approx(corrected)
