from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from conftest import ROOT, write_files
from kqa.errors import CorpusError
from kqa.lint import Finding, Report, lint, to_json, to_table

CORPUS = ROOT / "corpus"
LAMP, INN, TABLE = "reference/lamp.md", "inn.md", "disagreements.toml"

SOUND = {
    LAMP: """---
title: Keeping the lamp
kind: reference
reviewed: 2026-03-01
references:
  trust-1911: {org: Harrow Trust, title: "Standing orders of the keepers of the Harrow light", year: 1911, class: a, locator: b}
  pilot-1998:
    org: Pilot Office
    title: Notices to pilots
    year: 1998
    class: guideline
    locator: c
asks:
  the-lamp: ["when is it lit", "who lights the lamp", "lamp?", "is it on at the break of day"]
---
# Keeping the lamp

## The lamp

The lamp is lit at sunset.[^trust-1911] It is put out at dawn.[^trust-1911][^pilot-1998]

The horn sounds in fog.[^pilot-1998]
""",
    INN: """---
title: A night at the inn
kind: clinic-marketing
date: 2024-06-01
---
The lamp is never lit. Guests get 3 meals.
""",
    "ferry.txt": "The ferry\n\nThe ferry crosses at noon.\n",
    TABLE: """# Who is right
[[disagreement]]
topic = "the lamp"
better = {document = "reference/lamp.md", text = "The lamp is lit at sunset."}
other = {document = "inn.md", text = "The lamp is never lit."}
better_supported = true
why = "The orders say so."
shows_on = "Is it lit?"
silent_on = "What of the horn?"
""",
}
UNUSED = "  x-1: {org: o, title: t, year: 1, class: c, locator: l}\n"
FOREIGN = "By the standing orders of the keepers of the Harrow light, guests of this old inn climb up to see it."
HARD = "Institutional illumination responsibilities necessitate extraordinarily comprehensive organisational documentation"
HARBOUR = "At the quay, guests of this old inn climb up to see the light."

AMOUNTS = ("50 mg", "0.5 mg/kg", "50-milligram", "5 milligrams", "7 mcg", "7 µg", "7 μg", "3 to 5 ML", "1,5\u00a0millilitres",
           "half a gram", "fifty milligrams", "two vials")  # fmt: skip


def change(path: str, old: str, new: str) -> dict[str, str]:
    """Return the sound corpus with one text of one document changed."""
    assert SOUND[path].count(old) == 1, old
    return {**SOUND, path: SOUND[path].replace(old, new)}


def check(tmp_path: Path, files: Mapping[str, str | bytes]) -> Report:
    foreign = write_files(tmp_path / "foreign", {"site/inn.html": f"<p>{FOREIGN}</p>", "logo.png": b"\x89PNG\0"})
    return lint(write_files(tmp_path / "corpus", files), foreign)


def test_a_sound_corpus_is_silent(tmp_path: Path) -> None:
    assert check(tmp_path, SOUND).findings == ()


BREACHES = [
    # rule, what is changed, where it is found and what is said
    ("no-source", (LAMP, "dawn.[^trust-1911][^pilot-1998]", "dawn."), LAMP, 20, "put out at dawn"),
    ("no-source", (LAMP, "The horn", "- Dogs wait.\n\nThe horn"), LAMP, 22, "Dogs wait"),
    ("no-source", (LAMP, "The horn", "In this article we praise gas. The horn"), LAMP, 22, "“In this article we praise gas.”"),
    ("dead-footnote", (LAMP, "fog.[^pilot-1998]", "fog.[^pilot-1989]"), LAMP, 22, "pilot-1989"),
    ("dead-footnote", (INN, "lit.", "lit.[^1]"), INN, 6, r"[^1] is no reference"),
    ("dead-footnote", (LAMP, "asks:", UNUSED + "asks:"), LAMP, 13, "uses the reference x-1"),
    ("lost-span", (TABLE, "never lit", "not lit"), TABLE, 5, "inn.md holds the text 0 times"),
    ("lost-span", (TABLE, "better_supported = true", "better_supported = maybe"), TABLE, 6, "true and false"),
    ("lost-span", (TABLE, '"Is it lit?"', '""'), TABLE, 8, "shows_on"),
    ("duplicate", (INN, "Guests", "the *Horn* sounds in Fog. Guests"), LAMP, 22, "stands in inn.md:6 already"),
    ("duplicate", ("ferry.txt", "noon.", "noon.\n\nThe ferry crosses at noon."), "ferry.txt", 5, "ferry.txt:3"),
    ("no-date", (INN, "date: 2024-06-01\n", ""), INN, 1, "no date"),
    ("no-date", (INN, "date: 2024-06-01", "date: June 2024"), INN, 4, "“June 2024” is no date"),
    ("no-date", (INN, "date: 2024-06-01", "date: '20240601'"), INN, 4, "YYYY-MM-DD"),
    ("no-date", (LAMP, "reviewed: 2026-03-01", "reviewed: '2026-02-30'"), LAMP, 4, "2026-02-30"),
    ("copied", ("ferry.txt", "The ferry crosses at noon.", HARBOUR), "ferry.txt", 3, "9 words as in site/inn.html"),
    ("copied", (INN, "title: A night at the inn", "title: Guests of this old inn climb up to"), INN, 2, "8 words"),
    ("copied", (LAMP, "The horn sounds in fog.", "Keep by the standing orders of the keepers of all."), LAMP, 22, "8 words"),
    ("reading-age", (LAMP, "The horn sounds in fog", HARD), LAMP, 16, "above 16"),
    *(("amount", (INN, "Guests get 3 meals", f"Guests get {amount}"), INN, 6, f"“{amount}” is an") for amount in AMOUNTS),
    ("asks", (LAMP, '"when is it lit", ', ""), LAMP, 14, "“the-lamp” lists 3 questions"),
    ("asks", (LAMP, '"when is it lit"', '"LAMP"'), LAMP, 14, "lists 3 questions"),  # one of them twice
    ("asks", (LAMP, "The horn", "## The horn\n\nThe horn"), LAMP, 24, "“the-horn” lists 0 questions"),
    ("asks", (LAMP, '"when is it lit"', '"the lamp is lit at sunset?"'), LAMP, 14, "word for word in reference/lamp.md"),
    ("asks", (LAMP, '"when is it lit"', '"the ferry crosses at noon"'), LAMP, 14, "word for word in ferry.txt"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "changed", "document", "line", "message"), BREACHES)
