"""Scores of rankings and of confidence, with their intervals and tests: numbers in, numbers out.

Every random draw has the same seed, so the same numbers in give the same numbers out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

SEED = 20_240_601
RESAMPLES = 2_000  # bootstrap samples behind an interval
PERMUTATIONS = 10_000  # random sign flips behind a p-value
_INTERVAL = (2.5, 97.5)  # percentiles (Efron 1979)
_Z = 1.959964  # the normal distribution's 97.5th percentile


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure over n questions, with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


def score_run(
    run: Mapping[str, Sequence[str]], qrels: Mapping[str, Mapping[str, int]], names: Sequence[str]
) -> tuple[list[str], Numbers]:
    """Return the judged topics, sorted, and each one's scores, shape (topics, measures), by the names of ``ir_measures``.

    ``run`` lists what was found for each topic, best first, so nothing depends on how ties are broken. A topic without a
    ranking scores 0 and counts.
    """
    import ir_measures
    from ir_measures import Qrel, ScoredDoc

    measures = {ir_measures.parse_measure(name): column for column, name in enumerate(names)}
    topics = sorted(qrels)
    rows = {topic: row for row, topic in enumerate(topics)}
    judged = [Qrel(topic, item, grade) for topic in topics for item, grade in qrels[topic].items()]
    ranked = [ScoredDoc(topic, item, float(-rank)) for topic in topics for rank, item in enumerate(run.get(topic, ()))]
    scores = np.zeros((len(topics), len(names)))
    if ranked:
        for metric in ir_measures.iter_calc(list(measures), judged, ranked):
            scores[rows[metric.query_id], measures[metric.measure]] = metric.value
    return topics, scores


def means(scores: Numbers) -> list[Estimate]:
    """Return each column's mean with its percentile bootstrap over the rows; shape (n, measures), n > 0."""
    rng = np.random.default_rng(SEED)
    n = len(scores)
    drawn = np.array([scores[rng.integers(n, size=n)].mean(axis=0) for _ in range(RESAMPLES)])
    return [_estimate(float(value), drawn[:, column], n) for column, value in enumerate(scores.mean(axis=0))]


def share(values: Sequence[bool]) -> Estimate:
    """Return how many of n > 0 are true, with Wilson's interval (1927): unlike a bootstrap it has a width at 0 and at 1."""
    n, p = len(values), sum(values) / len(values)
    middle, scale = p + _Z**2 / (2 * n), 1 + _Z**2 / n
    half = _Z * (p * (1 - p) / n + _Z**2 / (4 * n**2)) ** 0.5
    return Estimate(p, max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale), n)


def auroc(positive: Sequence[float], negative: Sequence[float]) -> Estimate:
    """Return the chance that a positive scores above a negative, ties counting half (Mann and Whitney 1947).

    The bootstrap draws positives and negatives apart.
    """
    high, low = np.asarray(positive, np.float64)[:, None], np.asarray(negative, np.float64)[None, :]
    wins = (high > low) + 0.5 * (high == low)
    rng = np.random.default_rng(SEED)
    drawn = [rng.multinomial(size, np.full(size, 1 / size), RESAMPLES) for size in wins.shape]
    return _estimate(float(wins.mean()), ((drawn[0] @ wins) * drawn[1]).sum(axis=1) / wins.size, sum(wins.shape))


def risks(confidence: Numbers, wrong: Numbers) -> Numbers:
    """Return the share wrong among the i + 1 most confident, shape (n,): the risk-coverage curve.

    Equal confidences share their wrongs evenly, so their order does not matter.
    """
    _, group = np.unique(-confidence, return_inverse=True)
    share = np.bincount(group, wrong) / np.bincount(group)
    curve: Numbers = np.cumsum(share[np.sort(group)]) / np.arange(1, len(group) + 1)
    return curve


