"""Whose help lines come first: every country of the reviewed file can be named, and no line is ever lost."""

from __future__ import annotations

import re
import tomllib

import pytest

import kqa.countries as countries_module
from conftest import ROOT
from kqa.countries import _REGIONS, _UNION, countries, in_order, known_country, spoken_country
from kqa.errors import ConfigError
from kqa.rules import RULES, load_rules

NAMES = ("US", "UK", "EU", "Canada", "Australia", "elsewhere")


def test_the_countries_are_those_of_the_reviewed_file_in_its_order() -> None:
    lines = tomllib.loads(RULES.read_text(encoding="utf-8"))["line"]
    assert countries() == tuple(dict.fromkeys(line["country"] for line in lines)) == NAMES


@pytest.mark.parametrize(
    ("name", "known"), [(None, None), ("UK", "UK"), ("uk", "UK"), (" canada ", "Canada"), ("Elsewhere", "elsewhere")]
)
def test_a_country_is_known_whatever_its_case(name: str | None, known: str | None) -> None:
    assert known_country(name) == known


@pytest.mark.parametrize(
    ("languages", "first"),
    [
        ("en-GB,en;q=0.9", "UK"), ("en,en-GB;q=0.8", "UK"), ("de,en-US;q=0.7", None), ("sr-Latn-HR", "EU"),
        ("de-CH", "elsewhere"),
        ("es-419,es;q=0.9", "elsewhere"), ("en-us", "US"), ("fr-CA", "Canada"), ("en-AU", "Australia"), ("", None), ("*", None),
        (";,-,;q=x-GB", None),
    ],
)  # fmt: skip
def test_a_browsers_first_language_says_whose_lines_come_first(languages: str, first: str | None) -> None:
    assert spoken_country(languages) == first


def test_the_page_itself_knows_the_same_regions() -> None:
    script = RULES.with_name("page.js").read_text(encoding="utf-8")
    [union] = re.findall(r'const UNION = "(.*?)"', script)
    assert {spoken_country(f"xx-{code}") for code in union.split()} == {"EU"}
    assert union.split() == sorted(countries_module._UNION)


@pytest.mark.parametrize("name", ["", "France", "U.K.", "x" * 99, 3, ["UK"], {"UK": 1}, True])
def test_an_unknown_country_is_refused_with_the_choices(name: object) -> None:
    with pytest.raises(ConfigError, match=r"; choose US, UK, EU, Canada, Australia or elsewhere$") as refused:
        known_country(name)
    assert len(str(refused.value)) < 150


@pytest.mark.parametrize("rule", ["emergency", "crisis", "self_dosing"])
@pytest.mark.parametrize("country", [None, *NAMES])
def test_one_country_comes_first_and_no_line_is_lost(rule: str, country: str | None) -> None:
    lines = load_rules().notices[rule].lines
    ordered = in_order(lines, country)
    own = [line for line in lines if line.country == country]
    assert list(ordered) == own + [line for line in lines if line not in own]


def test_the_pages_script_and_the_server_know_the_same_regions() -> None:
    """The script picks by the browser's language, a page without one by what the browser sends; both have the table."""
    script = (ROOT / "src" / "kqa" / "page.js").read_text(encoding="utf-8")
    union = re.search(r'const UNION = "([A-Z ]+)"', script)
    regions = re.search(r"const REGIONS = \{ (.*?), \.\.\.", script)
    assert union
    assert regions
    assert set(union[1].split()) == _UNION
    assert dict(re.findall(r'(\w+): "(\w+)"', regions[1])) == _REGIONS
