"""No question, answer or address is left anywhere: everything that a talkative run writes is searched for canaries.

The server runs as a process of its own with every log at its lowest level, asked through every door, and crashes in the end.
"""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import urllib.parse
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest

from browser_server import small_index
from conftest import ROOT

ASKED, GONE, BROKEN, FOLLOWS, CRISIS = "zephyrquark", "vanishedwombat", "brokenbadger", "earlierottoman", "darkdormouse"
ADDRESSES = ("127.0.0.77", "203.0.113.77", "198.51.100.77")
ANSWER = "dizziness, nausea and raised blood pressure"  # words of a document that an answer quotes
SIDE = "What are the side effects of ketamine"

# Every log to standard error, asyncio's and faults' reports on; each file opened for writing is listed.
_TALKATIVE = """
import faulthandler, logging, os, sys
logging.basicConfig(level=1, stream=sys.stderr)
logging.captureWarnings(True)
faulthandler.enable()
listed = os.open(os.environ["KQA_TEST_LIST"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def watch(event, arguments):
    named = event == "open" and isinstance(arguments[0], (str, bytes))
    if named and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        os.write(listed, (os.fsdecode(arguments[0]) + "\\n").encode())
sys.addaudithook(watch)
"""
_SERVE = """
import sys, time
import kqa.admission, kqa.stdio
at_once = kqa.admission.ask
def ask(question, *given, **named):
    if "brokenbadger" in question:
        raise RuntimeError(question)
    if "vanishedwombat" in question:
        time.sleep(1)
    return at_once(question, *given, **named)
kqa.admission.ask = kqa.stdio.answered = ask
from kqa.cli import main
sys.exit(main(sys.argv[1:]))
"""


@dataclass
class Run:
    """One run of a program in folders of its own: where it may write, and what it said."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    told: str = ""

    @property
    def listed(self) -> Path:
        return self.folder / "opened"


def prepared(folder: Path) -> Run:
    """Make the folders of a run, and an environment that makes everything talk."""
    for name in ("home", "tmp", "work", "site"):
        (folder / name).mkdir(parents=True)
    (folder / "site" / "sitecustomize.py").write_text(_TALKATIVE, encoding="utf-8")
    run = Run(folder)
    path = os.pathsep.join([str(folder / "site"), str(ROOT / "src"), *filter(None, sys.path)])
    run.environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "PYTHONPATH": path,
        "KQA_TEST_LIST": str(run.listed), "OMP_NUM_THREADS": "1",
        "PYTHONASYNCIODEBUG": "1", "PYTHONWARNINGS": "default", "PYTHONDONTWRITEBYTECODE": "1", "GRADIO_DEBUG": "1",
        "GRADIO_ANALYTICS_ENABLED": "True", "LOG_LEVEL": "DEBUG", "UVICORN_LOG_LEVEL": "trace", "ORT_LOG_LEVEL": "VERBOSE",
    }  # fmt: skip
    return run


def sent(port: int, method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str]:
    """Send one request from an address that can be told from others."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=("127.0.0.77", 0))
    told = {"x-forwarded-for": "203.0.113.77", "forwarded": "for=198.51.100.77", **headers}
    connection.request(method, path, None if body is None else body.encode(), told)
    reply = connection.getresponse()
    return reply.status, reply.read().decode("utf-8", "replace")