def aurc(confidence: Sequence[float], wrong: Sequence[float]) -> Estimate:
    """Return the area under the risk-coverage curve, its mean height (Geifman and El-Yaniv 2017); lower is better."""
    sure, errors = np.asarray(confidence, np.float64), np.asarray(wrong, np.float64)
    rng = np.random.default_rng(SEED)
    n = len(sure)
    samples = (rng.integers(n, size=n) for _ in range(RESAMPLES))
    drawn = np.array([risks(sure[rows], errors[rows]).mean() for rows in samples])
    return _estimate(float(risks(sure, errors).mean()), drawn, n)


def naurc(confidence: Sequence[float], wrong: Sequence[float]) -> Estimate:
    """Return where the AURC stands between that of the best order (0) and that of no order (1); lower is better.

    (AURC - AURC of the best order) / (share wrong - AURC of the best order), Cattelan and Silva 2024; 1 minus it is the
    prediction rejection ratio of Malinin and Gales 2021. Unlike the AURC it does not move with the share wrong. Something must
    be right and something wrong; bootstrap samples that are all one or the other are left out.
    """
    sure, errors = np.asarray(confidence, np.float64), np.asarray(wrong, np.float64)

    def normalised(rows: NDArray[np.int64]) -> float:
        drawn = errors[rows]
        best = risks(-drawn, drawn).mean()
        return float((risks(sure[rows], drawn).mean() - best) / (drawn.mean() - best))

    n = len(errors)
    rng = np.random.default_rng(SEED)
    samples = [rng.integers(n, size=n) for _ in range(RESAMPLES)]
    drawn = np.array([normalised(rows) for rows in samples if 0 < errors[rows].sum() < n])
    return _estimate(normalised(np.arange(n)), drawn, n)


def risk_at(coverage: float, confidence: Sequence[float], wrong: Sequence[float], answerable: Sequence[bool]) -> Estimate:
    """Return the share wrong of all that is answered when a share of the answerable questions is: ``coverage``, in (0, 1].

    The threshold is the confidence of the last answerable question needed, in each bootstrap sample anew; ``n`` counts what is
    answered at it, answerable or not. At least one question must be answerable; samples without one are left out.
    """
    sure, errors, can = np.asarray(confidence, np.float64), np.asarray(wrong, np.float64), np.asarray(answerable, np.bool_)

    def answered(rows: NDArray[np.int64]) -> Numbers:
        falling = -np.sort(-sure[rows][can[rows]])
        needed = ceil(coverage * len(falling) - 1e-9)  # 0.9 of 10 is 9, whatever the last bit says
        shown: Numbers = errors[rows][sure[rows] >= falling[needed - 1]]
        return shown

    rng = np.random.default_rng(SEED)
    samples = [rng.integers(len(sure), size=len(sure)) for _ in range(RESAMPLES)]
    drawn = np.array([answered(rows).mean() for rows in samples if can[rows].any()])
    now = answered(np.arange(len(sure)))
    return _estimate(float(now.mean()), drawn, len(now))


def randomisation(differences: Numbers) -> list[float]:
    """Return each column's two-sided p-value of a paired randomisation test: signs flipped at random (Fisher 1935).

    ``differences`` has shape (topics, measures). The observed signs count as one draw, so p is never 0.
    """
    rng = np.random.default_rng(SEED)
    observed = np.abs(differences.sum(axis=0))
    reached = np.zeros(differences.shape[1])
    for _ in range(PERMUTATIONS):
        signs = 2.0 * rng.integers(2, size=len(differences)) - 1
        reached += np.abs(signs @ differences) >= observed - 1e-9
    return [float(p) for p in (reached + 1) / (PERMUTATIONS + 1)]


def holm(values: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979), in their order."""
    adjusted, least = [1.0] * len(values), 0.0
    for done, at in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        least = max(least, min(1.0, (len(values) - done) * values[at]))
        adjusted[at] = least
    return adjusted


def _estimate(value: float, drawn: Numbers, n: int) -> Estimate:
    low, high = np.percentile(drawn, _INTERVAL)
    return Estimate(value, float(low), float(high), n)
