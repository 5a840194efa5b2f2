"""An answer as JSON, which is the contract's, and as text for a terminal, which nothing in a document can steer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from kqa import html, render
from kqa.errors import ConfigError
from kqa.render import to_json, to_text
from kqa.types import Disagreement, Kind, Outcome
from shown import CRISIS, HOSTILE, make_answer, make_document, make_quote


def test_json_is_the_contract() -> None:
    document = make_document("Ein Satz über Ketamin.[^a]")
    answer = make_answer(make_quote(document), follows="Before?")
    data = json.loads(to_json(answer))
    assert to_json(answer) == to_json(answer)
    assert "über" in to_json(answer)
    assert list(data)[:8] == [
        "question",
        "outcome",
        "confidence",
        "notices",
        "quotes",
        "disagreements",
        "unsupported",
        "manifest",
    ]
    quote = data["quotes"][0]
    assert list(quote) == ["rank", "text", "answer", "score", "evidence", "citation"]
    citation = quote["citation"]
    assert document.text[citation["start"] : citation["end"]] == quote["text"]
    assert document.text[quote["answer"]["start"] : quote["answer"]["end"]] == quote["answer"]["text"]
    assert quote["evidence"] == {"dense": {"rank": 1, "score": 0.6}, "lexical": {"rank": 2, "score": 3.0}}
    assert citation["kind"] == "reference"
    assert [reference["id"] for reference in citation["references"]] == ["a"]
    assert (data["outcome"], data["follows"]) == ("answered", "Before?")


def test_json_of_any_question_can_be_sent() -> None:
    assert json.loads(to_json(make_answer(question="\ud800")).encode())["question"] == "?"


@pytest.mark.parametrize("text", HOSTILE)
def test_text_cannot_steer_a_terminal(text: str) -> None:
    shown = to_text(make_answer(make_quote(make_document(text, text)), question=text, follows=text))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)


def test_text_is_word_for_word_and_wrapped() -> None:
    words = "Ketamine-assisted therapy may help *some* people, a review says. " * 9
    shown = to_text(make_answer(make_quote(make_document(words.strip()))))
    assert words.strip() in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80


def test_html_is_offered_here_too() -> None:
    assert render.to_html is html.to_html


def test_text_says_whom_a_document_restates_and_that_only_marketing_speaks() -> None:
    shown = to_text(make_answer(make_quote(make_document("Claim.", kind=Kind.CLINIC_MARKETING, restates="Our Best Article"))))
    note = "kqa's restatement of the clinic article “Our Best Article” (not the clinic's words)."
    assert note in " ".join(shown.split())
    assert "Only clinic marketing supports this." in shown


def test_text_starts_with_help() -> None:
    shown = to_text(make_answer(outcome=Outcome.CRISIS, notices=(CRISIS,)))
    assert shown.startswith("You deserve to talk to a person.")
    assert "  911                Emergency services, US (call)\n" in shown


@pytest.mark.parametrize(
    ("country", "numbers"),
    [
        (None, ["911", "741741", "116 123", "findahelpline.com"]),
        ("US", ["911", "741741", "116 123", "findahelpline.com"]),
        ("uk", ["116 123", "911", "741741", "findahelpline.com"]),
        ("elsewhere", ["findahelpline.com", "911", "741741", "116 123"]),
        ("EU", ["911", "741741", "116 123", "findahelpline.com"]),
    ],
)
def test_the_lines_of_a_country_come_first_and_all_stay(country: str | None, numbers: list[str]) -> None:
    answer = make_answer(outcome=Outcome.CRISIS, notices=(CRISIS,))
    [notice] = json.loads(to_json(answer, country))["notices"]
    assert [line["number"] for line in notice["lines"]] == numbers
    shown = to_text(answer, country)
    assert sorted(numbers, key=shown.index) == numbers
    lead = "US" if country in (None, "US") else {"uk": "UK", "elsewhere": "Elsewhere", "EU": "EU"}[country]  # type: ignore[index]
    assert f"Numbers for <b>{lead}</b> come first." in render.to_html(answer, country)


@pytest.mark.parametrize("shown", [to_json, to_text, render.to_html])
def test_a_country_without_lines_is_refused(shown: Callable[..., str]) -> None:
    with pytest.raises(ConfigError, match="'Atlantis' has no help lines; choose US, UK"):
        shown(make_answer(), "Atlantis")


def test_text_puts_the_better_side_first_above_the_quotes() -> None:
    better, other = make_quote(make_document("Yes.[^a]")), make_quote(make_document("No.", path="b.md"))
    shown = to_text(make_answer(other, disagreements=(Disagreement("harm", (better, other), 1, "A trial says so."),)))
    places = [
        shown.index(part) for part in ("SOURCES DISAGREE: harm", "“Yes.¹”", "“No.”", "Better supported: the first.", "\n[1]")
    ]
    assert places == sorted(places)