def ask_everywhere(port: int) -> dict[str, tuple[int, str]]:
    """Ask through every door of the server, in form and out of form; return the replies."""
    question = f"{SIDE} {ASKED}?"
    quoted = urllib.parse.quote(question)
    call = {"data": {"question": question, "history": [FOLLOWS], "turn": 1}, "fn_name": "turn", "session_hash": "x"}
    page = "/gradio_api/component_server"
    config = json.loads(sent(port, "GET", "/config")[1])
    stage = next(c["id"] for c in config["components"] if c["props"].get("elem_id") == "stage")
    broken = {"question": f"{BROKEN} {ASKED}"}
    json_type = {"content-type": "application/json"}
    return {
        "ask": sent(port, "POST", "/ask", json.dumps({"question": SIDE, "history": [f"{FOLLOWS} {ASKED}"]})),
        "history": sent(port, "POST", "/ask", json.dumps({"question": f"and it {ASKED}?", "history": [FOLLOWS, question]})),
        "get": sent(port, "GET", f"/ask?question={quoted}"),
        "long": sent(port, "POST", "/ask", json.dumps({"question": f"{ASKED} " * 300})),
        "larger": sent(port, "POST", "/ask", f"{ASKED} " * 9000),
        "malformed": sent(port, "POST", "/ask", f'{{"question": "{ASKED}'),
        "listed": sent(port, "POST", "/ask", json.dumps({"question": [ASKED]})),
        "country": sent(port, "POST", "/ask", json.dumps({"question": question, "country": ASKED})),
        "broken": sent(port, "POST", "/ask", json.dumps({"question": f"{SIDE} {BROKEN} {ASKED}"})),
        "crisis": sent(port, "POST", "/ask", json.dumps({"question": f"I want to die {CRISIS}"})),
        "plain": sent(port, "GET", f"/plain?q={quoted}"),
        "plain post": sent(port, "POST", "/plain", f"q={quoted}", **{"content-type": "application/x-www-form-urlencoded"}),
        "plain broken": sent(port, "GET", f"/plain?q={quoted}+{BROKEN}"),
        "plain crisis": sent(port, "GET", f"/plain?q=I+want+to+die+{CRISIS}&despite=1"),
        "home": sent(port, "GET", f"/?q={quoted}"),
        "nowhere": sent(port, "GET", f"/{ASKED}/{quoted}"),
        "method": sent(port, "DELETE", f"/ask?q={ASKED}"),
        "agent": sent(port, "GET", "/healthz", None, **{"user-agent": ASKED, "referer": f"http://x/{quoted}", "cookie": ASKED}),
        "page": sent(port, "POST", page, json.dumps({**call, "component_id": stage}), **json_type),
        "page broken": sent(port, "POST", page, json.dumps({**call, "component_id": stage, "data": broken}), **json_type),
        "page malformed": sent(port, "POST", page, json.dumps({**call, "component_id": ASKED}), **json_type),
        "page function": sent(port, "POST", page, json.dumps({**call, "component_id": stage, "fn_name": ASKED}), **json_type),
        "page no json": sent(port, "POST", page, f"{{{ASKED}", **json_type),
        "metrics": sent(port, "GET", "/metrics"),
    }  # fmt: skip


def leave_early(port: int) -> None:
    """Ask, and be gone before the answer; send half a request, and what is no HTTP."""
    body = json.dumps({"question": f"{SIDE} {GONE}"})
    whole = f"POST /ask HTTP/1.1\r\nhost: x\r\nx-forwarded-for: 203.0.113.77\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    for text in (
        whole,
        whole[:-5],
        f"{ASKED} {GONE}\r\n\r\n",
        f"GET /plain?q={ASKED}\x01 HTTP/1.1\r\n\r\n",
        f"GET /{ASKED} HTTP/9\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", port), 20, ("127.0.0.77", 0)) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset, not closed
            line.sendall(text.encode())
    sent(port, "GET", "/healthz")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, tuple[int, str]]]:
    """Run a server, ask it everywhere, and make it crash; return what it left and what it replied."""
    folder = tmp_path_factory.mktemp("privacy")
    run = prepared(folder / "run")
    index = small_index(folder / "run" / "built")
    arguments = ["serve", "--index", str(index), "--port", "0", "--rate", "0", "--trusted-proxy", "127.0.0.77"]
    with subprocess.Popen(
        [sys.executable, "-X", "dev", "-c", _SERVE, *arguments], cwd=run.folder / "work", env=run.environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", preexec_fn=with_core_dumps,
    ) as process:  # fmt: skip
        assert process.stdout
        try:
            for line in process.stdout:
                run.told += line
                if "kqa answers at" in line:
                    break
            port = int(line.rpartition(":")[2])
            replies = ask_everywhere(port)
            leave_early(port)
            process.send_signal(signal.SIGABRT)
            run.told += process.communicate(timeout=60)[0]
        finally:
            process.kill()
    return run, replies


