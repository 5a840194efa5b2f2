from __future__ import annotations

import pytest

import kqa
from kqa.spelling import Spelling, vocabulary

COUNTS = {
    "lantern": 3,
    "lanterns": 1,
    "keeper": 2,
    "gallery": 1,
    "winter": 5,
    "winder": 1,
    "fog": 9,
    "mantle": 1,
    "marble": 1,
    "b12": 2,
}
KNOWN = {"galleon"}


def spelling() -> Spelling:
    return Spelling(COUNTS, KNOWN.__contains__)


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("lantern", "lantern"),  # the corpus's own word
        ("Lantern", "Lantern"),
        ("latern", "lantern"),  # one letter left out
        ("lanttern", "lantern"),  # one too many
        ("lentern", "lantern"),  # one changed
        ("lanetrn", "lantern"),  # two swapped
        ("LATERN", "lantern"),
        ("keepr", "keeper"),
        ("kepr", "kepr"),  # two wrong letters are too many for a word of four
        ("latren", "lantern"),  # two in a longer one are not: a swap and a letter
        ("eeper", "eeper"),  # the first letter is never wrong
        ("fgo", "fgo"),  # too short to tell
        ("galleon", "galleon"),  # another word that is known
        ("wintr", "winter"),
        ("winter", "winter"),
        ("zeppelin", "zeppelin"),
        ("manble", "mantle"),  # as near as marble, as common: the order of the alphabet
        ("winer", "winter"),  # as near as winder, but commoner
        ("shoud", "should"),  # a word that says nothing is one all the same
        ("husban", "husband"),
    ],
)
def test_a_word_is_read_as_the_nearest_of_the_corpus(word: str, read: str) -> None:
    assert spelling().word(word) == read


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", ""),
        ("Is the latern lit in wintr?", "Is the lantern lit in winter?"),
        ("  latern,\tkeepr’s 12 b12 ", "  lantern,\tkeeper’s 12 b12 "),
        ("🌊 latern", "🌊 lantern"),
        ("zeppelin", "zeppelin"),
    ],
)
def test_all_else_in_a_text_stays_as_it_was(text: str, read: str) -> None:
    assert spelling().correct(text) == read
    assert spelling().correct(read) == read


def test_vocabulary_counts_the_texts_that_hold_a_word() -> None:
    assert list(vocabulary(["The lamp, the lamp", "a Lamp", ""]).items()) == [("a", 1), ("lamp", 2), ("the", 1)]


def test_a_misspelt_question_finds_what_was_meant(index: kqa.Index) -> None:
    right, wrong = (kqa.search(f"Who winds the {word}?", index, k=3) for word in ("clockwork", "clokwork"))
    assert right == wrong
    assert kqa.ask("Who winds the clokwork?", index).question == "Who winds the clokwork?", "the asker's words stay"


def test_nothing_is_corrected_without_a_corpus() -> None:
    assert Spelling({}, lambda word: False).correct("Is the latern lit?") == "Is the latern lit?"
