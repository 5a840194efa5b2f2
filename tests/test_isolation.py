"""A file whose parser crashes, hangs or swells ends its process, never the build."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import kqa.isolation
from kqa.errors import DocumentRefused
from kqa.isolation import ISOLATED, Isolation
from kqa.pdf import read_pdf
from kqa.webpages import read_page
from kqa.word import read_word
from papers import page, pdf, word

LAMP = pdf(page("The lamp is lit at sunset."), page("Fog comes."), title="Light")
PAGE = b"<title>Fog</title><h1>Fog</h1><p>The horn sounds twice a minute while fog hides the outer buoy.</p>"
# What the process does instead of reading, given as words in a file's name.
ODD_READER = """
import json, os, resource, signal, socket, sys, time
sys.path[:] = json.loads(sys.argv[1])
import kqa.isolation as isolation
def odd(data, path, step):
    if "crash" in path: os.kill(os.getpid(), signal.SIGSEGV)
    if "leave" in path: os._exit(3)
    if "turn" in path:
        while True: pass
    if "sleep" in path: time.sleep(600)
    if "steps" in path:
        for _ in range(50): time.sleep(0.05); step()
    if "swell" in path: return [bytes(10**9), bytes(10**9)]  # never touched: asking for so much is enough
    if "write" in path: open(path, "wb").write(b"x" * 10**6)
    if "print" in path: print("words" * 10**5); sys.stdout.flush(); os.write(1, b"more")
    if "deep" in path: return odd(data, path, step)
    return isolation.read_page(data, path)
isolation.ISOLATED = {".html": odd}
isolation.SECONDS = 1
isolation.attend()
"""


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> Isolation:
    monkeypatch.setattr(kqa.isolation, "_START", ODD_READER)
    return Isolation()


def test_what_is_read_apart_is_what_is_read_here() -> None:
    orders = word(("Heading 1", "The lamp"), ("Normal", "It is lit at sunset."), title="Orders")
    with Isolation() as isolation:
        assert isolation.read(LAMP, "a.pdf") == read_pdf(LAMP, "a.pdf")
        assert isolation.read(orders, "b/é.DOCX") == read_word(orders, "b/é.DOCX")
        assert isolation.read(PAGE, "c.html") == isolation.read(PAGE, "d.htm") == read_page(PAGE, "c.html")
        with pytest.raises(DocumentRefused, match=r"^a\.pdf is damaged or no PDF"):
            isolation.read(b"%PDF", "a.pdf")
        assert isolation.read(LAMP, "a.pdf").pages == (0, 28)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("crash", r"^crash\.html ended the program that reads it \(SIGSEGV\); it is damaged or hostile: leave it out"),
        ("leave", r"^leave\.html ended the program that reads it \(exit code 3\)"),
        ("turn", r"^turn\.html took more than \d+ seconds of computing for one page"),
        ("swell", r"^swell\.html needs more than 1,500,000,000 bytes of memory to be read; divide it"),
        ("deep", r"^deep\.html is damaged \(RecursionError\); save it anew"),
    ],
)
def test_a_file_that_ends_its_process_is_refused_and_the_next_is_read(odd: Isolation, name: str, message: str) -> None:
    with odd:
        with pytest.raises(DocumentRefused, match=message):
            odd.read(PAGE, f"{name}.html")
        assert "horn" in odd.read(PAGE, "fine.html").text


def test_what_sleeps_is_ended_by_the_clock_unless_it_gives_signs(odd: Isolation, monkeypatch: pytest.MonkeyPatch) -> None:
    with odd:
        assert "horn" in odd.read(PAGE, "fine.html").text
        monkeypatch.setattr(kqa.isolation, "PATIENCE", 2)
        assert "horn" in odd.read(PAGE, "steps.html").text
        with pytest.raises(DocumentRefused, match=r"^sleep\.html gave no sign for 2 seconds"):
            odd.read(PAGE, "sleep.html")


def test_what_a_parser_prints_is_no_answer_and_it_writes_nothing(odd: Isolation, tmp_path: Path) -> None:
    with odd:
        assert "horn" in odd.read(PAGE, "print.html").text
        with pytest.raises(DocumentRefused, match=r"is damaged \(OSError\)|ended the program"):
            odd.read(PAGE, str(tmp_path / "write.html"))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 0


def test_the_process_ends_with_its_user() -> None:
    with Isolation() as isolation:
        isolation.read(PAGE, "a.html")
        process = isolation._process
        assert isinstance(process, subprocess.Popen)
    assert process.poll() is not None


def test_suffixes_are_lower_case() -> None:
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in ISOLATED)
