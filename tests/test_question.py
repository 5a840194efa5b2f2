from __future__ import annotations

import pytest

from kqa.errors import QuestionError
from kqa.question import LONGEST, bounded, clean, earlier_question


@pytest.mark.parametrize(
    ("question", "cleaned"),
    [
        ("Is it lit?", "Is it lit?"),
        ("  Is \t it\nlit?\r\n", "Is it lit?"),
        ("Is\u00a0it\u2003lit?", "Is it lit?"),
        ("هل المصباح مضاء؟", "هل المصباح مضاء؟"),
        ("האם המגדלור דולק?", "האם המגדלור דולק?"),
        ("Is it lit 🌊?", "Is it lit 🌊?"),
        ("灯", "灯"),
        ("7", "7"),
        ('<b>lit</b> & "so" {x}', '<b>lit</b> & "so" {x}'),
    ],
)
def test_cleaned(question: str, cleaned: str) -> None:
    assert clean(question) == cleaned
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ("", "the question is empty; type what you want to know"),
        (" \t\r\n\u00a0\u2003", "the question is empty"),
        ("?!…", "the question holds no word; say in words what you want to know"),
        ("🌊🌊", "the question holds no word"),
        ("👩‍🚀", "the question holds no word"),
        ("\u202e\u2066", "the question holds no word"),
        ("\u200b", "the question holds no word"),
        ("Is it\0 lit?", "the question holds control characters; type it again as plain text"),
        ("Is it \x1b[31mlit?", "the question holds control characters"),
        ("Is it\x7f lit?", "the question holds control characters"),
        (None, "a question is text, not NoneType; pass a string"),
        (b"Is it lit?", "a question is text, not bytes; pass a string"),
        (["Is it lit?"], "a question is text, not list; pass a string"),
    ],
)
def test_what_cannot_be_asked(question: object, message: str) -> None:
    with pytest.raises(QuestionError, match=message.replace("?", r"\?").replace("[", r"\[")):
        bounded(question)  # type: ignore[arg-type]


@pytest.mark.parametrize("question", ["Is it \u202elit?", "\u2067Is it lit?\u2069", "Is\u200b it lit?", "Is it lit\ufeff?"])
def test_characters_that_only_turn_text_around_do_no_harm(question: str) -> None:
    assert clean(question)


@pytest.mark.parametrize(("length", "fits"), [(1, True), (LONGEST, True), (LONGEST + 1, False), (10_000, False)])
def test_longest(length: int, fits: bool) -> None:
    if fits:
        assert bounded("x" * length) == "x" * length
        return
    with pytest.raises(QuestionError, match=rf"the question has {length:,} characters; ask in at most {LONGEST:,}"):
        bounded("x" * length)


LAMP, FOG = "When is the lamp of the tower lit?", "How loud is the horn of the island?"


@pytest.mark.parametrize(
    ("question", "history", "follows"),
    [
        # stands alone
        (LAMP, [], None),
        ("Is it safe?", [], None),
        (FOG, [LAMP], None),
        ("What does a room at the inn cost?", [LAMP], None),
        # points back
        ("Is it safe?", [LAMP], LAMP),
        ("Who repairs them in winter and spring?", [LAMP], LAMP),
        ("Does that harm the birds?", [LAMP, FOG], FOG),
        ("IS IT SAFE?", [LAMP], LAMP),
        # goes on
        ("And in winter?", [LAMP], LAMP),
        ("What about children?", [LAMP], LAMP),
        ("How long?", [LAMP], LAMP),
        ("Why?", [LAMP], LAMP),
        ("Why not?", [LAMP], LAMP),
        # through another follow-up to the question that stands alone
        ("And for birds?", [LAMP, "Is it safe?"], LAMP),
        ("And for birds?", [FOG, LAMP, "Is it safe?", "Why?"], LAMP),
        # nothing that stands alone: the latest
        ("Why?", ["Is it safe?"], "Is it safe?"),
        ("Why?", ["Is it safe?", "And that?"], "And that?"),
        # what holds no word is no earlier question
        ("Why?", ["", " ", "??", LAMP, "🌊"], LAMP),
        ("Why?", ["", " "], None),
        # asked once more, it does not lean on itself
        ("Is it safe?", [LAMP, "is it safe"], LAMP),
        ("Why?", ["Why?"], None),
        # blanks are tidied, long ones are cut
        ("Why?", ["  When is the\tlamp of the tower lit? "], LAMP),
        ("Why?", ["lamp " * 1000], ("lamp " * 1000)[:LONGEST]),
    ],
)
def test_follow_ups(question: str, history: list[str], follows: str | None) -> None:
    found = earlier_question(question, history)
    assert (found and found.strip()) == (follows and follows.strip())
