from __future__ import annotations

from math import inf

import pytest

from kqa.quantities import Quantity, apart, quantities

MINUTE, HOUR, DAY, WEEK, MONTH, YEAR = 60, 3600, 86_400, 604_800, 2_629_800, 31_557_600


def ranges(text: str) -> list[tuple[str, float, float]]:
    return [(one.kind, one.low, one.high) for one in quantities(text)]


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("The sessions usually last about 40 minutes.", ("time", 40 * MINUTE, 40 * MINUTE)),
        ("a 40-minute drip", ("time", 40 * MINUTE, 40 * MINUTE)),
        ("40 to 60 minutes", ("time", 40 * MINUTE, 60 * MINUTE)),
        ("1–2 weeks", ("time", WEEK, 2 * WEEK)),
        ("between two and three days", ("time", 2 * DAY, 3 * DAY)),
        ("2 mins", ("time", 2 * MINUTE, 2 * MINUTE)),
        ("half an hour", ("time", HOUR / 2, HOUR / 2)),
        ("it lasted for a month", ("time", MONTH, MONTH)),
        ("within 1 hour", ("time", 0, HOUR)),
        ("Up to 24\u00a0hours", ("time", 0, 24 * HOUR)),
        ("less than 3 days", ("time", 0, 3 * DAY)),
        ("at least 3 days", ("time", 3 * DAY, inf)),
        ("more than 3 days", ("time", 3 * DAY, inf)),
        ("2 weeks or more", ("time", 2 * WEEK, inf)),
        ("two or more weeks", ("time", 2 * WEEK, inf)),
        ("a few hours", ("time", 2 * HOUR, 6 * HOUR)),
        ("several days", ("time", 3 * DAY, 10 * DAY)),
        ("for weeks", ("time", 2 * WEEK, 13 * WEEK)),
        ("Relief goes on for years to come.", ("time", 2 * YEAR, inf)),
        ("every four hours", ("every", 4 * HOUR, 4 * HOUR)),
        ("70 %", ("percent", 70, 70)),
        ("12.5 to 15 per cent", ("percent", 12.5, 15)),
        ("$400 to $800 a time", ("$", 400, 800)),
        ("1,500 dollars", ("$", 1500, 1500)),
        ("€ 30", ("€", 30, 30)),
        ("six infusions", ("sessions", 6, 6)),
        ("3 to 5 sessions", ("sessions", 3, 5)),
        ("0.5 mg/kg", ("mg/kg", 0.5, 0.5)),
        ("30 mg", ("mg", 30, 30)),
    ],
)
def test_an_amount_is_a_range_of_a_kind(text: str, stated: tuple[str, float, float]) -> None:
    assert ranges(text) == [stated]


@pytest.mark.parametrize(
    "text",
    [
        "people of 18 years of age", "an 18-year-old", "aged 18 years", "10 years ago", "in the past few years", "in 2016",
        "three times a day", "a day in bed", "the first 2 weeks", "95% confidence interval", "95% CI", "24/7", "a dose of it",
        "20 people", "5 milligrams", "Room 101", "", "per hour",
    ],
)  # fmt: skip
def test_what_is_no_amount(text: str) -> None:
    assert ranges(text) == []


def test_amounts_stand_in_their_order_with_their_words() -> None:
    found = quantities("Six infusions over two to three weeks, then weeks of rest, for $900.")
    assert [one.text for one in found] == ["six infusions", "two to three weeks", "weeks", "$900"]


@pytest.mark.parametrize(
    ("a", "b", "common"),
    [
        ("40 minutes", "45 minutes", True),  # less than a quarter apart, twice
        ("40 minutes", "60 minutes", True),  # 40 × 1.25 = 50 ≥ 60 / 1.25 = 48
        ("40 minutes", "90 minutes", False),  # 50 < 72
        ("within 1 hour", "40 minutes", True),
        ("within 1 hour", "a few hours", False),  # 1 × 1.25 < 2 / 1.25
        ("for years", "for a month", False),
        ("60 minutes", "1 hour", True),
        ("10 %", "80 %", False),
    ],
)
def test_ranges_overlap_with_a_margin(a: str, b: str, common: bool) -> None:
    (one,), (other,) = quantities(a), quantities(b)
    assert one.overlaps(other) == other.overlaps(one) == common


def test_what_is_apart_is_of_one_kind() -> None:
    assert list(apart(quantities("40 minutes"), quantities("40 %"))) == []
    assert list(apart(quantities("40 minutes"), ())) == []
    assert list(apart(quantities("40 minutes or 3 days"), quantities("3 days"))) == [], "one range that overlaps is enough"
    ((x, y),) = apart(quantities("40 minutes, 10 %"), quantities("9 %, 3 days, 4 days"))
    assert (x, y) == (Quantity("time", 2400, 2400, "40 minutes"), Quantity("time", 3 * DAY, 3 * DAY, "3 days"))
