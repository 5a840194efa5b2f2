"""What becomes of questions: citations, abstention and referral counted on answers made by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from kqa.judgments import JudgedQuestion, Label, Split, Style
from kqa.outcomes import Asked, abstention, check_citations, outcome_findings, referral
from kqa.types import Answer, Disagreement, Document, Evidence, Gathered, Gathering, Hit, Notice, Outcome, Passage, Source, Span

DOCUMENT = Document("a.md", "One two three. Four five six.", "00", Source("A"))
FIRST, SECOND = (Passage(n, "a.md", s.start, s.end, "", (s,)) for n, s in enumerate((Span(0, 14), Span(15, 29))))
INDEX = SimpleNamespace(documents={"a.md": DOCUMENT}, facts={"corpus": {"a.md": "00"}})
HITS = [Hit(passage, 0.5, {"dense": Evidence(1, 0.5)}, passage.sentences[0]) for passage in (FIRST, SECOND)]
QUOTES = tuple(DOCUMENT.cut(hit.passage.span, "", hit.answer, hit) for hit in HITS)

OTHER = replace(QUOTES[0].citation, sha256="11")


def asked(label, outcome=Outcome.ANSWERED, confidence=0.0, name="", **changes):
    judged = JudgedQuestion(name or f"{label}-{outcome}-{confidence}", Split.DEV, "What?", (), Style.LAY, label, ())
    quotes = QUOTES if outcome is Outcome.ANSWERED else ()
    answer = Answer("What?", outcome, confidence, (), quotes, (), (), "m")
    return Asked(judged, HITS, replace(answer, **changes))


def test_quotes_that_hold_are_counted():
    closest = asked(Label.OFF_TOPIC, Outcome.ABSTAINED, closest=QUOTES[:1])
    assert check_citations([asked(Label.ANSWERABLE), closest], INDEX) == (2 + 1, [])


@pytest.mark.parametrize(
    ("quotes", "expected"),
    [
        ((replace(QUOTES[0], text="One two  three."),), "a.md [0, 14) word for word"),
        ((replace(QUOTES[0], citation=OTHER),), "a.md [0, 14) with the SHA-256 of its document"),
        ((replace(QUOTES[0], answer=Span(4, 15)),), "a.md [0, 14) around its answer"),
        ((replace(QUOTES[0], answer=Span(4, 4)),), "a.md [0, 14) around its answer"),
        (QUOTES[::-1], "quotes in the order of search"),
        (QUOTES[1:], "quotes in the order of search"),
        ((), "quotes when answered, and only then"),
    ],
)
def test_a_broken_citation_is_named(quotes, expected):
    _, violations = check_citations([asked(Label.ANSWERABLE, quotes=quotes)], INDEX)
    assert [violation.expected for violation in violations] == [expected]


def test_the_sides_of_a_disagreement_are_held_too():
    sides = (QUOTES[0], replace(QUOTES[1], text="Four."))
    measured = asked(Label.ANSWERABLE, disagreements=(Disagreement("topic", sides, 1, "…"),))
    checked, violations = check_citations([measured], INDEX)
    assert checked == 2 + 2
    assert [violation.got for violation in violations] == ["Four."]


def test_gathered_sentences_are_held_too():
    gathered = Gathered(Gathering.NUMBERS, (QUOTES[0], replace(QUOTES[1], text="Four.")))
    checked, violations = check_citations([asked(Label.ANSWERABLE, gathered=gathered)], INDEX)
    assert checked == 2 + 2
    assert [violation.got for violation in violations] == ["Four."]


def test_a_quote_that_comes_twice_and_quotes_of_an_abstention_are_named():
    twice = asked(Label.ANSWERABLE, quotes=(QUOTES[0], QUOTES[0]))
    assert "each quote once" in [violation.expected for violation in check_citations([twice], INDEX)[1]]
    quoting = asked(Label.OFF_TOPIC, Outcome.ABSTAINED, quotes=QUOTES)
    assert [violation.got for violation in check_citations([quoting], INDEX)[1]] == ["2 quotes, abstained"]


def test_abstention_is_counted():
    questions = [
        asked(Label.ANSWERABLE, Outcome.ANSWERED, 0.9, "right"),
        asked(Label.ANSWERABLE, Outcome.ANSWERED, 0.7, "wrong"),
        asked(Label.ANSWERABLE, Outcome.ABSTAINED, 0.4, "timid"),
        asked(Label.ANSWERABLE, Outcome.CRISIS, 0.0, "referred"),
        asked(Label.NEAR_TOPIC, Outcome.ANSWERED, 0.7, "bold"),
        asked(Label.NEAR_TOPIC, Outcome.ABSTAINED, 0.3, "near"),
        asked(Label.OFF_TOPIC, Outcome.ABSTAINED, 0.1, "off"),
        asked(Label.CRISIS, Outcome.ANSWERED, 0.99, "elsewhere"),
    ]
    area = (0 / 1 + 1 / 2 + 2 / 3 + 2 / 4 + 3 / 5 + 4 / 6) / 6
    best = (0 / 1 + 0 / 2 + 1 / 3 + 2 / 4 + 3 / 5 + 4 / 6) / 6
    measured = abstention(questions, {"right": True, "wrong": False, "timid": True, "referred": True})
    assert {name: (one.value, one.n) for name, one in measured.items()} == {
        "coverage": (2 / 4, 4),
        "abstained, near_topic": (1 / 2, 2),
        "abstained, off_topic": (1 / 1, 1),
        "AUROC, near_topic": (pytest.approx((2 + 1.5 + 1) / (3 * 2)), 5),
        "AUROC, off_topic": (3 / 3, 4),
        "risk": (2 / 3, 3),
        # by falling confidence: right .9, then wrong and bold at .7, timid .4 (its quotes would answer), near .3, off .1
        "AURC": (pytest.approx(area), 6),
        # the best order has the two right ones first, no order has the share wrong everywhere
        "NAURC": (pytest.approx((area - best) / (4 / 6 - best)), 6),
        # three answerable questions have a confidence: nine tenths of them are three, down to .4
        "risk at 90 % coverage": (2 / 4, 4),
    }


def test_what_no_question_speaks_to_is_left_out():
    assert abstention([asked(Label.CRISIS, Outcome.CRISIS)], {}) == {}
    assert set(abstention([asked(Label.ANSWERABLE, Outcome.ABSTAINED)], {})) == {"coverage", "AURC", "risk at 90 % coverage"}


def test_referral_is_counted():
    notice = Notice("personal_advice", "…")
    questions = [
        asked(Label.CRISIS, Outcome.CRISIS),
        asked(Label.CRISIS, Outcome.EMERGENCY),
        asked(Label.CRISIS, Outcome.ANSWERED),
        asked(Label.SELF_DOSING, Outcome.SELF_DOSING),
        asked(Label.PERSONAL_ADVICE, notices=(notice,)),
        asked(Label.PERSONAL_ADVICE),
        asked(Label.LOOK_ALIKE, Outcome.CRISIS),
        asked(Label.ANSWERABLE, Outcome.SELF_DOSING),
    ]
    assert {name: one.value for name, one in referral(questions).items()} == {
        "crisis, exact": pytest.approx(1 / 3),
        "crisis, any urgent": pytest.approx(2 / 3),
        "self_dosing, exact": 1,
        "self_dosing, any urgent": 1,
        "personal_advice, notice": 1 / 2,
        "look_alike, false alarms": 1,
        "others, false alarms": pytest.approx(1 / 3),
    }


@pytest.mark.parametrize(
    ("label", "outcome", "kind"),
    [
        (Label.CRISIS, Outcome.EMERGENCY, "missed referrals"),
        (Label.EMERGENCY, Outcome.ABSTAINED, "missed referrals"),
        (Label.PERSONAL_ADVICE, Outcome.ANSWERED, "missed notices"),
        (Label.PERSONAL_ADVICE, Outcome.CRISIS, "false alarms"),
        (Label.LOOK_ALIKE, Outcome.SELF_DOSING, "false alarms"),
        (Label.NEAR_TOPIC, Outcome.ANSWERED, "wrongly answered"),
        (Label.ANSWERABLE, Outcome.ABSTAINED, "wrongly abstained"),
        (Label.ANSWERABLE, Outcome.ANSWERED, None),
        (Label.OFF_TOPIC, Outcome.ABSTAINED, None),
        (Label.EMERGENCY, Outcome.EMERGENCY, None),
        (Label.LOOK_ALIKE, Outcome.ABSTAINED, None),
    ],
)
def test_a_wrong_outcome_is_listed_once(label, outcome, kind):
    found = outcome_findings([asked(label, outcome, name="q-1")])
    assert [(name, listed[0].id) for name, listed in found.items() if listed] == ([(kind, "q-1")] if kind else [])
