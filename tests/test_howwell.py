"""The page that says how well this works: plain words, a date, and whether it speaks of the index that answers."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from conftest import ROOT
from kqa.errors import JudgmentError
from kqa.howwell import Record, how_well_html, read_record, record
from kqa.measures import Estimate
from shown import HOSTILE, Parsed, check_inert

MEASURES = {
    "all/Success@1": Estimate(0.856, 0.809, 0.902, 215),
    "abstention/coverage": Estimate(0.851, 0.8, 0.89, 215),
    "abstention/abstained, near_topic": Estimate(0.691, 0.56, 0.8, 55),
    "referral/crisis, any urgent": Estimate(0.9, 0.6, 0.98, 10),
}
RECORD = Record("2026-01-02", "ab" * 32, 332, 2067, 0, MEASURES)


def said(*arguments):
    html = how_well_html("", *arguments)
    return Parsed(html).text


def test_the_figures_are_told_in_plain_words():
    text = said(RECORD, RECORD.manifest)
    assert (
        "Of 100 questions that the sources answer, the first passage found answers 86. Range: 81 to 90; 215 questions." in text
    )
    assert "85 are answered. For the other 15 this page holds back" in text
    assert "Of 100 questions on this subject that the sources do not answer, 69 are turned away." in text
    assert "9 of 10 messages from somebody in a crisis." in text
    assert "Measured on 2026-01-02 with 332 questions" in text
    assert "2,067 quotes were held against their documents, whether they stand there word for word: every one did." in text
    assert "about something else" not in text  # not measured, so not told


def test_an_altered_quote_is_told():
    assert "word for word: 3 did not." in said(replace(RECORD, altered=3), RECORD.manifest)


def test_it_says_when_another_index_answers():
    assert "of another index than the one that answers here" in said(RECORD, "cd" * 32)
    assert "another index" not in said(RECORD, RECORD.manifest)


def test_it_says_when_nothing_was_measured():
    text = said(None, "cd" * 32)
    assert "there is no evaluation here" in text
    assert "100" not in text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_acts(text):
    check_inert(how_well_html("", replace(RECORD, date=text, manifest=text), text))


def test_it_needs_no_script():
    assert "<script" not in how_well_html("", RECORD, "")
    assert [level for level in Parsed(how_well_html("", RECORD, "")).elements if level in ("h1", "h2")] == ["h1", "h2"]


def test_what_is_written_is_read(tmp_path):
    evaluation = SimpleNamespace(
        facts={"manifest": RECORD.manifest, "questions": 332}, quotes_checked=2067, findings={"violations": []},
        ranking={"all": {"Success@1": MEASURES["all/Success@1"]}}, referral={},
        abstention={"coverage": MEASURES["abstention/coverage"]},
    )  # fmt: skip
    (tmp_path / "baseline.json").write_text(json.dumps({"tolerance": 0.02, **record(evaluation, RECORD.date)}))
    measured = {name: MEASURES[name] for name in ("all/Success@1", "abstention/coverage")}
    assert read_record(tmp_path / "baseline.json") == replace(RECORD, test=measured)


def test_no_file_is_no_evaluation(tmp_path):
    assert read_record(tmp_path / "baseline.json") is None


def test_measures_to_hold_are_no_evaluation_to_tell_of(tmp_path):
    (tmp_path / "baseline.json").write_text('{"tolerance": 0.02, "measures": {"all/RR": 0.9}}', encoding="utf-8")
    assert read_record(tmp_path / "baseline.json") is None


WHOLE = {"date": "2026-01-02", "manifest": "m", "questions": 1, "quotes": 1, "altered": 0, "test": {}}


@pytest.mark.parametrize(
    "data",
    [
        {}, [], {**WHOLE, "date": None}, {**WHOLE, "manifest": 1}, {**WHOLE, "questions": "1"},
        {**WHOLE, "quotes": True}, {**WHOLE, "test": []}, {**WHOLE, "test": {"a": 0.5}}, {**WHOLE, "test": {"a": {"value": 1}}},
        {**WHOLE, "test": {"a": {"value": float("nan"), "low": 0, "high": 1, "n": 2}}},
        {**WHOLE, "test": {"a": {"value": "<b>", "low": 0, "high": 1, "n": 2}}},
    ],
)  # fmt: skip
def test_a_file_that_holds_none_is_refused(tmp_path, data):
    (tmp_path / "baseline.json").write_text(json.dumps(data))
    with pytest.raises(JudgmentError, match="holds no evaluation .*; write it anew with: make baseline"):
        read_record(tmp_path / "baseline.json")


def test_the_one_that_ships_can_be_told():
    shipped = read_record(ROOT / "evaluation" / "baseline.json")
    assert shipped is not None
    assert shipped.altered == 0
    text = said(shipped, shipped.manifest)
    for opening in (
        "the first passage found answers",
        "one of the first five",
        "are turned away",
        "holds back",
        "did not need",
    ):
        assert opening in text
