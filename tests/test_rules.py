"""The reviewed file: its notices and help lines, and what a broken one says."""

from __future__ import annotations

import tomllib
from itertools import chain
from pathlib import Path

import pytest

from conftest import WHOLE_RULES, written_rules
from kqa.errors import RulesError
from kqa.phrases import marked
from kqa.rules import RULES, load_rules
from kqa.safety import standing_notice

RULE = WHOLE_RULES[WHOLE_RULES.index("[[rule]]") :]
HELP = WHOLE_RULES[WHOLE_RULES.index("[[line]]") : WHOLE_RULES.index("[[rule]]")]
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
        ("emergency", "911 1-800-222-1222 988 999 111 116_123 112 9-8-8 000 13_11_14 13_11_26 findahelpline.com"),
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
    ("old", "new", "line", "said"),
    [
        ('outcome = "crisis"', 'color = "red"', 49, "rule 'crisis-sea': unknown key 'color'; use id, outcome"),
        ('unless = ["book|film"]\n', "", 47, "rule 'crisis-sea': 'unless' is missing or wrong; give it a list of texts"),
        ('unless = ["book|film"]', "unless = [3]", 52, "rule 'crisis-sea': 'unless' is missing or wrong"),
        ('outcome = "crisis"', 'outcome = "panic"', 49, "rule 'crisis-sea': 'panic' is no outcome; use emergency, crisis"),
        ('"Save me!", ', "", 53, "rule 'crisis-sea': an example is missing; give at least three in 'fires_on'"),
        ('"Save me!"', '"Spare me!"', 53, "rule 'crisis-sea': does not fire on its own example 'Spare me!'; change 'any'"),
        ('"Mayday was a band"', '"mayday"', 54, "rule 'crisis-sea': fires on its own example 'mayday'; change 'unless'"),
        ("<water>", "<lava>", 51, "rule 'crisis-sea': '<lava>' is no list, or holds itself; add it to [words]"),
        ('"sea", ', '"<water>", ', 4, "'<water>' is no list, or holds itself"),
        ("help*|save me", "help*|!! me", 51, "rule 'crisis-sea': '!!' holds no word"),
        (
            'for = ["crisis", "emergency", "self_dosing"]',
            'for = ["sunday"]',
            44,
            "line 'Emergency services': 'for' is empty or names no notice",
        ),
        ('for = ["crisis", ', "for = [", 38, "no urgent line is for 'crisis'; add a [[line]] for it with urgent = true"),
        ("urgent = true", "urgent = false", 38, "no urgent line is for 'emergency'"),
        (HELP, "", 1, "'line' is missing or wrong"),
        (', "https://b.example"', "", 45, "line 'Emergency services': give two web addresses in 'sources'"),
        ("checked = 2026-01-01", "checked = 1", 46, "line 'Emergency services': 'checked' is missing or wrong; give it a date"),
        ('id = "not-medical-advice"', 'id = "be-careful"', 34, "notice 'not-medical-advice' is missing; add a [[notice]]"),
        ('id = "crisis-sea"', 'id = "crisis"', 47, "the id 'crisis' is used twice, first on line 18; rename one"),
        ('"still here"', '"gone"', 10, "follow_up: 'gone' after 'Save me' belies 'fires_on'"),
        ("[spellings]", "[spelling]", 5, "unknown key 'spelling'; use reviewed, forgiven, words, spellings"),
        ('sos = "save me"', "sos = 1", 6, "spellings: 'sos' is missing or wrong; give it a text"),
        ('["How many days?", "Much ado"]', '["How many", "Much ado"]', 17, "amounts: fires on its own example 'How many'"),
        ('any = ["how much|many"]\n', "", 12, "amounts: 'any' is missing or wrong"),
        ("reviewed = 2026-01-01\n", "", 1, "'reviewed' is missing or wrong; give it a date"),
        ("reviewed = 2026-01-01", "reviewed = 2026-01-01T10:00:00", 1, "'reviewed' is missing or wrong; give it a date"),
        ('[["Save me", "still here"]]', "[[1, 2]]", 10, "follow_up: 'fires_on' is missing or wrong; give it a list of pairs"),
        ('why = "A test."\nany = ["lost', 'why = 5\nany = ["lost', 50, "'why' is missing or wrong; give it a text"),
        ('id = "crisis-sea"', "id = 5", 48, "rule '5': 'id' is missing or wrong; give it a text"),
        ("[words]", "[words", 3, "column 7: the name of a table is not closed; write [name]"),
    ],
)
def test_a_rules_file_that_does_not_hold_says_where_and_what_to_do(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    assert old in WHOLE_RULES
    path = written_rules(tmp_path, WHOLE_RULES.replace(old, new, 1))
    with pytest.raises(RulesError) as caught:
        load_rules(path)
    assert str(caught.value).startswith((f"{path}, line {line}:", f"{path}, line {line}, column "))
    assert said in str(caught.value)


@pytest.mark.parametrize(("table", "said"), [("line", "no urgent line is for 'emergency'"), ("notice", "'crisis' is missing")])
def test_a_rules_file_without_help_or_notices_is_refused(tmp_path: Path, table: str, said: str) -> None:
    start, end = WHOLE_RULES.index(f"[[{table}]]"), WHOLE_RULES.index({"line": "[[rule]]", "notice": "[[line]]"}[table])
    path = written_rules(tmp_path, f"{table} = []\n{WHOLE_RULES[:start]}{WHOLE_RULES[end:]}")
    with pytest.raises(RulesError) as caught:
        load_rules(path)
    assert str(caught.value).startswith(f"{path}, line 1: ")
    assert said in str(caught.value)


def test_a_missing_rules_file_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="nowhere.toml: cannot be read"):
        load_rules(tmp_path / "nowhere.toml")


