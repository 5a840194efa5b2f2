from __future__ import annotations

from dataclasses import replace
from math import exp
from types import SimpleNamespace

import pytest

import kqa
from kqa.confidence import confidence, signs, unsupported
from kqa.index import Reading
from kqa.types import Evidence, Hit, Passage, Span

NEUTRAL = kqa.Config().calibration


class Words:
    """A corpus in which every known word has an idf of 1, and an unknown one of 3."""

    def knows(self, term: str) -> bool:
        return term in {"lamp", "fog", "horn"}

    def idf(self, term: str) -> float:
        return 1.0 if self.knows(term) else 3.0


TEXTS = ["lamp and horn", "fog", "pier", "pier", "pier", "buoy"]


def hit(number: int, score: float, dense: float) -> Hit:
    return Hit(Passage(number, "a.md", 0, 1, "", (Span(0, 1),)), score, {"dense": Evidence(1, dense)}, Span(0, 1))


def fake(calibration: tuple[float, ...] = NEUTRAL) -> kqa.Index:
    spelling = SimpleNamespace(word=lambda word: word.replace("lapm", "lamp"))
    config = SimpleNamespace(calibration=calibration)
    near = SimpleNamespace(nearness=lambda vector, passages: (4.0 - len(passages), 0.5 if len(passages) > 1 else None))
    return SimpleNamespace(  # type: ignore[return-value]
        config=config, lexical=Words(), spelling=spelling, dense=near, lexical_text=lambda passage: TEXTS[passage.number]
    )


def reading(*terms: str) -> Reading:
    return Reading(terms, None, 0.0)


HITS = [hit(0, 0.9, 0.3), hit(1, 0.4, 0.35), hit(2, 0.1, 0.2)]
MANY = [*HITS, *[hit(3, 0.05, 0.1)] * 2, hit(5, 0.04, 0.1), *[hit(5, 0.03, 0.1)] * 4, hit(5, 0.0, 0.99)]


@pytest.mark.parametrize(
    ("terms", "hits", "expected"),
    [
        # deviations / 10; nearest listed question, 1 where none is; first fused less the sixth, or the last; .4 less the best
        # cosine; share of idf that the best of the first five hits holds; terms / 8
        (("lamp",), HITS, (0.1, 0.5, 0, 0.9 - 0.1, 0.4 - 0.35, 1 / 1, 1 / 8)),
        (("lamp", "fog"), HITS, (0.1, 0.5, 0, 0.8, 0.05, 1 / 2, 2 / 8)),
        (("lamp", "horn", "lamp"), HITS, (0.1, 0.5, 0, 0.8, 0.05, 2 / 2, 2 / 8)),
        (("lamp", "unicorn"), HITS, (0.1, 0.5, 0, 0.8, 0.05, 1 / 4, 2 / 8)),
        (("unicorn",), HITS[2:], (0.3, 0.0, 1, 0.0, 0.4 - 0.2, 0 / 3, 1 / 8)),
        ((), [hit(0, 0.9, 0.8)], (0.3, 0.0, 1, 0.0, 0.0, 0.0, 0.0)),
        (tuple("abcdefghijklmnop"), HITS, (0.1, 0.5, 0, 0.8, 0.05, 0.0, 8 / 8)),
        # ten hits are looked at, five of them for words
        (("buoy", "lamp"), MANY, (-0.6, 0.5, 0, 0.9 - 0.04, 0.05, 1 / 4, 2 / 8)),
    ],
)
def test_signs(terms: tuple[str, ...], hits: list[Hit], expected: tuple[float, ...]) -> None:
    assert signs(reading(*terms), hits, fake()) == pytest.approx(expected)


def logistic(x: float) -> float:
    return round(1 / (1 + exp(-x)), 4)


@pytest.mark.parametrize(
    ("calibration", "expected"),
    [
        ((0.0,) * 8, 0.5),
        ((1.5, *(0.0,) * 7), logistic(1.5)),
        (
            (-4.0, 4.0, 4.0, 1.0, -3.0, 2.0, 2.0, 6.0),
            logistic(-4 + 4 * 0.1 + 4 * 0.5 + 1 * 0 - 3 * 0.8 + 2 * 0.05 + 2 * 0.5 + 6 * 2 / 8),
        ),
        ((1000.0, *(0.0,) * 7), 1.0),
        ((-1000.0, *(0.0,) * 7), 0.0),
    ],
)
def test_confidence_is_a_logistic_of_the_signs(calibration: tuple[float, ...], expected: float) -> None:
    assert confidence(reading("lamp", "fog"), HITS, fake(calibration)) == expected


def test_no_hit_no_confidence() -> None:
    assert confidence(reading("lamp"), [], fake()) == 0.0


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


def test_a_longer_question_is_surer_only_up_to_a_point() -> None:
    padded = [f"padding{number}" for number in range(20)]
    many, more = (signs(reading("lamp", *padded[:count]), HITS, fake()) for count in (7, 20))
    assert many[-1] == more[-1] == 1.0
    assert many[-2] > more[-2], "words that no passage holds make less sure"


def test_a_threshold_on_the_point_answers(index: kqa.Index) -> None:
    question = "When does the horn sound in fog?"
    sure = kqa.ask(question, index).confidence
    at, above = (replace(index, config=replace(index.config, threshold=t)) for t in (sure, min(1.0, sure + 0.0001)))
    assert kqa.ask(question, at).outcome is kqa.Outcome.ANSWERED
    assert kqa.ask(question, above).outcome is kqa.Outcome.ABSTAINED
