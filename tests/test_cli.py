from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

import kqa
from conftest import CALIBRATION, KEEPING, write_files
from kqa.cli import FAILED, FINE, REFUSED, main

HORN = "When does the horn sound in fog?"
NOWHERE = "When does the unicorn zeppelin yodel?"
COMMANDS = ["build", "ask", "serve", "evaluate", "benchmark", "compare", "check", "verify"]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run one command in this process: its exit code, what it printed, what it said on stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stopped:  # argparse's own refusals and --help
            code = int(stopped.code or 0)
        printed = capfd.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"encoder": "hashing", "calibration": CALIBRATION}), encoding="utf-8")
    return path


def piped(shell: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``kqa`` in a shell, ``"$@"`` being its arguments."""
    command = [
        "bash",
        "-c",
        f'set -o pipefail; kqa() {{ "{sys.executable}" -m kqa "$@"; }}; {shell}',
        "bash",
        *map(str, arguments),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(run, command: str) -> None:
    code, out, err = run(command, "--help")
    assert (code, err) == (0, "")
    assert re.search(rf"example: kqa {command}\b", out)


def test_the_commands_of_the_contract(run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert set(re.findall(r"^ {4}([a-z]+)(?: |$)", out, re.MULTILINE)) == set(COMMANDS)
    assert run("--version") == (0, f"kqa {metadata.version('kqa')}\n", "")


@pytest.mark.parametrize(
    "arguments", [[], ["answer"], ["ask"], ["ask", "a", "b"], ["ask", HORN, "-k", "many"], ["check", "--now"]]
)
def test_what_the_parser_refuses(run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "usage: kqa" in err


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


def test_check_of_an_index_that_stands(run, index_folder: Path, lighthouse: Path, index: kqa.Index) -> None:
    code, out, err = run("check", "--index", index_folder, "--corpus", lighthouse)
    assert (code, err) == (FINE, "")
    assert f"{len(index.facts['files'])} files as built, {len(index.passages)} passages" in out
    assert f"built from {lighthouse}/ as it stands" in out
    assert "not compared with a corpus; name one with --corpus" in run("check", "--index", index_folder)[1]
    facts = json.loads(run("check", "--index", index_folder, "--corpus", lighthouse, "--json")[1])
    assert (facts["manifest"], facts["documents"]) == (index.manifest, 4)


def stale(folder: Path, index: Path) -> list[object]:
    write_files(folder, {"rules/keeping.md": KEEPING + "\nOne more rule stands here.\n"})
    return ["check", "--index", index, "--corpus", folder]


def damaged(folder: Path, index: Path) -> list[object]:
    next(index.glob("gen-*/dense.faiss")).write_bytes(b"damaged")
    return ["ask", HORN, "--index", index]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (stale, r"is older than .*: 1 changed \(rules/keeping\.md\); rebuild with: kqa build"),
        (damaged, r"dense\.faiss is not what was built; rebuild with: kqa build"),
        (
            lambda folder, index: ["ask", HORN, "--index", folder / "no"],
            r"no index in .*no/; build one with: kqa build --index",
        ),
        (lambda folder, index: ["check", "--index", index, "--corpus", folder / "no"], r"no corpus folder .*no; name one with"),
        (lambda folder, index: ["build", folder / "no", "--index", index], r"no corpus folder .*no; name one with: kqa build"),
        (
            lambda folder, index: ["build", folder, "--index", index, "--config", folder / "no"],
            r"no cannot be read .* name a JSON file",
        ),
        (lambda folder, index: ["ask", " ", "--index", index], r"the question is empty; type what you want to know"),
        (
            lambda folder, index: ["ask", "x " * 5000, "--index", index],
            r"the question has 9,999 characters; ask in at most 2,000",
        ),
        (lambda folder, index: ["ask", HORN, "-k", "0", "--index", index], r"0 quotes cannot be shown; ask for 1 to 50"),
        (
            lambda folder, index: ["verify", folder / "no.json"],
            r"no\.json cannot be read .*; name a JSON file, or - for standard input",
        ),
        (lambda folder, index: ["verify", folder / "brochure.md"], r"brochure\.md is not JSON .*; pass what “Copy citation”"),
        (lambda folder, index: ["evaluate", folder / "no.jsonl", "--index", index], r"no\.jsonl"),
        (lambda folder, index: ["benchmark", folder / "no"], r"no"),
        (lambda folder, index: ["compare", folder / "a", folder / "b", "--qrels", folder / "c"], r"a|b|c"),
        (lambda folder, index: ["build", folder, "--index", folder / "brochure.md" / "index"], r"cannot be written"),
    ],
)
def test_what_is_refused_is_one_line_on_stderr(
    run, own_lighthouse: Path, own_index: Path, arguments: Callable[[Path, Path], list[object]], message: str
) -> None:
    code, out, err = run(*arguments(own_lighthouse, own_index))
    assert (code, out) == (REFUSED, "")
    assert re.fullmatch(rf"kqa: .*(?:{message}).*\n", err)


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


def test_verify_from_standard_input(index_folder: Path, lighthouse: Path) -> None:
    shell = 'kqa ask "$1" --index "$2" --json | kqa verify - --corpus "$3"'
    done = piped(shell, HORN, index_folder, lighthouse)
    assert (done.returncode, done.stderr) == (FINE, "")
    assert len(done.stdout.splitlines()) >= 1


@pytest.mark.parametrize(
    "shell",
    [
        'kqa ask "$1" --index "$2" | head -1',
        'kqa ask "$1" --index "$2" --json | true',
        "kqa --help | true",
    ],
)
def test_a_reader_that_goes_is_survived(index_folder: Path, shell: str) -> None:
    done = piped(shell, HORN, index_folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_a_terminal_nothing_is_drawn_on_stdout(lighthouse: Path, settings: Path, tmp_path: Path) -> None:
    done = piped('kqa build "$1" --index "$2" --config "$3"', lighthouse, tmp_path / "index", settings)
    assert (done.returncode, done.stdout) == (0, "")
    assert "texts encoded" in done.stderr


def test_bytes_that_are_no_text_are_a_question_like_any_other(index_folder: Path) -> None:
    command = [
        os.fsencode(sys.executable),
        b"-m",
        b"kqa",
        b"ask",
        b"the lamp \xff",
        b"--index",
        os.fsencode(index_folder),
        b"--json",
    ]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode in (FINE, REFUSED), done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_text_that_the_terminal_cannot_show(index_folder: Path) -> None:
    command = [sys.executable, "-m", "kqa", "ask", "What does “A red sky” warn of?", "--index", str(index_folder)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, timeout=60, check=False, env=environment)
    assert done.returncode == 0, done.stderr.decode()


def test_an_interrupt_is_quiet(run, monkeypatch: pytest.MonkeyPatch, index_folder: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(kqa, "ask", interrupt)
    assert run("ask", HORN, "--index", index_folder) == (130, "", "")


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
