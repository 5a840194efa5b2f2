"""The measures that CI holds: none may fall below evaluation/baseline.json by more than its tolerance."""

from __future__ import annotations

import json

import pytest

import kqa
from conftest import ROOT
from kqa.evaluate import against_baseline, evaluate, read_questions

_HERE = ROOT / "evaluation"


@pytest.mark.weights
def test_no_measure_fell() -> None:
    if not (ROOT / "index" / "CURRENT").is_file():
        pytest.skip("index/ is missing; build it with: kqa build")
    index = kqa.Index.load(ROOT / "index", ROOT / "corpus")
    measured = evaluate(index, read_questions(_HERE / "questions.jsonl", index.documents))
    assert against_baseline(measured, json.loads((_HERE / "baseline.json").read_text(encoding="utf-8"))) == []
    assert measured.findings["violations"] == []


def test_the_questions_are_many_and_of_every_kind() -> None:
    judged = [json.loads(line) for line in (_HERE / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    labels = [question["label"] for question in judged]
    assert len({question["question"] for question in judged}) == len(judged) >= 600
    assert labels.count("answerable") >= 400
    assert labels.count("near_topic") >= 100
    assert labels.count("off_topic") >= 40
    assert {question["style"] for question in judged} == {"lay", "clinical", "typo", "short", "followup"}
    assert {question["split"] for question in judged} == {"dev", "test"}
