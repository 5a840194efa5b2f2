"""What the confidence is worth: the risk-coverage curve, and how often each confidence is right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from kqa.judgments import Label
from kqa.measures import risks
from kqa.topics import Topic
from kqa.types import Outcome

_RATED = (Label.ANSWERABLE, Label.NEAR_TOPIC, Label.OFF_TOPIC)
_CONFIDENT = (Outcome.ANSWERED, Outcome.ABSTAINED)
_QUOTED = "Success@5"  # ask quotes five passages
_BINS = 10


@dataclass(frozen=True, slots=True)
class Rated:
    """A question that was answered or abstained from by its confidence; ``wrong`` when no quote of it answers."""

    confidence: float
    wrong: bool
    answerable: bool
    answered: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """The risk-coverage curve of at least one question, its best order, and the point where the threshold in force stands."""

    coverage: Sequence[float]
    risk: Sequence[float]
    best: Sequence[float]
    point: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Level:
    """What a threshold does: the share of all that is answered, of the answerable that is, and the share wrong of it."""

    threshold: float
    answered: float
    coverage: float
    risk: float


@dataclass(frozen=True, slots=True)
class Bin:
    """The questions whose confidence lies in ``[low, high)``, the last bin's in ``[low, 1]``: their mean, the share right."""

    low: float
    high: float
    confidence: float
    right: float
    n: int


def rated(topics: Iterable[Topic]) -> list[Rated]:
    """Return the questions that confidence decides, in their order: answerable or not, and not referred."""
    return [
        Rated(t.confidence, not t.measures.get(_QUOTED), t.label is Label.ANSWERABLE, t.outcome is Outcome.ANSWERED)
        for t in topics
        if t.label in _RATED and t.outcome in _CONFIDENT
    ]


def curve(questions: Sequence[Rated]) -> Curve:
    """Return the share wrong by the share answered, as the threshold falls; there must be a question."""
    sure = np.array([one.confidence for one in questions])
    wrong = np.array([one.wrong for one in questions], np.float64)
    n = len(questions)
    answered = [one for one in questions if one.answered]
    risk = sum(one.wrong for one in answered) / len(answered) if answered else 0.0
    coverage = [number / n for number in range(1, n + 1)]
    return Curve(coverage, risks(sure, wrong).tolist(), risks(-wrong, wrong).tolist(), (len(answered) / n, risk))


def levels(questions: Sequence[Rated], thresholds: Iterable[float]) -> list[Level]:
    """Return what each threshold would do; a share of nothing is 0."""
    answerable = sum(one.answerable for one in questions)
    found = []
    for threshold in thresholds:
        kept = [one for one in questions if one.confidence >= threshold]
        can, wrong = sum(one.answerable for one in kept), sum(one.wrong for one in kept)
        shares = (len(kept) / max(1, len(questions)), can / max(1, answerable), wrong / max(1, len(kept)))
        found.append(Level(threshold, *shares))
    return found


def bins(questions: Sequence[Rated]) -> list[Bin]:
    """Return ten bins of equal width, those without a question left out (reliability diagram, DeGroot and Fienberg 1983)."""
    found = []
    for low, high in pairwise(number / _BINS for number in range(_BINS + 1)):
        held = [one for one in questions if low <= one.confidence and (one.confidence < high or high == 1)]
        if held:
            confidence, right = sum(one.confidence for one in held), sum(not one.wrong for one in held)
            found.append(Bin(low, high, confidence / len(held), right / len(held), len(held)))
    return found