WHY = 'why = "A test."\nany = ["lost'


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('id = "crisis-sea"', "id = “crisis-sea”", 48, 'use straight quotes (")'),
        ('id = "crisis-sea"', "id = ‘crisis-sea’", 48, 'use straight quotes (")'),
        ('["We are lost at sea", ', '["We are lost at sea”, ', 53, 'use straight quotes (")'),
        ('["We are lost at sea", ', "[“We are lost at sea”, ", 53, 'use straight quotes (")'),
        (WHY, 'why = "A test.\nany = ["lost', 50, "a closing quote is missing"),
        (WHY, 'why = """\nA test.\nany = ["lost', 50, 'the text that opens here is not closed; put """ after'),
        (WHY, 'why = "A "test"."\nany = ["lost', 50, "something follows the value"),
        (WHY, 'why = "A \\quiet test."\nany = ["lost', 50, "a text holds a \\"),
        ('outcome = "crisis"', "outcome = crisis", 49, 'a text needs straight quotes (") around it'),
        ('outcome = "crisis"', 'outcome = "crisis"\noutcome = "crisis"', 50, "the key on this line stands twice"),
        ('"We are lost at sea", ', '"We are lost at sea" ', 53, "the comma between two texts"),
        ("[spellings]", "[words]", 5, "this table stands twice"),
        ("[spellings]", "Spellings follow here\n[spellings]", 5, "this is no key with its value"),
        (RULE, RULE + RULE, 55, "the id 'crisis-sea' is used twice, first on line 47; rename one, or take it out"),
        (HELP, HELP + HELP, 47, "the line 'US, Emergency services, 911, call' is used twice, first on line 38"),
    ],
)
def test_what_goes_wrong_in_a_text_editor(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    for changed in (str, lambda text: text.replace("\n", "\r\n"), lambda text: text.replace(" = ", "\t=\t")):
        path = tmp_path / "safety.toml"
        assert changed(old) in changed(WHOLE_RULES)
        path.write_bytes(changed(WHOLE_RULES).replace(changed(old), changed(new), 1).encode())
        with pytest.raises(RulesError) as caught:
            load_rules(path)
        assert str(caught.value).startswith((f"{path}, line {line}:", f"{path}, line {line}, column "))
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changed", [("\n", "\r\n"), (" = ", "\t=\t"), (", ", ",\r\n\t")])
def test_line_endings_tabs_and_broken_lists_are_no_fault(tmp_path: Path, changed: tuple[str, str]) -> None:
    path = tmp_path / "safety.toml"
    path.write_bytes(WHOLE_RULES.replace(*changed).encode())
    assert [rule.id for rule in load_rules(path).rules] == ["crisis-sea"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("\ufeff" + WHOLE_RULES, "line 1: an invisible mark (BOM) stands before the text; save the file as UTF-8, without BOM"),
        (
            WHOLE_RULES.replace("A book", "A b\u00f6ok").encode("latin-1"),
            "line 54: this is not saved as UTF-8; save the file as",
        ),
        (WHOLE_RULES.encode("utf-16"), "line 1: this is not saved as UTF-8; save the file as UTF-8, without BOM"),
    ],
)
def test_a_file_saved_otherwise_says_how_to_save_it(tmp_path: Path, data: str | bytes, said: str) -> None:
    path = tmp_path / "safety.toml"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    with pytest.raises(RulesError) as caught:
        load_rules(path)
    assert str(caught.value).startswith(f"{path}, {said}")


def test_reviewed_patterns_sought_at_once_are_those_that_stand_one_by_one() -> None:
    rules = load_rules()
    listed = tomllib.loads(RULES.read_text(encoding="utf-8"))["rule"]
    examples = [text for entry in listed for text in (*entry["fires_on"], *entry["silent_on"], "?!", "")]
    assert len(examples) > 100
    patterns = [pattern for rule in rules.rules for pattern in (rule.phrase, *chain(*rule.joint))]
    for example in examples:
        said = marked(rules.sentences(example))
        assert rules.patterns.standing(said) == {pattern for pattern in patterns if pattern.stands_in(said)}