def test_each_rule(tmp_path: Path, rule: str, changed: tuple[str, str, str], document: str, line: int, message: str) -> None:
    (found,) = check(tmp_path, change(*changed)).findings
    assert (found.document, found.line, found.rule) == (document, line, rule)
    assert message in found.message


@pytest.mark.parametrize(
    "changed",
    [
        (INN, "Guests", "It has no source. Guests"),  # no reference
        (LAMP, "title: Notices to pilots", "title: Guests of this old inn climb up to see it"),  # a reference's title
        (INN, "3 meals", "3 mgm, 50 ml3, C5mg and mg"),
        (INN, "Guests get 3 meals", HARD),  # too hard, but no reference
        (LAMP, '"lamp?"', '"the horn sounds in"'),  # a term, not a question
        ("ferry.txt", "noon.", "noon. Guests of this old inn climb up."),  # seven words
    ],
)
def test_what_no_rule_forbids(tmp_path: Path, changed: tuple[str, str, str]) -> None:
    assert check(tmp_path, change(*changed)).findings == ()


def test_line_endings_of_windows_are_counted_once(tmp_path: Path) -> None:
    files = {path: text.replace("\n", "\r\n") for path, text in change(INN, "Guests", "\nGuests get 5 mg. Guests").items()}
    assert [(found.document, found.line, found.rule) for found in check(tmp_path, files).findings] == [(INN, 7, "amount")]


def test_findings_are_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    files = {**change(LAMP, "reviewed: 2026-03-01\n", ""), INN: "Take 5 mg.\n\nOr 6 mg.\n", TABLE: ""}
    assert [(found.document, found.line, found.rule) for found in check(tmp_path, files).findings] == [
        (INN, 1, "amount"),
        (INN, 3, "amount"),
        (LAMP, 1, "no-date"),
    ]


@pytest.mark.parametrize("against", [None, Path("no such folder")])
def test_without_texts_nothing_is_copied(tmp_path: Path, against: Path | None) -> None:
    corpus = write_files(tmp_path, {**SOUND, "copy.txt": FOREIGN})
    report = lint(corpus, against)
    assert (report.findings, report.statistics.compared) == ((), 0)


def test_statistics(tmp_path: Path) -> None:
    found = check(tmp_path, SOUND).statistics
    assert (found.documents, found.reference_articles, found.references, found.listed_questions) == (3, 1, 2, 4)
    assert (found.sentences, found.sourced_sentences, found.compared) == (3 + 2 + 1, 3, 1)
    assert found.words == (6 + 6 + 5) + (5 + 4) + 5
    assert found.reading_age_mean == found.reading_age_worst < 16
    assert found.reading_age_worst_document == LAMP
    assert check(tmp_path / "b", {"a.txt": "The ferry crosses at noon.\n"}).statistics.reading_age_worst == 0


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no corpus folder"):
        lint(tmp_path / "none")


def test_as_a_table_and_as_json(tmp_path: Path) -> None:
    report = check(tmp_path, change(INN, "3 meals", "5 mg"))
    table = to_table(report).splitlines()
    assert table[0] == "inn.md:6: amount: “5 mg” is an amount of a drug; leave it out"
    assert table[1].split() == ["documents", "3"]
    assert table[3].split() == ["words", "31"]
    data = json.loads(to_json(report))
    assert data["findings"] == [{"document": INN, "line": 6, "message": report.findings[0].message, "rule": "amount"}]
    assert (list(data), list(data["statistics"])) == (sorted(data), sorted(data["statistics"]))
    assert Finding(**data["findings"][0]) == report.findings[0]


def test_the_projects_own_corpus_is_silent() -> None:
    report = lint(CORPUS)
    assert [f"{found.document}:{found.line}: {found.rule}: {found.message}" for found in report.findings] == []
    assert report.statistics.reference_articles > 30
