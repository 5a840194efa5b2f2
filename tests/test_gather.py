"""Sentences that are wanted together: which questions want them, which sentences hold them, nothing that is a dose."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import kqa
from kqa.gather import gathering
from kqa.types import Gathering

MakeCorpus = Callable[[Mapping[str, str | bytes]], Path]
TIDES = """# Tides at Harrow

The high water at Harrow lasts about 20 minutes.

A boat waits two to three hours for the low water at Harrow.

The water at Harrow is green and smells of weed.

Half a cup, 40 mg of salt, stays for ten minutes in the water at Harrow.
"""
PILOTS = """# Who pilots

Sailors with poor sight should not take the Harrow channel by night.

In fog, avoid the Harrow channel.

Poor hearing is not in itself a reason not to take the Harrow channel.

Two pilots and three boats serve the Harrow channel.
"""


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("How long does it last?", Gathering.DURATIONS),
        ("how soon will it work", Gathering.DURATIONS),
        ("How many weeks does the course take?", Gathering.DURATIONS),
        ("How many sessions will I need?", Gathering.NUMBERS),
        ("Who should not have it?", Gathering.EXCLUSIONS),
        ("who shouldn’t take this", Gathering.EXCLUSIONS),
        ("what would rule me out", Gathering.EXCLUSIONS),
        ("What are the contraindications?", Gathering.EXCLUSIONS),
        ("How much should I take?", None),
        ("How does it work?", None),
        ("Who gives the drip?", None),
        ("how many people were in the study", None),
    ],
)
def test_what_a_question_wants_together(question: str, wanted: Gathering | None) -> None:
    assert gathering(question) is wanted


@pytest.fixture
def harbour(make_corpus: MakeCorpus, config: kqa.Config, tmp_path: Path) -> kqa.Index:
    folder = make_corpus({"tides.md": TIDES, "pilots.md": PILOTS})
    kqa.build(folder, tmp_path / "harbour", config)
    return kqa.Index.load(tmp_path / "harbour")


def texts(answer: kqa.Answer) -> set[str]:
    return {quote.text for quote in answer.gathered.quotes} if answer.gathered else set()


def test_every_length_of_time_and_no_amount(harbour: kqa.Index) -> None:
    answer = kqa.ask("How long does the water at Harrow stay high or low?", harbour)
    assert texts(answer) == {
        "The high water at Harrow lasts about 20 minutes.",
        "A boat waits two to three hours for the low water at Harrow.",
    }


def test_reasons_not_to_and_nothing_that_denies_one(harbour: kqa.Index) -> None:
    answer = kqa.ask("Who should not take the Harrow channel?", harbour)
    assert texts(answer) == {
        "Sailors with poor sight should not take the Harrow channel by night.",
        "In fog, avoid the Harrow channel.",
    }


def test_one_sentence_is_no_list(harbour: kqa.Index) -> None:
    assert kqa.ask("How many pilots serve the Harrow channel?", harbour).gathered is None


def test_what_is_gathered_is_word_for_word_and_shown_everywhere(harbour: kqa.Index) -> None:
    answer = kqa.ask("Who should not take the Harrow channel?", harbour)
    shown = json.loads(kqa.to_json(answer))["gathered"]
    assert shown["what"] == "exclusions"
    for quote in shown["quotes"]:
        place = quote["citation"]
        assert harbour.documents[place["document"]].text[place["start"] : place["end"]] == quote["text"]
        assert quote["text"] in kqa.to_html(answer)
        assert quote["text"].split(".")[0][:40] in kqa.to_text(answer)


def test_an_abstention_gathers_nothing(index: kqa.Index) -> None:
    answer = kqa.ask("How long does the unicorn zeppelin yodel?", index)
    assert (answer.outcome, answer.gathered) == (kqa.Outcome.ABSTAINED, None)
