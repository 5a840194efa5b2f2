"""A thousand hostile documents are built and asked: no crash, no hang, no unescaped byte."""

from __future__ import annotations

import random
import re
import time
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest

import kqa
from conftest import write_files
from kqa.intake import Intake, take_in
from kqa.reading import check_text
from papers import encrypted_pdf, page, pdf, squeezed_pdf, word, word_with

NUMBER = 1000
Taken = tuple[Intake, list[float]]
HANG = 5.0  # seconds of computing for one file, one answer
PLAIN = "The horn sounds twice a minute while fog hides the outer buoy"
SCRIPTS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "javascript:alert(1)",
    "{{7*7}}${7*7}",
    "</blockquote></main><iframe src=//e.example>",
    "<!--",
    "]]>",
    "&lt;script&gt;",
    "[a](javascript:alert(1))",
    "`${alert(1)}`",
    "<style>*{display:none}</style>",
    "<base href=//e.example>",
    "\x1b[2J\x1b]0;owned\x07",
    "'; DROP TABLE x; --",
    "%00%0a%0d",
)
TURNS = "\u202e\u202d\u2066\u2067\u2068\u2069\u200f\u200e\u061c\u200b\ufeff\u2028\u2029\x85\x0c\x00\x08\x7f\ud7ff\uffff"
HOMOGLYPHS = str.maketrans("oeacphs", "оеасрһѕ")  # Cyrillic
ELEMENTS = ("<div>", "<b><i>", "<table><tr><td>", "<ul><li>", "<svg><math>")
DEEP = (*ELEMENTS, "> ", "- ", "* 1. ", "[", "![", "((", "`", "~~~\n", "# ")
FRONT = (
    "---\ntitle: {words}\nkind: rumour\n---\n",
    "---\n{words}\n---\n",
    "---\na: &a [x,x,x,x]\nb: &b [*a,*a]\ntitle: [*b,*b]\n---\n",
    "---\ntitle: {words}\n",
    "---\n--- {words}\n---\n",
    "\ufeff---\ntitle: '{words}'\n---\n",
    "---\nreferences: {{r: {words}}}\n---\n",
    "---\nasks: {{fog: ['{words}?']}}\n---\n## Fog\n",
    "---\n!!python/object/apply:os.system ['{words}']\n---\n",
    "---\n" + "[" * 400 + "\n---\n",
    "---\nurl: javascript:alert(1)\ntitle: T{words}\npublisher: <script>alert(1)</script>\n---\n",
    *[""] * 6,
)


def words(chance: random.Random) -> str:
    """Return a sentence with something hostile in it, so that it is found and shown."""
    said = PLAIN.split()
    for _ in range(chance.randrange(1, 4)):
        odd = chance.choice(
            [chance.choice(SCRIPTS), "".join(chance.choices(TURNS, k=3)), chance.choice(said).translate(HOMOGLYPHS)]
        )
        said.insert(chance.randrange(len(said)), odd)
    return f"{' '.join(said)} {chance.random()}."


def text(chance: random.Random) -> bytes:
    body = "\n\n".join(words(chance) for _ in range(chance.randrange(1, 4)))
    opening = chance.choice(DEEP) * chance.choice([1, 50, 2000])
    return f"{chance.choice([opening, ''])}{body}{chance.choice(['', opening])}".encode("utf-8", "surrogatepass")


def front(chance: random.Random) -> bytes:
    return chance.choice(FRONT).format(words=words(chance)[:80]).encode() + text(chance)


def web(chance: random.Random) -> bytes:
    deep = chance.choice(ELEMENTS) * chance.choice([1, 300, 20_000])
    heads = ["", "<meta charset=utf-16>", "<meta charset=x-none>", f"<title>{words(chance)}</title>", "<!DOCTYPE x ["]
    head = chance.choice(heads)
    return f"<html><head>{head}</head><body>{deep}<h1>{words(chance)}</h1><p>{words(chance)}</p><p>{PLAIN}.</p>".encode()


def paper(chance: random.Random) -> bytes:
    lines = [chance.choice(SCRIPTS) + " " + PLAIN + f" {chance.random()}." for _ in range(3)]
    whole = pdf(page(*lines), page(PLAIN), title=chance.choice(["", "<script>alert(1)</script>"]))
    cut = chance.randrange(len(whole))
    noise = bytes(chance.randrange(256) for _ in range(8))
    return chance.choice(
        [
            whole,
            whole[:cut],
            whole[:cut] + noise + whole[cut + 8 :],
            whole.replace(b"/Kids[6 0 R", b"/Kids[2 0 R"),  # pages that are their own parents
            whole.replace(b"/Contents 7 0 R", b"/Contents 6 0 R"),
            whole.replace(b"/Length", b"/Filter[/FlateDecode/FlateDecode/LZWDecode]/Length"),
            whole.replace(b"/Count 2", b"/Count 99999999"),
            b"%PDF-1.7\n" + b"<<" * 50_000,
            b"%PDF-1.7\n" + zlib.compress(noise * 99),
            b"junk" * 200 + whole,
        ]
    )


