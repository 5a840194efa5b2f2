"""The reviewed files held against their own rules without building: what was checked, what fails, what has grown old."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from kqa.errors import RulesError
from kqa.folder import TABLE
from kqa.intake import take_in
from kqa.places import read_toml
from kqa.rules import load_rules
from kqa.trust import read_contradictions

_OLDEST = 365  # days since somebody last compared a help line with its sources


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found: each file that holds and what it holds, in words; failures; and warnings, which fail nothing.

    Each file is left at its first fault, so there is one failure a file at most.
    """

    held: tuple[str, ...]
    failures: tuple[str, ...]
    warnings: tuple[str, ...]


def check_reviewed(rules: Path, corpus: Path | None, today: date) -> Checked:
    """Check a rules file with its examples, and a corpus's table of disagreements where a corpus is named.

    Raises RulesError when the rules file is not there, and CorpusError when the corpus cannot be read.
    """
    if not rules.is_file():
        raise RulesError(f"{rules}: no such file; name a rules file, or leave the name out for kqa's own")
    documents = take_in(corpus).documents if corpus else []
    held: list[str] = []
    failures: list[str] = []
    warnings: list[str] = []
    try:
        load_rules(rules)
        held.append(_rules_in_words(rules))
        warnings = _old_lines(rules, today)
    except RulesError as error:
        failures.append(str(error))
    if corpus:
        try:
            held.append(f"{corpus / TABLE}: {len(read_contradictions(corpus, documents))} disagreements")
        except RulesError as error:
            failures.append(str(error))
    return Checked(tuple(held), tuple(failures), tuple(warnings))


def checked_to_text(checked: Checked) -> str:
    """Return a line for each failure and warning, then what holds."""
    lines = [*(f"fails: {line}" for line in checked.failures), *(f"warning: {line}" for line in checked.warnings)]
    return "".join(f"{line}\n" for line in [*lines, *(f"holds: {line}" for line in checked.held)])


def checked_to_json(checked: Checked) -> str:
    """Return what was found as JSON."""
    return json.dumps(asdict(checked), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _rules_in_words(path: Path) -> str:
    raw, _ = read_toml(path)
    tables = [*raw["rule"], raw["amounts"], raw["follow_up"]]
    examples = sum(len(table[key]) for table in tables for key in ("fires_on", "silent_on"))
    counts = f"{len(raw['rule'])} rules, {len(raw['notice'])} notices, {len(raw['line'])} help lines, {examples} examples"
    return f"{path}: {counts} tried; reviewed {raw['reviewed']}"


def _old_lines(path: Path, today: date) -> list[str]:
    """Return a warning for each help line whose number nobody compared for a year, or whose day is still to come."""
    raw, top = read_toml(path)
    warnings = []
    for number, line in enumerate(raw["line"]):
        age = (today - line["checked"]).days
        if not 0 <= age <= _OLDEST:
            where = top.table("line", number).key("checked")
            said = "is still to come" if age < 0 else "is more than a year ago"
            what = f"the day on which '{line['name']}' ({line['country']}, {line['number']}) was checked, {line['checked']}"
            warnings.append(f"{where}: {what}, {said}; compare the number with its sources and write today's date")
    return warnings
