"""The language of the reviewed phrases."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import WHOLE_RULES, written_rules
from kqa.errors import RulesError
from kqa.phrases import Pattern
from kqa.places import read_toml
from kqa.rules import load_rules


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("lost at sea", True),
        ("LOST AT THE OPEN OCEAN", True),
        ("lost at last", False),
        ("SOS", True),
        ("adrft for 12 nights", True),
        ("days adrift", False),
        ("Mayday", True),
        ("Mayday Parade", False),
        ("a film. save me", True),
        ("helpless me", True),
    ],
)
def test_the_phrase_language(tmp_path: Path, text: str, fires: bool) -> None:
    rules = load_rules(written_rules(tmp_path, WHOLE_RULES))
    assert (rules.fired(text) is not None) is fires


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("\u0397elp me", True),  # capital eta, whose small letter looks like n
        ("\u039cayday", True),  # capital mu, whose small letter looks like u
        ("\u0391drift for 3 \u039dights", True),  # capital nu, whose small letter looks like v
        ("\u0389elp me", True),  # with an accent
        ("Ma\u03a5day", True),  # capital upsilon, whose small letter looks like u
        ("\u041d\u0415LP ME", True),  # Cyrillic
        ("Lost. At. Sea.", True),
        ("Lost at. The open. Ocean!", True),
        ("lost\nat\nsea", True),
        ("We are out here now. Lost. At. Sea.", True),  # a run of short sentences within a longer text
        ("Mayday. Parade.", True),  # each sentence is still read by itself
        ("A film. Lost. At. Sea.", False),  # read as one, "unless" holds for it
        ("We lost. At the sea it rains.", False),  # sentences, not single words
        ("Lost. At. What?", False),
    ],
)
def test_words_disguised_by_capitals_or_sentence_marks(tmp_path: Path, text: str, fires: bool) -> None:
    rules = load_rules(written_rules(tmp_path, WHOLE_RULES))
    assert (rules.fired(text) is not None) is fires


def test_sentences_begin_and_end_where_phrases_say(tmp_path: Path) -> None:
    where = read_toml(written_rules(tmp_path, WHOLE_RULES))[1]
    first, last, empty = Pattern(["¶ help "], where), Pattern(["help ¶ "], where), Pattern([], where)
    opening, closing = (["help me "], ["we ", "help "]), (["we help "], ["help ", "we "])
    assert [first.found(said) for said in (*opening, ["we help "], [])] == [True, True, False, False]
    assert [last.found(said) for said in (*closing, ["help me "], [])] == [True, True, False, False]
    assert not empty.found(["help "])
    assert Pattern(["and ", "but "], where).parts("and we but not us ") == ["", "and we ", "but not us "]
    assert empty.parts("and we ") == ["and we "]


def test_phrases_beyond_what_one_pattern_holds_are_named_with_their_place(tmp_path: Path) -> None:
    where = read_toml(written_rules(tmp_path, WHOLE_RULES))[1].table("words")
    endless = Pattern(["(?:[^ ¶]+ ){0,999}" * 99], where)
    with pytest.raises(RulesError, match=r"safety\.toml.*: its phrases are too many for one pattern \(.+\); split the entry"):
        endless.found(["help "])