def office(chance: random.Random) -> bytes:
    return chance.choice(
        [
            lambda: word(("Heading 1", printable(chance)), ("Normal", printable(chance))),
            lambda: word(("Normal", printable(chance)))[: chance.randrange(30_000)],
            lambda: word_with("<w:tbl><w:tr><w:tc>" * 200 + "<w:p/>" + "</w:tc></w:tr></w:tbl>" * 200),
            lambda: word_with("", {"word/document.xml": b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"}),
            lambda: word_with("", {"word/media/a.bin": b"\0" * 6_000_000}),
        ]
    )()


def printable(chance: random.Random) -> str:
    return re.sub(r"[^\t\n -\ud7ff]", "", re.sub(r"[\x00-\x08\x0b-\x1f]", "", words(chance)))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chance = random.Random(20261126)
    made = {".txt": text, ".md": front, ".html": web, ".pdf": paper, ".docx": office}
    suffixes = chance.choices([*made], weights=[30, 30, 20, 15, 5], k=NUMBER - 9)
    files = {f"{number:04}{suffix}": made[suffix](chance) for number, suffix in enumerate(suffixes)}
    huge = f"{PLAIN}. ".encode()
    files |= {
        "huge.txt": huge * (10_000_000 // len(huge)),
        "huge-unbroken.txt": b"x" * 10_000_000,
        "locked.pdf": encrypted_pdf(),
        "squeezed.pdf": squeezed_pdf(4_000_000),
        "brackets.md": b"[" * 100_000,
        "nul.txt": b"\0" * 100_000,
        "empty.html": b"",
        "noise.txt": chance.randbytes(100_000),
        "old.txt": "The keeper’s “lamp” is lit at sunset, and put out at sunrise by day.".encode("cp1252"),
    }
    return write_files(tmp_path_factory.mktemp("hostile") / "corpus", files)


@pytest.fixture(scope="module")
def taken(hostile: Path) -> Taken:
    """Return what was taken in, and how long each file that is read apart took, in seconds by the clock."""
    moments = [time.monotonic()]
    intake = take_in(hostile, progress=lambda done, total: moments.append(time.monotonic()))
    return intake, [after - before for before, after in zip(moments, moments[1:], strict=False)]


def test_every_file_is_read_or_refused_with_the_reason(hostile: Path, taken: Taken) -> None:
    intake, _ = taken
    found = [*intake.refused, *(document.path for document in intake.documents)]
    assert sorted(found) == sorted(path.name for path in hostile.iterdir())
    assert len(found) == NUMBER
    assert len(intake.documents) > 0.4 * NUMBER
    assert all(path in reason and len(reason) < 600 for path, reason in intake.refused.items())
    for document in intake.documents:
        document.text.encode()


class Elements(HTMLParser):
    """Collects what a browser would make of a page beyond words: elements and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(f"@{name}" for name, _ in attrs)}
        self.found |= {f"{name}={value}" for name, value in attrs if name in ("href", "src") and "javascript" in (value or "")}


def test_they_are_asked_and_nothing_of_them_is_live(taken: Taken, config: kqa.Config, tmp_path: Path) -> None:
    from kqa.building import build_index

    intake, _ = taken
    kept = [document for document in intake.documents if len(document.text) < 1_000_000]
    build_index(kept, tmp_path / "index", config, intake=intake)
    index = kqa.Index.load(tmp_path / "index")
    chance = random.Random(5)
    live = {"script", "iframe", "img", "svg", "style", "base", "object", "embed", "@onerror", "@onload", "@onclick", "@srcdoc"}
    shown = 0
    for _ in range(60):
        started = time.process_time()
        answer = kqa.ask(" ".join(chance.sample(PLAIN.split(), 8)), index, k=20)
        page_html, words_shown, exact = kqa.to_html(answer), kqa.to_text(answer), kqa.to_json(answer)
        assert time.process_time() - started < HANG
        shown += len(answer.quotes)
        elements = Elements()
        elements.feed(page_html)
        assert not elements.found & live
        assert not any("javascript" in entry for entry in elements.found)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", page_html + words_shown), "no control character reaches a reader"
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", words_shown), "nothing turns a terminal's line around"
        exact.encode()
    assert shown > 200


@pytest.mark.parametrize("name", ["huge.txt", "huge-unbroken.txt"])
def test_ten_million_characters_in_one_paragraph_are_refused_by_name(taken: Taken, name: str) -> None:
    reason = next(reason for path, reason in taken[0].refused.items() if path == name)
    assert re.search(r"has a paragraph of (9,999,\d{3}|10,000,000) characters, more than 2,000,000; divide it", reason)


def test_as_much_as_a_paragraph_may_hold_is_split_within_seconds() -> None:
    from kqa.passages import split
    from kqa.types import Document, Source

    text = f"{PLAIN}. " * (2_000_000 // (len(PLAIN) + 2))
    check_text(text, "a.txt")
    started = time.process_time()
    passages, _ = split(Document("a.txt", text, "0" * 64, Source("A")), kqa.Config())
    assert time.process_time() - started < 5
    assert sum(p.end - p.start for p in passages) > 0.98 * len(text)
