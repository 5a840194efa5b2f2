from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

import kqa
from conftest import KEEPING, write_files
from kqa.commands import FINE, REFUSED

HORN = "When does the horn sound in fog?"
NOWHERE = "When does the unicorn zeppelin yodel?"
COMMANDS = [
    "build",
    "ask",
    "serve",
    "evaluate",
    "benchmark",
    "compare",
    "check",
    "verify",
    "feedback",
    "disagreements",
    "login",
    "merge",
    "mcp",
]


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
    "arguments",
    [
        [],
        ["answer"],
        ["ask"],
        ["ask", "a", "b"],
        ["ask", HORN, "-k", "many"],
        ["check", "--now"],
        ["disagreements", "--json", "--toml"],
    ],
)
def test_what_the_parser_refuses(run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "usage: kqa" in err


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
            lambda folder, index: ["ask", HORN, "--country", "Atlantis", "--index", index],
            r"the country 'Atlantis' has no help lines; choose US, UK, EU, Canada, Australia or elsewhere",
        ),
        (
            lambda folder, index: ["serve", "--country", "Atlantis", "--index", index],
            r"the country 'Atlantis' has no help lines; choose US, UK, EU, Canada, Australia or elsewhere",
        ),
        (
            lambda folder, index: ["verify", folder / "no.json"],
            r"no\.json cannot be read .*; name a JSON file, or - for standard input",
        ),
        (lambda folder, index: ["verify", folder / "brochure.md"], r"brochure\.md is not JSON .*; pass what “Copy citation”"),
        (lambda folder, index: ["evaluate", folder / "no.jsonl", "--index", index], r"no\.jsonl"),
        (lambda folder, index: ["benchmark", folder / "no"], r"no"),
        (lambda folder, index: ["compare", folder / "a", folder / "b", "--qrels", folder / "c"], r"a|b|c"),
        (lambda folder, index: ["build", folder, "--index", folder / "brochure.md" / "index"], r"cannot be written"),
        (lambda folder, index: ["disagreements", folder / "no"], r"no corpus folder .*no; name one with"),
        (lambda folder, index: ["disagreements", index], r"no document in .*index; put .* files there"),
        (lambda folder, index: ["disagreements", folder, "--index", folder / "no"], r"no index in .*no/; build one with"),
        (lambda folder, index: ["disagreements", folder, "-n", "0"], r"0 pairs cannot be shown; ask for 1 or more"),
    ],
)
def test_what_is_refused_is_one_line_on_stderr(
    run, own_lighthouse: Path, own_index: Path, arguments: Callable[[Path, Path], list[object]], message: str
) -> None:
    code, out, err = run(*arguments(own_lighthouse, own_index))
    assert (code, out) == (REFUSED, "")
    assert re.fullmatch(rf"kqa: .*(?:{message}).*\n", err)


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


@pytest.mark.parametrize("shell", ["kqa --version >&-", "kqa --version >&- 2>&-", 'kqa ask "$1" --index "$2" >&-'])
def test_an_output_that_is_closed_is_survived(index_folder: Path, shell: str) -> None:
    done = piped(shell, HORN, index_folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


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
