"""Help is never refused; everything else is, beyond the limits, and is told when to ask again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import kqa.admission
from browser_server import small_index
from kqa.admission import CLIENT, Admission
from kqa.errors import QuestionError, TooMany, TooOften
from kqa.index import Index
from kqa.limits import Places, Rate
from kqa.metrics import Metrics
from kqa.types import Outcome

QUESTION = "Is ketamine addictive?"
REFERRED = {"I want to die": Outcome.CRISIS, "How much ketamine should I snort?": Outcome.SELF_DOSING}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return Index.load(small_index(tmp_path_factory.mktemp("admission")))


@pytest.fixture(autouse=True)
def client() -> Iterator[None]:
    token = CLIENT.set(b"somebody")
    yield
    CLIENT.reset(token)


def used_up() -> Admission:
    rate = Rate(1, lambda: 0.0)
    rate.charge(b"somebody")
    return Admission(rate)


def crowded() -> Admission:
    places = Places(1, queue=0)
    places.take()
    return Admission(None, places)


def test_within_the_limits_it_is_ask(index: Index) -> None:
    assert Admission().ask(QUESTION, index) == kqa.admission.ask(QUESTION, index)
    assert Admission().ask("I want to die", index, despite=True) == kqa.admission.ask("I want to die", index, despite=True)


@pytest.mark.parametrize(("admission", "error"), [(used_up, TooOften), (crowded, TooMany)])
def test_beyond_a_limit_a_question_is_refused_and_help_is_not(index: Index, admission: object, error: type) -> None:
    made = admission()  # type: ignore[operator]
    with pytest.raises(error) as refused:
        made.ask(QUESTION, index)
    assert refused.value.seconds in (5, 60)
    for question, outcome in REFERRED.items():
        for despite in (False, True):
            answer = made.ask(question, index, despite=despite)
            assert (answer.outcome, answer.quotes) == (outcome, ())
            assert answer.notices[0].lines or outcome is Outcome.SELF_DOSING
    assert made.ask("please help", index, ["I want to die"]).outcome is Outcome.CRISIS
    with pytest.raises(QuestionError):
        made.ask("?!", index)
    with pytest.raises(error), made.admitted():
        pytest.fail("it was let in")


def test_a_question_within_the_rate_waits_for_its_place_and_help_does_not(index: Index) -> None:
    places = Places(1, queue=1, patience=0.05)
    admission = Admission(None, places)
    places.take()
    assert admission.ask("I want to die", index).outcome is Outcome.CRISIS
    with pytest.raises(TooMany):
        admission.ask(QUESTION, index)
    places.give()
    assert admission.ask(QUESTION, index).outcome is Outcome.ANSWERED


def test_a_failure_gives_its_place_back(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    admission = Admission(None, Places(1, queue=0))
    monkeypatch.setattr(kqa.admission, "ask", lambda *_, **__: 1 / 0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            admission.ask(QUESTION, index)
    with admission.admitted():
        pass


def test_what_happened_is_counted_in_three_classes(index: Index) -> None:
    metrics = Metrics()
    rate = Rate(3, lambda: 0.0)
    admission = Admission(rate, None, metrics)
    admission.ask(QUESTION, index)
    admission.ask("quantum zebra", index)
    admission.ask("I want to die", index)
    admission.ask("How much ketamine should I snort?", index)
    with pytest.raises(TooOften):
        admission.ask(QUESTION, index)
    shown = metrics.to_text()
    for line in ('answers_total{outcome="answered"} 1', 'answers_total{outcome="abstained"} 1'):
        assert f"kqa_{line}.0" in shown
    assert 'kqa_answers_total{outcome="referred"} 2.0' in shown
    assert 'kqa_refused_total{reason="rate"} 1.0' in shown
    assert 'kqa_refused_total{reason="busy"} 0.0' in shown


def test_a_long_or_odd_question_gets_its_help_beyond_the_limit_too(index: Index) -> None:
    assert used_up().ask("I want to die " + "and so on " * 500, index).outcome is Outcome.CRISIS


def test_what_is_asked_outside_of_a_request_has_no_limit(index: Index, tmp_path: Path) -> None:
    CLIENT.set(None)
    admission = Admission(Rate(1, lambda: 0.0))
    for _ in range(3):
        assert admission.ask(QUESTION, index).outcome is Outcome.ANSWERED
