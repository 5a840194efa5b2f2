"""Charts: the same bytes for the same numbers, the page's colours, and no text that acts."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ElementTree
from importlib import util

import pytest

from kqa.charts import check_plots, curve_chart, latency_chart, ranking_chart, reliability_chart, section_chart
from kqa.errors import ConfigError
from kqa.measures import Estimate
from kqa.reliability import Bin, Curve
from shown import HOSTILE, check_drawn

ONE = Estimate(0.5, 0.4, 0.7, 3)


def charts(text: str = "group") -> dict[str, str]:
    return {
        "ranking": ranking_chart({text: {"A": ONE, "B": ONE}}, ("A", "B"), text),
        "sections": section_chart({text: {"One": ONE, "Two": ONE}}, text),
        "curve": curve_chart(Curve([0.5, 1.0], [0.0, 0.5], [0.0, 0.5], (0.5, 0.0)), text),
        "reliability": reliability_chart([Bin(0.9, 1.0, 0.95, 1.0, 7)], text),
        "latency": latency_chart({"search": [0.01, 0.02], "ask": [0.02]}, text),
    }


@pytest.fixture(scope="module")
def drawn() -> dict[str, str]:
    return charts()


def test_the_same_numbers_give_the_same_bytes(drawn: dict[str, str]) -> None:
    assert charts() == drawn


@pytest.mark.parametrize("name", ["ranking", "sections", "curve", "reliability", "latency"])
def test_a_chart_is_one_drawing_with_words_for_it(drawn: dict[str, str], name: str) -> None:
    svg = drawn[name]
    root = ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns:xlink="http://www.w3.org/1999/xlink" ', 1))
    assert (root.get("role"), root.get("aria-label")) == ("img", "group")
    assert not re.search(r"<metadata|<style|<script|<image|<!DOCTYPE|font-family", svg)
    assert set(re.findall(r"https?://[^\"\s]+", svg)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"#0[0-9a-f]0[0-9a-f]0[0-9a-f]\b|#000000", svg)  # every colour is one of the page's
    assert "var(--accent)" in svg


def test_names_in_one_drawing_are_not_those_of_another(drawn: dict[str, str]) -> None:
    names = [name for svg in drawn.values() for name in re.findall(r'\bid="([^"]+)"', svg)]
    assert len(names) == len(set(names))
    for svg in drawn.values():
        used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg)
        assert {first or second for first, second in used} <= set(re.findall(r'\bid="([^"]+)"', svg))


@pytest.mark.parametrize("text", [*HOSTILE, "$\\frac{1}$", "漢字 😀", "\x00\ud800"], ids=range(len(HOSTILE) + 3))
def test_no_text_acts(text: str) -> None:
    for name in ("ranking", "sections"):
        check_drawn(charts(text)[name])


def test_times_that_are_all_nothing_are_drawn() -> None:
    assert "<svg" in latency_chart({"search": [0.0]}, "none")


def test_without_matplotlib_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    find = util.find_spec
    monkeypatch.setattr(sys.modules["kqa.charts"], "find_spec", lambda name: None if name == "matplotlib" else find(name))
    with pytest.raises(ConfigError, match=r"matplotlib, which draws the report, is not installed; .*'kqa\[report\]'"):
        check_plots()