def with_core_dumps() -> None:
    """Let the process dump its memory if it would."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def holding(folder: Path, *words: str) -> list[str]:
    """List the files below a folder that hold one of some words, in either width of letters."""
    wanted = [form for word in words for form in (word.encode(), word.encode("utf-16-le"))]
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(path.relative_to(folder).as_posix() for path in files if any(form in path.read_bytes() for form in wanted))


def test_the_canaries_were_really_asked(served: tuple[Run, dict[str, tuple[int, str]]]) -> None:
    replies = served[1]
    assert ANSWER in replies["ask"][1]
    assert ASKED in replies["plain"][1]
    assert ASKED in replies["page"][1]
    assert "Something went wrong" in replies["page broken"][1]
    statuses = {name: reply[0] for name, reply in replies.items()}
    expected = {
        "ask": 200,
        "broken": 500,
        "plain broken": 500,
        "long": 400,
        "larger": 413,
        "get": 405,
        "crisis": 200,
        "nowhere": 404,
    }
    assert {name: statuses[name] for name in expected} == expected


def test_it_talked(served: tuple[Run, dict[str, tuple[int, str]]]) -> None:
    run = served[0]
    assert "a request failed: RuntimeError" in run.told, "what failed is told by its kind"
    assert "Fatal Python error" in run.told, "the crash was reported"


def test_nothing_told_holds_a_question_an_answer_or_an_address(served: tuple[Run, dict[str, tuple[int, str]]]) -> None:
    told = served[0].told
    for canary in (ASKED, GONE, BROKEN, FOLLOWS, CRISIS, ANSWER, *ADDRESSES, "side effects of ketamine", "want to die"):
        where = told.find(canary)
        assert where < 0, told[max(0, where - 600) : where + 200]


def test_no_metric_holds_any(served: tuple[Run, dict[str, tuple[int, str]]]) -> None:
    metrics = served[1]["metrics"][1]
    assert "kqa_answers_total" in metrics
    assert [canary for canary in (ASKED, FOLLOWS, CRISIS, *ADDRESSES) if canary in metrics] == []


def test_no_file_holds_any(served: tuple[Run, dict[str, tuple[int, str]]]) -> None:
    run = served[0]
    assert holding(run.folder, ASKED, GONE, BROKEN, FOLLOWS, CRISIS, *ADDRESSES) == []
    own = [f"built/{path}" for path in holding(run.folder / "built", ANSWER)]
    assert holding(run.folder, ANSWER) == own, "the words of the documents stand in the documents"


def test_files_are_written_nowhere_else(served: tuple[Run, dict[str, tuple[int, str]]]) -> None:
    run = served[0]
    opened = set(run.listed.read_text(encoding="utf-8").splitlines())
    assert {path for path in opened if not path.startswith((str(run.folder), "/dev/"))} == set()


def test_a_crash_leaves_no_copy_of_memory(served: tuple[Run, dict[str, tuple[int, str]]]) -> None:
    assert [path for path in served[0].folder.rglob("core*") if path.is_file()] == []


@pytest.mark.skipif(find_spec("mcp") is None, reason="mcp is not installed: it comes with kqa[mcp] and kqa[test]")
def test_the_tool_for_programs_leaves_none(tmp_path: Path) -> None:
    run = prepared(tmp_path / "run")
    index = small_index(tmp_path / "run" / "built")
    asked = [
        {"question": f"{SIDE}?"}, {"question": f"{SIDE} {ASKED}"}, {"question": f"{ASKED} {BROKEN}"}, {"question": [ASKED]},
        {"history": ASKED, "k": ASKED},
        {"question": f"I want to die {CRISIS}", "history": [FOLLOWS]}, {"question": f"{ASKED} " * 600},
    ]  # fmt: skip
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    calls = [{"id": 0, "method": "initialize", "params": hello}, {"method": "notifications/initialized"}]
    calls += [{"id": n, "method": "tools/call", "params": {"name": "ask", "arguments": a}} for n, a in enumerate(asked, 1)]
    calls += [{"id": 50, "method": ASKED}, {"id": 51, "method": "tools/call", "params": {"name": ASKED, "arguments": ASKED}}]
    lines = "".join(json.dumps({"jsonrpc": "2.0", **call}) + "\n" for call in calls) + f"{{{ASKED}\n"
    with subprocess.Popen(
        [sys.executable, "-X", "dev", "-c", _SERVE, "mcp", "--index", str(index)], cwd=run.folder / "work", env=run.environment,
        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors="replace",
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(lines)
            process.stdin.flush()
            wanted, replies = set(range(len(asked) + 1)) | {50, 51}, ""
            while wanted and (line := process.stdout.readline()):
                replies += line
                wanted.discard(json.loads(line).get("id"))
            run.told = process.communicate(timeout=60)[1]
        finally:
            process.kill()
    assert ANSWER in replies
    assert "a question failed: RuntimeError" in run.told
    for canary in (ASKED, BROKEN, CRISIS, FOLLOWS, ANSWER):
        where = run.told.find(canary)
        assert where < 0, run.told[max(0, where - 600) : where + 200]
    assert holding(run.folder, ASKED, BROKEN, CRISIS, FOLLOWS) == []
