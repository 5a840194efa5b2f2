"""Notices as HTML: the numbers first, each one touch away."""

from __future__ import annotations

import re

import pytest

from kqa.html import turn_html
from kqa.panels import panel, unanswered_help_html
from kqa.rules import load_rules
from kqa.types import HelpLine, Notice, Outcome
from shown import CRISIS, Parsed, check_inert, make_answer


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


STOPS = [Outcome.CRISIS, Outcome.EMERGENCY, Outcome.SELF_DOSING]
NAMES = ["US", "UK", "EU", "Canada", "Australia", "elsewhere"]


def reviewed(rule: Outcome) -> Notice:
    [notice] = [notice for name, notice in load_rules().notices.items() if name == rule]
    return notice


def inside(html: str, opening: str, closing: str) -> str:
    """Return what stands between two texts, each of them once in the HTML."""
    [(_, after)] = [html.split(opening)]
    return after.split(closing)[0]


@pytest.mark.parametrize("country", [None, *NAMES])
@pytest.mark.parametrize("rule", STOPS)
@pytest.mark.parametrize("live", [True, False])
def test_every_reviewed_help_line_is_one_touch_with_its_country(rule: Outcome, live: bool, country: str | None) -> None:
    notice = reviewed(rule)
    parsed = check_inert(turn_html(make_answer(outcome=rule, notices=(notice,)), 1, live=live, country=country))
    assert len(parsed.values("href")) == len(notice.lines)
    assert all(re.fullmatch(r"(?:tel|sms):\+?[0-9]{3,}|https://[a-z0-9./-]+", href) for href in parsed.values("href"))
    for line in notice.lines:
        assert line.number in parsed.inside("a")
        assert line.country[:1].upper() + line.country[1:] in parsed.inside("h3")


@pytest.mark.parametrize("country", NAMES)
@pytest.mark.parametrize("rule", STOPS)
def test_one_country_leads_and_the_others_follow_in_their_order(rule: Outcome, country: str) -> None:
    html = panel(reviewed(rule), country, live=True)
    others = [name for name in NAMES if name != country]
    assert re.findall(r'<div data-country="(.*?)">', html) == [country, *others]
    assert f'<div class="lead"><div data-country="{country}">' in html
    assert html.index("<details") < html.index(f'<div class="countries"><div data-country="{others[0]}">')
    assert f'<option value="{country}" selected>' in html


@pytest.mark.parametrize("country", NAMES)
@pytest.mark.parametrize("rule", STOPS)
def test_emergency_numbers_of_all_countries_are_never_folded(rule: Outcome, country: str) -> None:
    html = panel(reviewed(rule), country, live=True)
    at_once = inside(html, '<ul class="at-once">', "</ul>")
    urgent = {"US": "911", "UK": "999", "EU": "112", "Canada": "911", "Australia": "000"}
    order = sorted(urgent, key=lambda name: name != country)
    assert re.findall(
        r'data-country="(.*?)"><span>(.*?)</span> <a class="call" href="tel:(\d+)" aria-label="\3, emergency, \1">', at_once
    ) == [(name, name, urgent[name]) for name in order]
    assert html.index("at-once") < html.index("<details")


@pytest.mark.parametrize("live", [True, False])
def test_other_countries_are_folded_only_where_a_script_runs(live: bool) -> None:
    html = panel(reviewed(Outcome.CRISIS), live=live)
    assert ('<details class="others">' in html) is live
    assert ('<details class="others" open>' in html) is not live
    assert ("<select" in html) is live
    assert ("Numbers for <b>US</b> come first." in html) is not live


@pytest.mark.parametrize(
    ("rule", "country", "said"),
    [
        (Outcome.EMERGENCY, "EU", "No other line stands here; the emergency number is above."),
        (Outcome.SELF_DOSING, "elsewhere", "No line stands here; in an emergency, call your local number."),
    ],
)
def test_a_country_without_lines_says_so(rule: Outcome, country: str, said: str) -> None:
    assert said in Parsed(inside(panel(reviewed(rule), country), '<div class="lead">', "<details")).inside("p")


def test_in_a_crisis_lines_come_before_words_in_an_emergency_what_to_do_before_lines() -> None:
    crisis, emergency = panel(reviewed(Outcome.CRISIS)), panel(reviewed(Outcome.EMERGENCY))
    assert crisis.index("tel:911") < crisis.index("tel:988") < crisis.index("Call or text one of these lines now")
    assert emergency.index("tel:911") < emergency.index("Call the emergency number now") < emergency.index("tel:988")


def test_a_site_opens_beside_the_page() -> None:
    html = panel(reviewed(Outcome.CRISIS))
    assert '<a class="call" href="https://findahelpline.com" target="_blank" rel="noopener noreferrer" ' in html
    assert re.search(r'aria-label="findahelpline\.com, [a-z ]+, elsewhere">findahelpline', html)
    assert html.count("target=") == 1


def test_a_notice_without_lines_offers_no_country() -> None:
    html = panel(load_rules().notices["personal_advice"], "UK", live=True)
    assert not re.search("select|details|UK", html)


@pytest.mark.parametrize("country", [None, "UK"])
def test_an_unanswered_question_has_the_lines_of_a_crisis(country: str | None) -> None:
    html = unanswered_help_html(reviewed(Outcome.CRISIS), country)
    assert html.index("tel:999" if country else "tel:911") == html.index("tel:")
    assert f'<div class="lead"><div data-country="{country or "US"}">' in html
    assert len(Parsed(html).values("href")) == len(reviewed(Outcome.CRISIS).lines)
    assert "<select" not in html
