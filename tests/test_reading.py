from __future__ import annotations

import json

import pytest

from kqa.errors import DocumentRefused
from kqa.reading import LONGEST_TEXT, Reading, check_text, joined, reading_from_dict, reading_to_dict, storable
from kqa.types import Span


def test_blocks_stand_a_blank_line_apart_and_headings_are_known() -> None:
    reading = joined([(" One ", True), ("", True), ("two\nlines", False), ("Three", True)], " Title ", ("said",))
    assert reading == Reading("One\n\ntwo\nlines\n\nThree", (), (Span(0, 3), Span(16, 21)), "Title", ("said",))


@pytest.mark.parametrize(
    "reading", [Reading("a"), Reading("é\ud7ff🌊", (0, 1), (), "T", ("n",)), Reading("a", headings=(Span(0, 1),))]
)
def test_a_reading_comes_back_as_it_was(reading: Reading) -> None:
    assert reading_from_dict(json.loads(json.dumps(reading_to_dict(reading)))) == reading


def test_halves_of_surrogate_pairs_are_replaced() -> None:
    assert storable("a\ud800b🌊\udfff") == "a\ufffdb🌊\ufffd"
    assert storable("plain é") == "plain é"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"a\.md holds no text; put words into it, or leave it out"),
        ("\ufeff \r\n\t\0", r"a\.md holds no text"),
        ("x" * (LONGEST_TEXT + 1), r"a\.md holds 20,000,001 characters, more than 20,000,000; divide it"),
        ("x\n" * 50_001, r"a\.md has more than 50,000 lines or 300,000 bars of tables; divide it"),
        ("|" * 300_001, r"a\.md has more than 50,000 lines"),
    ],
)
def test_texts_without_words_or_with_too_many_are_refused(text: str, message: str) -> None:
    with pytest.raises(DocumentRefused, match=message):
        check_text(text, "a.md")
    if len(set(text)) == 2 or "|" in text:
        check_text("x" + text.replace("\n", " ").replace("|", " "), "a.md")
