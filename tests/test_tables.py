"""Measures as text and as JSON."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from kqa.measures import Estimate
from kqa.tables import aligned, estimate_text, measure_rows, to_sorted_json, versions


@dataclass
class Result:
    b: object
    a: object


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.6432, 0.6, 1.0, 9), ".643 [.600, 1.000]"),
        (Estimate(-0.02, -0.1, 0.0, 9), "-.020 [-.100, .000]"),
        (Estimate(-0.0001, -1.5, 12.0, 9), ".000 [-1.500, 12.000]"),
    ],
)
def test_an_estimate_reads_short(estimate, text):
    assert estimate_text(estimate) == text


def test_columns_are_aligned():
    assert aligned([["a", "b"], ["long", "c", "d"]]) == "a     b\nlong  c  d\n"
    assert aligned([]) == ""


def test_a_row_a_group():
    one = Estimate(1.0, 1.0, 1.0, 3)
    assert measure_rows("ranking", {"all": {"RR": one}}) == [["ranking", "n", "RR"], ["all", "3", "1.000 [1.000, 1.000]"]]


def test_json_is_sorted_and_rounded():
    assert to_sorted_json(Result(b=(1 / 3, -0.00001), a={"é": Estimate(1.0, 0.5, 1.0, 2)})) == (
        '{\n "a": {\n  "é": {\n   "high": 1.0,\n   "low": 0.5,\n   "n": 2,\n   "value": 1.0\n  }\n },\n'
        ' "b": [\n  0.3333,\n  0.0\n ]\n}\n'
    )


def test_versions_are_named():
    assert all(versions().values())
