"""The reviewed file: its notices and help lines, and what a broken one says."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import WHOLE_RULES, written_rules
from kqa.errors import RulesError
from kqa.rules import load_rules
from kqa.safety import standing_notice

COUNTRIES = ["US", "UK", "EU", "Canada", "Australia", "elsewhere"]


@pytest.mark.parametrize("name", ["emergency", "crisis", "self_dosing", "personal_advice", "not-medical-advice"])
def test_notices_are_fixed_short_texts_without_amounts(name: str) -> None:
    notice = load_rules().notices[name]
    assert notice.rule == name
    assert 40 < len(notice.text) < 600
    assert "\n" not in notice.text
    assert " mg" not in notice.text


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("emergency", "911 1-800-222-1222 988 999 116_123 112 9-8-8 000 13_11_14 13_11_26 findahelpline.com"),
        ("crisis", "911 988 741741 999 111 116_123 85258 112 9-8-8 000 13_11_14 findahelpline.com"),
        ("self_dosing", "911 1-800-222-1222 1-800-662-4357 999 111 112 000 13_11_26"),
    ],
)
def test_help_lines_stand_by_country_in_order(name: str, numbers: str) -> None:
    lines = load_rules().notices[name].lines
    places = [COUNTRIES.index(line.country) for line in lines]
    assert places == sorted(places)
    assert {number.replace("_", " ") for number in numbers.split()} <= {line.number for line in lines}
    assert {line.number for line in lines if line.urgent} == {"911", "999", "112", "000"}
    assert all(line.name and line.how in ("call", "text", "chat", "call or text") for line in lines)


def test_only_stops_and_advice_carry_lines_as_meant() -> None:
    assert standing_notice() is load_rules().notices["not-medical-advice"]
    assert standing_notice().lines == load_rules().notices["personal_advice"].lines == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('outcome = "crisis"', 'color = "red"', "rule 'crisis-sea': unknown key 'color'; use id, outcome"),
        ('unless = ["book|film"]\n', "", "rule 'crisis-sea': 'unless' is missing or wrong; give it a list of texts"),
        ('unless = ["book|film"]', "unless = [3]", "rule 'crisis-sea': 'unless' is missing or wrong"),
        ('outcome = "crisis"', 'outcome = "panic"', "rule 'crisis-sea': 'panic' is no outcome; use emergency, crisis"),
        ('"Save me!", ', "", "rule 'crisis-sea': an example is missing; give at least three in 'fires_on'"),
        ('"Save me!"', '"Spare me!"', "rule 'crisis-sea': does not fire on its own example 'Spare me!'; change 'any'"),
        ('"Mayday was a band"', '"mayday"', "rule 'crisis-sea': fires on its own example 'mayday'; change 'unless'"),
        ("<water>", "<lava>", "rule 'crisis-sea': '<lava>' is no list, or holds itself; add it to [words]"),
        ('"sea", ', '"<water>", ', "'<water>' is no list, or holds itself"),
        ("help*|save me", "help*|!! me", "rule 'crisis-sea': '!!' holds no word"),
        ('for = ["crisis"]', 'for = ["sunday"]', "line 'Emergency services': 'for' is empty or names no notice"),
        (', "https://b.example"', "", "line 'Emergency services': give two web addresses in 'sources'"),
        ("checked = 2026-01-01", "checked = 1", "line 'Emergency services': 'checked' is missing or wrong; give it a date"),
        ('id = "not-medical-advice"', 'id = "be-careful"', "notice 'not-medical-advice' is missing; add a [[notice]]"),
        ('id = "crisis-sea"', 'id = "crisis"', "the id 'crisis' is used twice; rename one"),
        ('"still here"', '"gone"', "follow_up: 'gone' after 'Save me' belies 'fires_on'"),
        ("[spellings]", "[spelling]", "unknown key 'spelling'; use reviewed, forgiven, words, spellings"),
        ('sos = "save me"', "sos = 1", "spellings: 'sos' is missing or wrong; give it a text"),
        ("[words]", "[words", "cannot be read as TOML"),
    ],
)
def test_a_rules_file_that_does_not_hold_says_where_and_what_to_do(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in WHOLE_RULES
    path = written_rules(tmp_path, WHOLE_RULES.replace(old, new, 1))
    with pytest.raises(RulesError) as caught:
        load_rules(path)
    assert str(caught.value).startswith(str(path))
    assert said in str(caught.value)


def test_a_missing_rules_file_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="nowhere.toml: cannot be read"):
        load_rules(tmp_path / "nowhere.toml")
