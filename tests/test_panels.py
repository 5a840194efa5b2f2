"""Notices as HTML: the numbers first, each one touch away."""

from __future__ import annotations

import re

import pytest

from kqa.html import turn_html
from kqa.rules import load_rules
from kqa.types import HelpLine, Notice, Outcome
from shown import CRISIS, Parsed, make_answer


def test_an_emergency_starts_with_its_numbers() -> None:
    html = turn_html(make_answer(outcome=Outcome.EMERGENCY, notices=(Notice("emergency", "Get help.", CRISIS.lines),)), 1)
    assert html.index("tel:911") < html.index("Get help.") < html.index("sms:741741")
    assert html.count("tel:911") == 1


@pytest.mark.parametrize(
    ("number", "how", "address"),
    [
        ("911", "call", "tel:911"),
        ("1-800-222-1222", "call", "tel:18002221222"),
        ("+44 (0)20 7946 0000", "call", "tel:+4402079460000"),
        ("116 123", "call", "tel:116123"),
        ("988", "call or text", "tel:988"),
        ("741741", "text", "sms:741741"),
        ("findahelpline.com", "chat", "https://findahelpline.com"),
        ("988lifeline.org/chat", "chat", "https://988lifeline.org/chat"),  # its digits are no number to call
        # nothing rather than a wrong number
        ("1-800-662-HELP", "call", None),
        ("999 or 112", "call", None),
        ("javascript:x()", "chat", None),
        ("ask a friend", "talk", None),
    ],
)
def test_one_touch_calls_texts_or_opens(number: str, how: str, address: str | None) -> None:
    notice = Notice("crisis", "Help.", (HelpLine("US", "Somebody", number, how, False),))
    parsed = Parsed(turn_html(make_answer(outcome=Outcome.CRISIS, notices=(notice,)), 1))
    assert parsed.values("href") == ([address] if address else [])
    assert number in parsed.text


@pytest.mark.parametrize("rule", [Outcome.CRISIS, Outcome.EMERGENCY, Outcome.SELF_DOSING])
@pytest.mark.parametrize("live", [True, False])
def test_every_reviewed_help_line_is_one_touch_with_its_country(rule: Outcome, live: bool) -> None:
    [notice] = [notice for name, notice in load_rules().notices.items() if name == rule]
    answer = make_answer(outcome=rule, notices=(notice,))
    parsed = Parsed(turn_html(answer, 1, live=live))
    assert len(parsed.values("href")) == len(notice.lines)
    assert all(re.fullmatch(r"(?:tel|sms):\+?[0-9]{3,}|https://[a-z0-9./-]+", href) for href in parsed.values("href"))
    countries = parsed.inside("h3") + (parsed.inside("li") if rule is Outcome.EMERGENCY else "")
    for line in notice.lines:
        assert line.number in parsed.inside("a")
        assert line.country[:1].upper() + line.country[1:] in countries
