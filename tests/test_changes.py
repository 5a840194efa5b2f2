"""An evaluation against an earlier one: what rose, what fell, what cannot be compared."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from kqa.changes import changes, read_earlier
from kqa.errors import JudgmentError
from kqa.judgments import Label, Split, Style
from kqa.topics import Topic
from kqa.types import Outcome


def topic(ndcg=None, right=True, outcome=Outcome.ANSWERED, question="Why?"):
    measures = {} if ndcg is None else {"nDCG@10": ndcg}
    return Topic(question, Label.ANSWERABLE, Split.DEV, Style.LAY, "", "", outcome, 0.5, right, measures)


def record(ndcg=None, right=True, **changed):
    measures = {} if ndcg is None else {"nDCG@10": ndcg}
    row = {"question": "Why?", "label": "answerable", "outcome": "answered", "right": right, "measures": measures}
    return {**row, **changed}


def against(topics, before):
    return changes(SimpleNamespace(topics=topics), {"facts": {"manifest": "m"}, "topics": before})


@pytest.mark.parametrize(
    ("now", "before", "rose", "fell"),
    [
        (topic(0.9), record(0.5), 1, 0),
        (topic(0.5), record(0.9), 0, 1),
        (topic(0.50004), record(0.5), 0, 0),  # the JSON is rounded
        (topic(0.2), record(0.9, right=False), 1, 0),  # right weighs more than the ranking
        (topic(right=False), record(right=True), 0, 1),
        (topic(), record(), 0, 0),
    ],
)
def test_a_question_rises_or_falls(now, before, rose, fell):
    changed = against({"q": now}, {"q": before})
    assert (len(changed.rose), len(changed.fell), changed.same) == (rose, fell, 1 - rose - fell)


def test_those_that_changed_most_stand_first():
    now = {"a": topic(0.6), "b": topic(0.9), "c": topic(0.9), "d": topic(0.1, right=False)}
    changed = against(now, {name: record(0.5) for name in now})
    assert [one.id for one in changed.rose] == ["b", "c", "a"]
    assert [(one.id, one.before, one.now, one.right_before, one.right) for one in changed.fell] == [
        ("d", 0.5, 0.1, True, False)
    ]


def test_what_was_asked_otherwise_is_not_compared():
    now = {"new": topic(1.0), "reworded": topic(1.0), "relabelled": topic(1.0), "same": topic(1.0)}
    before = {
        "gone": record(0.1), "reworded": record(0.1, question="How?"), "relabelled": record(0.1, label="near_topic"),
        "same": record(0.1),
    }  # fmt: skip
    changed = against(now, before)
    assert [one.id for one in changed.rose] == ["same"]
    assert changed.other == len({"new", "gone", "reworded", "relabelled"})


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", '{"topics": {}}', '{"facts": {}, "topics": []}', '{"facts": {}, "topics": {"q": 1}}',
        json.dumps({"facts": {}, "topics": {"q": record(right=None)}}),
        json.dumps({"facts": {}, "topics": {"q": record(outcome=1)}}),
        json.dumps({"facts": {}, "topics": {"q": record(measures=None)}}),
        json.dumps({"facts": {}, "topics": {"q": record(measures={"nDCG@10": "1"})}}), "[" * 100_000,
    ],
)  # fmt: skip
def test_a_file_that_is_no_evaluation_is_refused(tmp_path, text):
    (tmp_path / "before.json").write_text(text)
    with pytest.raises(JudgmentError, match="name a file that holds what kqa evaluate --json prints"):
        read_earlier(tmp_path / "before.json")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(JudgmentError, match=r"before\.json is no evaluation"):
        read_earlier(tmp_path / "before.json")


def test_an_evaluation_is_read(tmp_path):
    (tmp_path / "before.json").write_text(json.dumps({"facts": {"seed": 1}, "topics": {"q": record(0.5)}}))
    assert read_earlier(tmp_path / "before.json")["topics"]["q"]["measures"] == {"nDCG@10": 0.5}
