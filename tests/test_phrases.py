"""The language of the reviewed phrases."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest import WHOLE_RULES, written_rules
from kqa.errors import RulesError
from kqa.phrases import Language, Pattern, Patterns, Speller, marked
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


@pytest.mark.parametrize(
    ("phrase", "message", "found"),
    [
        ("^ help", "Help me", True),
        ("^ help", "We are here. Help!", True),
        ("^ help", "we need help", False),
        ("help $", "we need help", True),
        ("help $", "Help! We are here.", True),
        ("help $", "help me", False),
        ("please ^ help", "Please. Help.", False),  # a phrase stands within one sentence
        ("please $ help", "Please. Help.", False),
        ("$ help", "We are here. Help!", False),
        ("help ^", "we need help", False),
        ("wake <near>", "I can hardly wake. Husband is asleep.", False),
        ("wake <near>", "wake my husband", True),
        ("<near> wakes", "Husband wakes at six", True),
    ],
)
def test_sentences_begin_and_end_where_phrases_say(tmp_path: Path, phrase: str, message: str, found: bool) -> None:
    place, speller = read_toml(written_rules(tmp_path, WHOLE_RULES))[1], Speller({}, {})
    language = Language({"near": ["my husband", "^ husband"]}, speller, place)
    assert language.either([phrase], place).found(speller.sentences(message)) is found


@pytest.mark.parametrize("found", ["all", None, [], [0]])
def test_patterns_sought_at_once_are_those_that_stand_one_by_one(tmp_path: Path, found: object) -> None:
    """Also where RE2 runs out of memory, which it does not say: the last pattern, which stands everywhere, is then missing."""
    place, speller = read_toml(written_rules(tmp_path, WHOLE_RULES))[1], Speller({}, {})
    language = Language({}, speller, place)
    each = [
        language.either(phrases, place) for phrases in (["lost at sea"], [], ["_ sea"], ["été", "straße"], ["^ help"], ["_"])
    ]
    many = Patterns(each)
    if found != "all":
        many._filter = SimpleNamespace(Match=lambda said: found)
    for message, standing in (("", 0), ("We are lost at sea.", 3), ("Help! L'été à la Straße", 3), ("sea", 1)):
        said = marked(speller.sentences(message))
        assert many.standing(said) == {pattern for pattern in each if pattern.stands_in(said)}
        assert len(many.standing(said)) == standing
    assert Patterns([]).standing(marked(["help "])) == frozenset()


def test_no_phrases_are_found_nowhere_and_cut_nothing(tmp_path: Path) -> None:
    empty = Pattern([], read_toml(written_rules(tmp_path, WHOLE_RULES))[1])
    assert (empty.found(["help "]), empty.parts("and we ")) == (False, ["and we "])


@pytest.mark.parametrize(
    ("sentence", "parts"),
    [
        ("and we but not us ", ["", "and we ", "but not us "]),
        ("x and i want y ", ["x ", "and ", "i want y "]),  # one right behind the other
        ("été and ça ", ["été ", "and ça "]),
        ("we are here ", ["we are here "]),
    ],
)
def test_a_sentence_is_cut_before_each_phrase(tmp_path: Path, sentence: str, parts: list[str]) -> None:
    place = read_toml(written_rules(tmp_path, WHOLE_RULES))[1]
    assert Pattern(["and ", "but ", "i want "], place).parts(sentence) == parts


def test_a_phrase_that_may_hold_no_word_cuts_everywhere_and_ends(tmp_path: Path) -> None:
    place = read_toml(written_rules(tmp_path, WHOLE_RULES))[1]
    parts = Language({}, Speller({}, {}), place).either(["and?"], place).parts("x and y ")
    assert [part for part in parts if part] == ["x ", "and ", "y "]


def test_the_triage_reads_words_as_they_are_meant(tmp_path: Path) -> None:
    rules = load_rules(written_rules(tmp_path, WHOLE_RULES))
    assert rules.plain("ADRFT, for 12 nights!") == "adrift, for 12 nights!"


def test_phrases_beyond_what_one_pattern_holds_are_named_with_their_place(tmp_path: Path) -> None:
    where = read_toml(written_rules(tmp_path, WHOLE_RULES))[1].table("words")
    with pytest.raises(RulesError, match=r"safety\.toml.*: its phrases are too many for one pattern; split the entry"):
        Pattern(["(?:[^ ‹›]+ ){0,999}" * 99], where).found(["help "])


def test_a_rules_file_is_refused_for_a_pattern_that_only_some_message_would_need(tmp_path: Path) -> None:
    lists = 'subject = ["' + '", "'.join(" ".join(f"w{n}x{m}..." for m in range(9)) for n in range(9000)) + '"]'
    path = written_rules(tmp_path, WHOLE_RULES.replace("[words]", f"[words]\n{lists}", 1))
    with pytest.raises(RulesError, match="its phrases are too many for one pattern; split the entry"):
        load_rules(path)
