"""The reviewed files checked without building: what is counted, what fails, what has grown old."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from conftest import ROOT, WHOLE_RULES, write_files, written_rules
from kqa.commands import FAILED, FINE, REFUSED
from kqa.errors import CorpusError, RulesError
from kqa.reviewed import Checked, check_reviewed, checked_to_json, checked_to_text
from kqa.rules import RULES

PAIR = """[[disagreement]]
topic = "pier"
better = {document = "a.md", text = "The pier is open at night."}
other = {document = "b.md", text = "The pier is shut at night."}
better_supported = false
why = "because"
shows_on = "Is it?"
silent_on = "What?"
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    texts = {"a.md": "The pier is open at night.\n", "b.md": "The pier is shut at night.\n", "disagreements.toml": PAIR}
    return write_files(tmp_path / "corpus", texts)


def check(folder: Path, text: str = WHOLE_RULES, corpus: Path | None = None, today: date = date(2026, 1, 1)) -> Checked:
    return check_reviewed(written_rules(folder, text), corpus, today)


def test_what_holds_is_counted(tmp_path: Path, corpus: Path) -> None:
    holds = f"{tmp_path}/safety.toml: 1 rules, 5 notices, 1 help lines, 12 examples tried; reviewed 2026-01-01"
    assert check(tmp_path) == Checked((holds,), (), ())
    assert check(tmp_path, corpus=corpus) == Checked((holds, f"{corpus}/disagreements.toml: 1 disagreements"), (), ())


def test_each_file_has_its_first_failure(tmp_path: Path, corpus: Path) -> None:
    write_files(corpus, {"disagreements.toml": PAIR.replace("open at", "open by")})
    checked = check(tmp_path, WHOLE_RULES.replace('"Save me!"', '"Spare me!"'), corpus)
    assert checked.held == ()
    rules, pairs = checked.failures
    assert rules.startswith(f"{tmp_path}/safety.toml, line 53: rule 'crisis-sea': does not fire on its own example 'Spare me!'")
    assert pairs.startswith(f"{corpus}/disagreements.toml, line 3: entry 1: a.md holds the text 0 times")
    assert [line[:7] for line in checked_to_text(checked).splitlines()] == ["fails: ", "fails: "]


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 1, 1), None),
        (date(2027, 1, 1), None),  # a year
        (date(2027, 1, 2), "is more than a year ago"),
        (date(2025, 12, 31), "is still to come"),
    ],
)
def test_a_help_line_that_nobody_checked_for_a_year_is_a_warning(tmp_path: Path, today: date, said: str | None) -> None:
    checked = check(tmp_path, today=today)
    assert (len(checked.held), checked.failures) == (1, ())
    if said is None:
        assert checked.warnings == ()
        return
    what = f"the day on which 'Emergency services' (US, 911) was checked, 2026-01-01, {said}; compare the number"
    assert [line[: len(line) - len(line.partition(what)[2])] for line in checked.warnings] == [
        f"{tmp_path}/safety.toml, line 46: {what}"
    ]


def test_a_file_or_a_corpus_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="none.toml: no such file; name a rules file"):
        check_reviewed(tmp_path / "none.toml", None, date(2026, 1, 1))
    with pytest.raises(CorpusError, match="nowhere"):
        check(tmp_path, corpus=tmp_path / "nowhere")


def test_the_files_of_the_project_hold() -> None:
    checked = check_reviewed(RULES, ROOT / "corpus", date.today())
    assert checked.failures == ()
    assert len(checked.held) == 2


def test_as_json(tmp_path: Path) -> None:
    checked = check(tmp_path)
    assert json.loads(checked_to_json(checked)) == {"held": list(checked.held), "failures": [], "warnings": []}


def test_the_command(run, tmp_path: Path, corpus: Path) -> None:
    path = written_rules(tmp_path, WHOLE_RULES)
    code, out, err = run("check", "--rules", path, "--corpus", corpus)
    assert (code, err) == (FINE, "")
    assert f"holds: {path}: 1 rules" in out
    assert f"holds: {corpus}/disagreements.toml: 1 disagreements" in out
    code, out, _ = run("check", "--rules", "--corpus", corpus, "--json")
    assert code == FINE
    assert json.loads(out)["held"][0].startswith(f"{RULES}: ")
    broken = tmp_path / "broken.toml"
    broken.write_text(WHOLE_RULES.replace("sos = ", "sos == "), encoding="utf-8")
    code, out, err = run("check", "--rules", broken, "--corpus", corpus)
    assert (code, err) == (FAILED, "")
    assert f"fails: {broken}, line 6, column 6: " in out
    code, out, err = run("check", "--rules", tmp_path / "none.toml", "--corpus", corpus)
    assert (code, out) == (REFUSED, "")
    assert "none.toml: no such file" in err
    assert run("check", "--rules", path, "--lint", corpus)[0] == REFUSED
    assert "--against belongs to --lint" in run("check", "--rules", path, "--against", corpus)[2]
