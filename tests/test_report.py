"""The report: one page that needs nothing from elsewhere, the same bytes for the same evaluation, and no text that acts."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from kqa.changes import Change, Changes
from kqa.errors import ConfigError, JudgmentError
from kqa.evaluate import Evaluation, to_json
from kqa.judgments import Label, Split, Style
from kqa.measures import Estimate
from kqa.outcomes import Finding
from kqa.report import to_html, writer
from kqa.topics import Topic
from kqa.types import Outcome
from shown import HOSTILE, SHOWABLE, Parsed, check_drawn, check_inert

MEASURES = {name: Estimate(0.75, 0.5, 0.875, 4) for name in ("Success@1", "Success@3", "Success@5", "RR", "nDCG@10")}
FACTS = {
    "manifest": "ab" * 32, "encoder": {"name": "hashing"}, "threshold": 0.5, "versions": {"numpy": "2.0"}, "seed": 7,
    "resamples": 2000, "split": "all", "questions": 2, "labels": {"answerable": 1, "off_topic": 1}, "k": 10,
    "answerable": 1, "scored": 1,
}  # fmt: skip


def made(text="plain words"):
    topics = {
        "q1": Topic(
            text,
            Label.ANSWERABLE,
            Split.DEV,
            Style.LAY,
            text,
            text,
            Outcome.ANSWERED,
            0.75,
            False,
            dict.fromkeys(MEASURES, 0.25),
        ),
        "q2": Topic(text, Label.OFF_TOPIC, Split.DEV, Style.LAY, "", "", Outcome.ABSTAINED, 0.125, True, {}),
    }
    findings = {"violations": [], "not found": [Finding("q1", text, text, f"a.md:1-2 {text}", text, text, text, text, text)]}
    groups = {"all": MEASURES, text: MEASURES}
    seconds = {"search": [0.01, 0.03], "ask": [0.02, 0.04]}
    sections = {text: {text: MEASURES}}
    return Evaluation(
        {**FACTS, "manifest": text, "encoder": {"name": text}}, groups, {text: MEASURES["RR"]}, {text: MEASURES["RR"]}, 1234,
        findings, sections, topics, {}, {}, seconds,
    )  # fmt: skip


def changed(text="plain words"):
    one = Change("q1", text, 0.25, None, text, text, False, True)
    return Changes({"manifest": text}, (one,), (replace(one, id=text),), 5, 2)


@pytest.fixture(scope="module")
def page():
    return to_html(made(), "2026-01-02", changed())


def bare(html):
    """Return the page without its drawings and its style, and the drawings."""
    drawn = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    return re.sub(r"<svg.*?</svg>|<style>.*?</style>", "", html, flags=re.DOTALL), drawn


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_acts(text):
    rest, drawn = bare(to_html(made(text), text, changed(text)))
    check_inert(rest)
    assert len(drawn) == 5
    for svg in drawn:
        check_drawn(svg)


@pytest.mark.parametrize("text", SHOWABLE, ids=range(len(SHOWABLE)))
def test_texts_are_shown_as_they_are(text):
    shown = Parsed(bare(to_html(made(text), "2026-01-02"))[0])
    assert shown.text.count(text) >= 5


def test_nothing_comes_from_elsewhere(page):
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert not re.search(r"<(script|link|img|iframe|object|image)\b|@import|@font-face|url\((?!#)", page)
    assert set(re.findall(r"https?://[^\"\s<]+", page)) == {"http://www.w3.org/2000/svg"}


def test_the_same_evaluation_gives_the_same_bytes_but_for_date_and_times(page):
    assert to_html(made(), "2026-01-02", changed()) == page
    assert to_html(made(), "2026-01-03", changed()).replace("2026-01-03", "2026-01-02") == page
    slower = to_html(replace(made(), seconds={"search": [1.0], "ask": [2.0]}), "2026-01-02", changed())
    time = re.compile(r"<section><h2>Time</h2>.*?</section>", re.DOTALL)
    assert slower != page
    assert time.sub("", slower) == time.sub("", page)


def test_it_says_what_was_measured_and_how(page):
    text = Parsed(bare(page)[0]).text
    for said in (
        "2026-01-02", "numpy 2.0", "seed 7", "1 of 1 topics scored", ".750 [.500, .875]", "1234 quotes", "0 did not hold",
        "not found (1)", "answered, confidence 0.75", "0.5 (in force)", "half within 30 ms",
        "1 questions rose, 1 fell, 5 stayed, 2",
    ):  # fmt: skip
        assert said in text, said


def test_headings_stand_in_order_and_charts_have_words_and_a_table(page):
    levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}
    for section in re.findall(r"<section>.*?</section>", page, re.DOTALL):
        for label in re.findall(r'<svg[^>]*role="img" aria-label="([^"]+)"', section):
            assert len(label) > 20
            assert "<table>" in section
    assert (
        page.count("<table>") == page.count("<caption>") == len(re.findall(r'<div class="box" tabindex="0"[^>]*><table>', page))
    )


def test_what_is_not_there_is_left_out():
    nothing = replace(
        made(), ranking={}, abstention={}, referral={}, findings={"violations": []}, sections={}, topics={}, seconds={}
    )
    html = to_html(nothing, "2026-01-02")
    assert "<svg" not in html
    assert "Nothing." in html
    assert "earlier evaluation" not in html


def test_the_writer_refuses_before_it_is_used(tmp_path, monkeypatch):
    with pytest.raises(JudgmentError, match="--against is for the report"):
        writer(None, tmp_path / "before.json", "2026-01-02")
    with pytest.raises(JudgmentError, match="is no evaluation"):
        writer(tmp_path / "report.html", tmp_path / "before.json", "2026-01-02")
    monkeypatch.setattr("kqa.charts.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="matplotlib"):
        writer(tmp_path / "report.html", None, "2026-01-02")
    writer(None, None, "2026-01-02")(made())


def test_the_writer_writes_against_an_earlier_evaluation(tmp_path):
    before = json.loads(to_json(made()))
    before["topics"]["q1"]["right"] = True
    (tmp_path / "before.json").write_text(json.dumps(before))
    writer(tmp_path / "report.html", tmp_path / "before.json", "2026-01-02")(made())
    text = Parsed(bare((tmp_path / "report.html").read_text(encoding="utf-8"))[0]).text
    assert "0 questions rose, 1 fell, 1 stayed" in text
    with pytest.raises(JudgmentError, match="cannot be written"):
        writer(tmp_path / "no" / "report.html", None, "2026-01-02")(made())
