"""What each command prints, writes and returns."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

import kqa
from conftest import KEEPING, write_files
from kqa.commands import FAILED, FINE, REFUSED

HORN = "When does the horn sound in fog?"
NOWHERE = "When does the unicorn zeppelin yodel?"


def test_build_says_what_it_made_and_what_it_dropped(run, lighthouse: Path, settings: Path, tmp_path: Path) -> None:
    code, out, err = run("build", lighthouse, "--index", tmp_path / "index", "--config", settings)
    err = re.sub(r"[^\n]*\r", "", err)  # what a progress bar wiped away
    assert (code, out) == (FINE, "")
    assert re.search(r"^kqa: dropped in ferry\.txt: \[0, 13\) site furniture; \[\d+, \d+\) ", err, re.MULTILINE)
    assert "heading" not in err
    assert re.search(r"^kqa: 4 documents, \d+ passages; \d+ texts encoded, 0 reused$", err, re.MULTILINE)
    assert re.search(rf"^kqa: index in {tmp_path}/index/, manifest [0-9a-f]{{16}}$", err, re.MULTILINE)
    _, _, err = run("build", "--corpus", lighthouse, "--index", tmp_path / "index", "--config", settings)
    assert re.search(r"; 0 texts encoded, \d+ reused$", err, re.MULTILINE)


def test_build_as_json(run, lighthouse: Path, settings: Path, tmp_path: Path) -> None:
    code, out, _ = run("build", lighthouse, "--index", tmp_path / "index", "--config", settings, "--json")
    built = json.loads(out)
    assert code == FINE
    assert (built["documents"], built["reused"]) == (4, 0)
    assert built["manifest"] == kqa.Index.load(tmp_path / "index").manifest
    assert [0, 13, "site furniture"] in built["dropped"]["ferry.txt"]


def test_ask_prints_an_answer(run, index_folder: Path, lighthouse: Path, index: kqa.Index) -> None:
    code, out, err = run("ask", HORN, "--index", index_folder, "--corpus", lighthouse)
    assert (code, out, err) == (FINE, kqa.to_text(kqa.ask(HORN, index)), "")


@pytest.mark.parametrize("question", [HORN, NOWHERE, "I want to kill myself"])
def test_json_stands_on_stdout_alone(run, index_folder: Path, index: kqa.Index, question: str) -> None:
    code, out, err = run("ask", question, "--index", index_folder, "--json", "-k", "2")
    assert (code, err) == (FINE, ""), "abstention and referral are outcomes, not errors"
    answer = json.loads(out)
    assert out.strip() == kqa.to_json(kqa.ask(question, index, k=2)).strip()
    assert {
        "question", "outcome", "confidence", "notices", "quotes", "disagreements", "unsupported", "manifest",
    } <= set(answer)  # fmt: skip
    for rank, quote in enumerate(answer["quotes"], 1):
        assert quote["rank"] == rank
        assert {"rank", "text", "answer", "score", "evidence", "citation"} <= set(quote)
        assert {
            "document", "sha256", "start", "end", "page", "title", "section", "kind", "publisher", "date", "url", "references",
        } <= set(quote["citation"])  # fmt: skip


def test_after_gives_the_earlier_questions_oldest_first(run, index_folder: Path, index: kqa.Index) -> None:
    lamp = "When is the lamp of the tower lit?"
    code, out, _ = run("ask", "And in summer?", "--after", lamp, "--after", HORN, "--index", index_folder, "--json")
    assert code == FINE
    assert out.strip() == kqa.to_json(kqa.ask("And in summer?", index, (lamp, HORN))).strip()
    assert json.loads(out)["follows"] == HORN


def test_ask_puts_the_help_lines_of_a_country_first(run, index_folder: Path, index: kqa.Index) -> None:
    asked = ("ask", "I want to kill myself", "--index", index_folder)
    answer = kqa.ask("I want to kill myself", index)
    assert run(*asked, "--country", "uk")[1] == kqa.to_text(answer, "UK") != kqa.to_text(answer)
    _, out, _ = run(*asked, "--country", "UK", "--json")
    lines = json.loads(out)["notices"][0]["lines"]
    assert lines[0] == {"country": "UK", "name": "Emergency services", "number": "999", "how": "call", "urgent": True}
    assert len(lines) == len(answer.notices[0].lines)


def test_ask_gives_help_whatever_the_country(run, index_folder: Path, index: kqa.Index) -> None:
    answer = kqa.ask("I want to kill myself", index)
    asked = ("ask", "I want to kill myself", "--index", index_folder, "--country", "France")
    assert run(*asked) == (FINE, kqa.to_text(answer), "")


def test_texts_to_compare_with_are_held_against_the_corpus_that_is_named(run, lighthouse: Path, tmp_path: Path) -> None:
    counts = [json.loads(run("check", *named, "--against", tmp_path, "--json")[1])["statistics"]["documents"]
              for named in (("--corpus", lighthouse), ("--lint", lighthouse))]  # fmt: skip
    assert counts == [4, 4]


def test_check_of_an_index_that_stands(run, index_folder: Path, lighthouse: Path, index: kqa.Index) -> None:
    code, out, err = run("check", "--index", index_folder, "--corpus", lighthouse)
    assert (code, err) == (FINE, "")
    assert f"{len(index.facts['files'])} files as built, {len(index.passages)} passages" in out
    assert f"built from {lighthouse}/ as it stands" in out
    assert "not compared with a corpus; name one with --corpus" in run("check", "--index", index_folder)[1]
    facts = json.loads(run("check", "--index", index_folder, "--corpus", lighthouse, "--json")[1])
    assert (facts["manifest"], facts["documents"]) == (index.manifest, 4)


@pytest.mark.parametrize("json_too", [[], ["--json"]])
def test_verify_on_what_ask_printed(run, index_folder: Path, own_lighthouse: Path, tmp_path: Path, json_too: list[str]) -> None:
    answer = tmp_path / "answer.json"
    answer.write_text(run("ask", HORN, "--index", index_folder, "--json", "-k", "1")[1], encoding="utf-8")
    code, out, err = run("verify", answer, "--corpus", own_lighthouse, *json_too)
    assert (code, err) == (FINE, "")
    assert ("word for word there, and the document is unchanged") in out
    path = json.loads(answer.read_text(encoding="utf-8"))["quotes"][0]["citation"]["document"]
    write_files(own_lighthouse, {path: KEEPING.replace("The horn", "A horn")})
    code, out, err = run("verify", answer, "--corpus", own_lighthouse, *json_too)
    assert (code, err) == (FAILED, "")
    assert "reads otherwise" in out
    if json_too:
        assert {"document", "start", "end", "stands", "reason"} == set(json.loads(out)[0])
    else:
        assert out.startswith(f"FAILS  {path} [")


def test_verify_on_a_path_out_of_the_corpus(run, lighthouse: Path, tmp_path: Path) -> None:
    at = {"document": "../secret.txt", "sha256": "0" * 64, "start": 0, "end": 1}
    (tmp_path / "citation.json").write_text(json.dumps({"text": "x", "citation": at}), encoding="utf-8")
    code, out, err = run("verify", tmp_path / "citation.json", "--corpus", lighthouse)
    assert (code, out) == (REFUSED, "")
    assert "../secret.txt points out of" in err


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    """Return judged questions about the lighthouse."""
    text = "The horn sounds twice a minute while fog hides the outer buoy."
    start = KEEPING.index(text)
    answer = {"document": "rules/keeping.md", "start": start, "end": start + len(text), "text": text, "grade": 2}
    rows = [
        {"id": "a", "question": HORN, "label": "answerable", "answers": [answer]},
        {"id": "n", "question": NOWHERE, "label": "off_topic", "answers": []},
    ]
    path = tmp_path / "questions.jsonl"
    lines = [json.dumps({**row, "split": "dev", "history": [], "style": "lay"}) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_evaluate_writes_a_report_against_an_earlier_one(run, index_folder: Path, questions: Path, tmp_path: Path) -> None:
    code, before, _ = run("evaluate", questions, "--index", index_folder, "--json")
    assert code == FINE
    assert json.loads(before)["topics"]["a"]["measures"]["RR"] == 1
    (tmp_path / "before.json").write_text(before, encoding="utf-8")
    report = tmp_path / "report.html"
    arguments = ("evaluate", questions, "--index", index_folder, "--html", report, "--against", tmp_path / "before.json")
    code, out, _ = run(*arguments)
    assert code == FINE
    assert "1 of 1 topics scored" in out
    assert "0 questions rose, 0 fell, 2 stayed" in report.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("extra", "message"),
    [(["--against", "x.json"], "with --html"), (["--baseline", "no.json"], r"no\.json is no baseline")],
)
def test_evaluate_refuses_before_it_asks(run, index_folder: Path, questions: Path, extra: list[str], message: str) -> None:
    code, out, err = run("evaluate", questions, "--index", index_folder, *extra)
    assert (code, out) == (REFUSED, "")
    assert re.fullmatch(rf"kqa: .*{message}.*\n", err)


@pytest.mark.parametrize(("held", "code"), [(0.5, FINE), (1.5, FAILED)])
def test_a_measure_below_its_baseline_fails(run, index_folder, questions, tmp_path: Path, held: float, code: int) -> None:
    (tmp_path / "baseline.json").write_text(json.dumps({"measures": {"all/RR": held}}), encoding="utf-8")
    assert run("evaluate", questions, "--index", index_folder, "--baseline", tmp_path / "baseline.json")[0] == code


GATE = {
    "rules.md": "---\ntitle: Rules\nkind: guideline\n---\n## Gate\n\nThe harbour gate is open at night.\n",
    "inn.md": "---\ntitle: Inn\nkind: clinic-marketing\n---\n## Gate\n\nThe harbour gate is shut at night.\n",
}


@pytest.fixture
def gate(tmp_path: Path, config: kqa.Config) -> tuple[Path, Path]:
    """Return a corpus of two sentences that contradict each other, and its index."""
    corpus = write_files(tmp_path / "gate", GATE)
    kqa.build(corpus, tmp_path / "gate-index", config)
    return corpus, tmp_path / "gate-index"


def test_disagreements_in_each_form(run, gate: tuple[Path, Path]) -> None:
    corpus, index = gate
    code, out, err = run("disagreements", corpus, "--index", index)
    assert (code, err) == (FINE, "")
    assert "1. opposites: open / shut (score " in out
    assert out.index("The harbour gate is open at night.") < out.index("The harbour gate is shut at night.")
    code, out, err = run("disagreements", corpus, "--index", index, "--toml", "--across")
    (entry,) = tomllib.loads(out)["disagreement"]
    assert (code, err) == (FINE, "")
    assert entry["better"] == {"document": "rules.md", "text": "The harbour gate is open at night."}
    assert (entry["better_supported"], entry["why"]) == (False, "")
    code, out, err = run("disagreements", corpus, "--index", index, "--json", "-n", 1)
    assert (code, err) == (FINE, "")
    assert [one["signals"] for one in json.loads(out)] == [["opposites: open / shut"]]


def test_disagreements_writes_nothing_and_a_listed_pair_is_gone(run, gate: tuple[Path, Path], config: kqa.Config) -> None:
    corpus, index = gate
    before = {path: path.read_bytes() for folder in gate for path in folder.rglob("*") if path.is_file()}
    entry = run("disagreements", corpus, "--index", index, "--toml")[1]
    assert {path: path.read_bytes() for folder in gate for path in folder.rglob("*") if path.is_file()} == before
    write_files(corpus, {"disagreements.toml": entry.replace('= ""', '= "Is the gate open?"')})
    code, out, err = run("disagreements", corpus, "--index", index)
    assert (code, out) == (REFUSED, "")
    assert "is older than" in err
    kqa.build(corpus, index, config)
    assert run("disagreements", corpus, "--index", index)[:2] == (
        FINE,
        "No two sentences here look as if they contradict each other.\n",
    )


@pytest.mark.weights
def test_disagreements_builds_an_index_for_now(run, gate: tuple[Path, Path]) -> None:
    code, out, _ = run("disagreements", gate[0])
    assert code == FINE
    assert "1. opposites: open / shut (score " in out


def test_disagreements_says_what_it_left_out(
    run, own_lighthouse: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (own_lighthouse / "bad.txt").write_bytes(b"caf\xe9")
    build = kqa.build
    monkeypatch.setattr(
        kqa, "build", lambda corpus, folder, **more: build(corpus, folder, kqa.Config(encoder="hashing"), **more)
    )
    code, _, err = run("disagreements", own_lighthouse)
    assert code == FINE
    assert "left out: bad.txt is not UTF-8" in err


def test_a_run_is_not_written_over_by_its_judgments(run, index_folder: Path, questions: Path, tmp_path: Path) -> None:
    code, out, err = run("evaluate", questions, "--index", index_folder, "--run", tmp_path / "x.qrels")
    assert (code, out) == (2, "")
    assert "x.qrels is where the judgments go" in err
    assert not (tmp_path / "x.qrels").exists()


def test_benchmark_writes_its_ranking(run, settings: Path, tmp_path: Path) -> None:
    folder, target = tmp_path / "tiny", tmp_path / "tiny.run"
    folder.mkdir()
    (folder / "corpus.jsonl").write_text('{"_id": "d1", "text": "The moon pulls the water."}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "moon"}\n')
    (folder / "qrels.tsv").write_text("q1\td1\t1\n")
    code, out, _ = run("benchmark", folder, "--config", settings, "--run", target)
    assert (code, "tiny: 1 documents" in out) == (FINE, True)
    assert target.read_text() == "q1 Q0 d1 1 1 kqa\n"
    code, out, _ = run("compare", target, target, "--qrels", folder / "qrels.tsv")
    assert code == FINE
