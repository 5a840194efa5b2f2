"""Amounts of a drug, told from other numbers."""

from __future__ import annotations

import pytest

from kqa.amounts import holds_amount


@pytest.mark.parametrize(
    "text",
    [
        "0.5 mg/kg over 40 minutes", "take 50mg", "fifty milligrams", "2 ml", "a gram", "half a gram", "100 µg", "100 μg",
        "１００ ｍｇ", "three drops in water", "a 56-mg device", "1,000 mg", "three drops", "10 cc", "two vials",
    ],
)  # fmt: skip
def test_an_amount_is_seen(text: str) -> None:
    assert holds_amount(text)


@pytest.mark.parametrize(
    "text",
    [
        "40 minutes", "two sessions a week", "in 2019", "71% of 24 people", "5G masts", "a program", "grams of doubt",
        "p. 3 g-force",         "three to six drips", "Vitamin B12", "the mg sign", "20 people", "a vital sign", "one is ill",
    ],
)  # fmt: skip
def test_another_number_is_not(text: str) -> None:
    assert not holds_amount(text)
