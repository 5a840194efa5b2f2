from __future__ import annotations

import sys

import pytest

from kqa.errors import CorpusError
from kqa.readability import reading_age, spoken


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The lamp burns.", ["The", "lamp", "burns"]),
        ("A low-dose drip, 10.5 hours.", ["A", "low-dose", "drip", "10.5", "hours"]),
        ("The keeper’s (old) lamp", ["The", "keeper’s", "old", "lamp"]),
        ("… – !", []),
    ],
)
def test_words_as_they_are_spoken(text: str, words: list[str]) -> None:
    assert spoken(text) == words


@pytest.mark.parametrize(
    ("sentences", "words", "syllables"),
    [
        (["The horn is lit."], 4, 4),
        (["The horn is lit.", "The fog is night."], 8, 8),
        (["The keeper winds the clock."], 5, 6 + 1),  # keep-er; “wind-s” is one of pyphen's slips
        (["A well-lit room."], 3, 4),  # the parts of well-lit
    ],
)
def test_the_published_formula(sentences: list[str], words: int, syllables: int) -> None:
    grade = 0.39 * words / len(sentences) + 11.8 * syllables / words - 15.59
    assert reading_age(sentences) == pytest.approx(grade + 5)


def test_long_words_and_long_sentences_are_harder() -> None:
    short = ["The lamp is lit at dusk.", "It is put out at dawn."]
    assert (
        reading_age(short)
        < reading_age([" ".join(short)])
        < reading_age(["Illumination commences simultaneously with sunset."])
    )


@pytest.mark.parametrize("nothing", [[], ["…"]])
def test_nothing_to_read(nothing: list[str]) -> None:
    assert reading_age(nothing) == 0


def test_without_pyphen_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyphen", None)
    with pytest.raises(CorpusError, match=r"pyphen.*pip install 'kqa\[lint\]'"):
        reading_age(["The lamp is lit."])
