from __future__ import annotations

from dataclasses import replace
from math import exp
from types import SimpleNamespace

import pytest

import kqa
from kqa.confidence import confidence, signs, unsupported
from kqa.types import Evidence, Hit, Passage, Span

NEUTRAL = kqa.Config().calibration


class Words:
    """A corpus in which every known word has an idf of 1, and an unknown one of 3."""

    def knows(self, term: str) -> bool:
        return term in {"lamp", "fog", "horn"}

    def idf(self, term: str) -> float:
        return 1.0 if self.knows(term) else 3.0


TEXTS = ["lamp and horn", "fog", "pier", "pier", "pier", "buoy"]


def hit(number: int, score: float, dense: float, lexical: float | None = None) -> Hit:
    evidence = {"dense": Evidence(1, dense)} | ({"lexical": Evidence(1, lexical)} if lexical is not None else {})
    return Hit(Passage(number, "a.md", 0, 1, "", (Span(0, 1),)), score, evidence, Span(0, 1))


def fake(calibration: tuple[float, ...] = NEUTRAL) -> kqa.Index:
    spelling = SimpleNamespace(
        correct=lambda text: text.replace("lapm", "lamp"), word=lambda word: word.replace("lapm", "lamp")
    )
    config = SimpleNamespace(calibration=calibration)
    return SimpleNamespace(  # type: ignore[return-value]
        config=config, lexical=Words(), spelling=spelling, lexical_text=lambda passage: TEXTS[passage.number]
    )


HITS = [hit(0, 0.9, 0.8, 2.0), hit(1, 0.4, 0.5, 5.0), hit(2, 0.1, 0.2)]


@pytest.mark.parametrize(
    ("query", "hits", "expected"),
    [
        # best cosine; its lead over the mean; best fused; share unknown; share in the first hit; BM25 by 2.5 × all idf
        ("lamp", HITS, (0.8, 0.8 - 1.5 / 3, 0.9, 0 / 1, 1 / 1, 5 / 2.5)),
        ("lamp fog", HITS, (0.8, 0.3, 0.9, 0 / 2, 1 / 2, 5 / 5)),
        ("lamp lamp fog", HITS, (0.8, 0.3, 0.9, 0 / 2, 1 / 2, 5 / 5)),
        ("lamp unicorn", HITS, (0.8, 0.3, 0.9, 3 / 4, 1 / 4, 5 / 10)),
        ("lapm fog", HITS, (0.8, 0.3, 0.9, 0 / 2, 1 / 2, 5 / 5)),  # read as it was meant
        ("unicorn", HITS[2:], (0.2, 0.0, 0.1, 3 / 3, 0 / 3, 0.0)),
        ("is it?", HITS[:1], (0.8, 0.0, 0.9, 0.0, 0.0, 2 / 2.5)),
        # only the first ten hits are looked at
        ("lamp", [*HITS, *[hit(5, 0, 0.5)] * 7, hit(5, 0, 0.9, 99.0)], (0.8, 0.8 - 5 / 10, 0.9, 0, 1, 5 / 2.5)),
    ],
)
def test_signs(query: str, hits: list[Hit], expected: tuple[float, ...]) -> None:
    assert signs(query, hits, fake()) == pytest.approx(expected)


def logistic(x: float) -> float:
    return round(1 / (1 + exp(-x)), 4)


@pytest.mark.parametrize(
    ("calibration", "expected"),
    [
        ((0.0,) * 7, 0.5),
        ((1.5, *(0.0,) * 6), logistic(1.5)),
        ((-4.0, 4.0, 4.0, 1.0, -3.0, 2.0, 2.0), logistic(-4 + 4 * 0.8 + 4 * 0.3 + 1 * 0.9 - 3 * 0 + 2 * 0.5 + 2 * 1.0)),
        ((1000.0, *(0.0,) * 6), 1.0),
        ((-1000.0, *(0.0,) * 6), 0.0),
    ],
)
def test_confidence_is_a_logistic_of_the_signs(calibration: tuple[float, ...], expected: float) -> None:
    assert confidence("lamp fog", HITS, fake(calibration)) == expected


def test_no_hit_no_confidence() -> None:
    assert confidence("lamp", [], fake()) == 0.0


def test_more_unknown_words_never_make_surer(index: kqa.Index) -> None:
    known = kqa.ask("When does the horn sound in fog?", index).confidence
    half = kqa.ask("When does the unicorn horn sound in zeppelin fog?", index).confidence
    none = kqa.ask("When does the unicorn zeppelin yodel?", index).confidence
    assert 1 >= known > half > none >= 0


@pytest.mark.parametrize(
    ("question", "lacking"),
    [
        ("Is the lamp lit?", ("lit",)),
        ("Lamps and HORNS", ()),
        ("unicorn lamp Unicorn zeppelin", ("unicorn", "zeppelin")),
        ("is it?", ()),
        ("the buoy", ("buoy",)),  # the sixth passage is too far down to support a word
        ("unicorns unicorn", ("unicorns", "unicorn")),
        ("a lapm in the buoy", ("buoy",)),
    ],
)
def test_unsupported_words(question: str, lacking: tuple[str, ...]) -> None:
    assert unsupported(question, [hit(n, 1 - n / 10, 0.5) for n in range(6)], fake()) == lacking


def test_without_hits_every_telling_word_is_unsupported() -> None:
    assert unsupported("Is the lamp in the fog?", [], fake()) == ("lamp", "fog")


def test_a_threshold_on_the_point_answers(index: kqa.Index) -> None:
    question = "When does the horn sound in fog?"
    sure = kqa.ask(question, index).confidence
    at, above = (replace(index, config=replace(index.config, threshold=t)) for t in (sure, min(1.0, sure + 0.0001)))
    assert kqa.ask(question, at).outcome is kqa.Outcome.ANSWERED
    assert kqa.ask(question, above).outcome is kqa.Outcome.ABSTAINED
