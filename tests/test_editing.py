"""docs/editing.md: its worked examples do what it says with the project's own files."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

import kqa
from conftest import ROOT, write_files
from kqa.errors import RulesError
from kqa.folder import TABLE
from kqa.intake import take_in
from kqa.reviewed import check_reviewed
from kqa.rules import RULES, load_rules
from kqa.safety import screen
from kqa.trust import read_contradictions

GUIDE = (ROOT / "docs" / "editing.md").read_text(encoding="utf-8")
LINE, RULE, MENDED, DISAGREEMENT = re.findall(r"^```toml\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
UNCAUGHT, UNFOUND = re.findall(r"^```text\n(.*?)\n```", GUIDE, re.DOTALL | re.MULTILINE)
SHIPPED = RULES.read_text(encoding="utf-8")


def failures(folder: Path, text: str) -> tuple[str, ...]:
    path = folder / "safety.toml"
    path.write_text(text, encoding="utf-8")
    load_rules.cache_clear()
    return check_reviewed(path, None, date.today()).failures


def test_the_help_line_is_one(tmp_path: Path) -> None:
    assert failures(tmp_path, SHIPPED + LINE) == ()


def test_the_rule_fails_as_shown_and_holds_when_mended(tmp_path: Path) -> None:
    text = SHIPPED + RULE
    line = text[: text.index("fires_on", len(SHIPPED))].count("\n") + 1
    assert failures(tmp_path, text) == (f"{tmp_path}/safety.toml, line {line}: {UNCAUGHT}",)
    assert failures(tmp_path, SHIPPED + re.sub(r"any = .*\n", MENDED, RULE)) == ()


def test_the_disagreement_stands_in_the_table_and_a_wrong_letter_is_refused_as_shown(tmp_path: Path) -> None:
    table = (ROOT / "corpus" / TABLE).read_text(encoding="utf-8")
    entry = tomllib.loads(DISAGREEMENT)["disagreement"][0]
    assert entry in tomllib.loads(table)["disagreement"]
    changed = DISAGREEMENT.replace("No, Spravato", "No, Spravat")
    write_files(tmp_path, {TABLE: changed})
    with pytest.raises(RulesError) as caught:
        read_contradictions(tmp_path, take_in(ROOT / "corpus", strict=True).documents)
    assert str(caught.value).startswith(f"{tmp_path}/{TABLE}, line 3: entry 1: {UNFOUND}: “No, Spravat and")


def test_the_guide_is_found_and_what_it_names_is_there() -> None:
    assert "docs/editing.md" in SHIPPED.partition("reviewed = ")[0]
    assert "../docs/editing.md" in (ROOT / "corpus" / "README.md").read_text(encoding="utf-8")
    for path in re.findall(r"`((?:src|corpus|training|tests)/[\w./-]+)`", GUIDE):
        assert (ROOT / path).exists(), path


@pytest.mark.weights
def test_the_phrase_that_the_triage_silences_is_one(real_index: kqa.Index) -> None:
    said = " ".join(re.findall(r"stays silent: \*([^*]+)\*", GUIDE)[0].split())
    assert screen(said).outcome is kqa.Outcome.CRISIS
    assert screen(said, (), real_index.triage).outcome is None
