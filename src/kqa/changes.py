"""What became of each question since an earlier evaluation: which rose, which fell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kqa.errors import JudgmentError
from kqa.evaluate import Evaluation
from kqa.topics import Topic

_NOTICED = 1e-3  # a smaller difference of a measure is rounding
_MEASURE = "nDCG@10"  # sees every place among the ten and every grade


@dataclass(frozen=True, slots=True)
class Change:
    """A question before and now: its nDCG@10 where it is ranked, what came, and whether that was right."""

    id: str
    question: str
    before: float | None
    now: float | None
    outcome_before: str
    outcome: str
    right_before: bool
    right: bool

    @property
    def gain(self) -> float:
        """What it won: first whether it is right, then its nDCG@10."""
        return (self.right - self.right_before) * 10 + (self.now or 0.0) - (self.before or 0.0)


@dataclass(frozen=True, slots=True)
class Changes:
    """An evaluation held against an earlier one; ``other`` counts questions that only one has, or that read otherwise in it."""

    facts: Mapping[str, Any]
    rose: tuple[Change, ...]
    fell: tuple[Change, ...]
    same: int
    other: int


def read_earlier(path: Path) -> Mapping[str, Any]:
    """Read what ``kqa evaluate --json`` printed earlier; raises JudgmentError for anything else."""
    remedy = "name a file that holds what kqa evaluate --json prints"
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise JudgmentError(f"{path} is no evaluation ({error}); {remedy}") from error
    topics = data.get("topics") if isinstance(data, dict) else None
    usable = isinstance(topics, dict) and all(_is_record(record) for record in topics.values())
    if not usable or not isinstance(data.get("facts"), dict):
        raise JudgmentError(f"{path} has no record of each question; {remedy}")
    earlier: Mapping[str, Any] = data
    return earlier


def changes(evaluation: Evaluation, earlier: Mapping[str, Any]) -> Changes:
    """Hold an evaluation against an earlier one, question by question; those that changed most stand first."""
    before = earlier["topics"]
    shared = {name: topic for name, topic in evaluation.topics.items() if _is_same(topic, before.get(name))}
    changed = [_change(name, topic, before[name]) for name, topic in shared.items()]
    rose = sorted((one for one in changed if one.gain > _NOTICED), key=lambda one: (-one.gain, one.id))
    fell = sorted((one for one in changed if one.gain < -_NOTICED), key=lambda one: (one.gain, one.id))
    other = len({*evaluation.topics, *before}) - len(shared)
    return Changes(earlier["facts"], tuple(rose), tuple(fell), len(shared) - len(rose) - len(fell), other)


def _is_same(topic: Topic, record: Mapping[str, Any] | None) -> bool:
    return record is not None and (record["question"], record["label"]) == (topic.question, topic.label)


def _change(name: str, topic: Topic, record: Mapping[str, Any]) -> Change:
    before, now = record["measures"].get(_MEASURE), topic.measures.get(_MEASURE)
    return Change(name, topic.question, before, now, record["outcome"], topic.outcome, record["right"], topic.right)


def _is_record(record: object) -> bool:
    if not isinstance(record, dict):
        return False
    texts = all(isinstance(record.get(key), str) for key in ("question", "label", "outcome"))
    measures = record.get("measures")
    numbers = isinstance(measures, dict) and all(type(value) in (int, float) for value in measures.values())
    return texts and numbers and isinstance(record.get("right"), bool)
