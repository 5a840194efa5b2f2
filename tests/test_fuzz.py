"""What strangers can put into kqa: at least 10,000 cases, by Hypothesis and by a fuzzer, and nothing breaks.

Hypothesis makes inputs of the right form, the fuzzer goes from the seeds in ``tests/data/fuzz`` wherever kqa's own code reacts,
and a browser reads addresses. To fuzz one door for longer: ``python tests/fuzz.py DOOR -max_total_time=3600``.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fuzz_doors
from browser_server import CHROMIUM, browser
from conftest import ROOT, WHOLE_RULES
from fuzz_doors import DOORS
from kqa.index import Index
from kqa.page import _own, _stage

SEEDS = ROOT / "tests" / "data" / "fuzz"
FUZZED = {"splitter": 1500, "front-matter": 1500, "question": 400, "toml": 1500, "citation": 3000, "request": 800}
ROOM = "-rss_limit_mb=8000"  # the peak that a fuzzer reads of itself begins at that of the process which started it
FRAGMENTS = 3000
MADE = 100  # by Hypothesis, for each of its tests; no two that are one case after another's shrinking
_QUICK = settings(
    max_examples=MADE, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_ten_thousand_cases_are_promised() -> None:
    """Each number is asserted where its cases ran."""
    assert sum(FUZZED.values()) + FRAGMENTS >= 10_000
    assert set(FUZZED) == set(DOORS) == {path.name for path in SEEDS.iterdir()}


@pytest.mark.parametrize(("door", "seed"), [(path.parent.name, path.name) for path in sorted(SEEDS.glob("*/*"))])
def test_seeds_pass(door: str, seed: str) -> None:
    """Seeds are also what once broke a door; this needs no fuzzer."""
    DOORS[door]((SEEDS / door / seed).read_bytes())


@pytest.fixture(scope="module")
def fuzzing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Future[subprocess.CompletedProcess[str]]]]:
    """Start the fuzzer on all doors, as many at once as there are processors."""
    if find_spec("atheris") is None:
        pytest.skip("atheris is not installed: it comes with kqa[test] on Linux")
    found = tmp_path_factory.mktemp("fuzz")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {door: pool.submit(fuzzed, door, runs, found) for door, runs in FUZZED.items()}


def fuzzed(door: str, runs: int, found: Path) -> subprocess.CompletedProcess[str]:
    options = [f"-runs={runs}", "-seed=1", "-max_len=600", "-timeout=60", ROOM, f"-artifact_prefix={found}/{door}-"]
    command = [sys.executable, str(ROOT / "tests" / "fuzz.py"), door, *options]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=found, env=environment, capture_output=True, text=True, timeout=600, check=False)


@pytest.mark.parametrize("door", FUZZED)
def test_the_fuzzer_breaks_no_door(fuzzing: Mapping[str, Future[subprocess.CompletedProcess[str]]], door: str) -> None:
    done = fuzzing[door].result()
    ran = re.search(r"^Done (\d+) runs in", done.stderr, re.MULTILINE)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert ran
    assert int(ran[1]) >= FUZZED[door]


def test_the_fuzzer_finds_what_is_broken(tmp_path: Path) -> None:
    """A door that fails makes the run fail: no exception is swallowed on the way."""
    if find_spec("atheris") is None:
        pytest.skip("atheris is not installed: it comes with kqa[test] on Linux")
    code = (
        "import sys, runpy; sys.path[:0] = sys.argv.pop(1).split(':')\nimport fuzz_doors\n"
        "def broken(data): assert b'Z' not in data\n"
        "fuzz_doors.DOORS['citation'] = broken\n"
        "runpy.run_path(sys.argv.pop(1), run_name='__main__')\n"
    )
    arguments = [os.pathsep.join(sys.path), str(ROOT / "tests" / "fuzz.py"), "citation", "-runs=20000", "-seed=1", ROOM]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode != 0
    assert "AssertionError" in done.stdout + done.stderr
    assert list(tmp_path.glob("crash-*"))


_WORDS = st.lists(
    st.one_of(
        st.sampled_from("is ketamine addictive how long does it last i want to die 500 mg my doctor what about it".split()),
        st.sampled_from(["٣", "½", "é", "e\u0301", "\u202e", "\u200d", "\ud800", "İ", "ﬁ", "ß", "🌊", "\0", "d.i.e", "<b>"]),
        st.text(max_size=12),
    ),
    max_size=12,
).map(" ".join)  # fmt: skip
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.dates().map(str))
_JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12
)


def counted(cases: Callable[[], None], fewest: int, tally: list[int]) -> None:
    tally.clear()
    cases()
    assert len(tally) >= fewest


def test_questions_of_any_words() -> None:
    tally: list[int] = []

    @_QUICK
    @given(_WORDS, st.lists(_WORDS, max_size=3))
    def cases(question: str, history: list[str]) -> None:
        tally.append(1)
        fuzz_doors.ask_question(question, history)

    counted(cases, MADE, tally)


def test_front_matter_of_any_values() -> None:
    keys = ["title", "kind", "publisher", "reviewed", "date", "jurisdiction", "url", "restates", "references", "asks"]
    references = st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.fixed_dictionaries(dict.fromkeys(["org", "title", "year", "class", "locator"], _SCALARS)),
        max_size=2,
    )
    tally: list[int] = []

    @_QUICK
    @given(
        st.dictionaries(st.sampled_from(keys), st.one_of(_JSON, references, st.just("trial")), max_size=5), st.text(max_size=80)
    )
    def cases(front: dict[str, Any], body: str) -> None:
        tally.append(1)
        text = "---\n" + "".join(f"{key}: {json.dumps(value)}\n" for key, value in front.items()) + f"---\n{body}"
        fuzz_doors.read_file(text.encode("utf-8", "replace"))

    counted(cases, MADE, tally)


def test_toml_with_anything_in_the_place_of_anything() -> None:
    lines = WHOLE_RULES.splitlines()
    values = st.one_of(
        _JSON.map(json.dumps), st.text(max_size=20), st.sampled_from(['"""', "'''", "[[", "]]", "{}", "[]", "“x”"])
    )
    tally: list[int] = []

    @_QUICK
    @given(st.integers(0, len(lines) - 1), st.integers(0, len(lines) - 1), values)
    def cases(at: int, other: int, value: str) -> None:
        tally.append(1)
        key, equals, _ = lines[at].partition(" = ")
        changed = [*lines[:at], f"{key} = {value}" if equals else lines[other], *lines[at + 1 :]]
        fuzz_doors.read_tables("\n".join(changed).encode("utf-8", "replace"))

    counted(cases, MADE, tally)


def test_citations_of_any_form() -> None:
    at = st.integers(0, 900) | _SCALARS
    citation = st.fixed_dictionaries(
        {}, optional={"document": st.sampled_from(["reference/dependence.md", "..", "/etc/hostname", "a\0b", ""]) | _SCALARS}
        | {"start": at, "end": at, "sha256": _SCALARS, "text": _SCALARS},
    )  # fmt: skip
    quote = st.fixed_dictionaries({"citation": citation | _JSON}, optional={"text": _SCALARS, "answer": _JSON})
    answers = st.recursive(
        quote | citation | _JSON,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["quotes", "closest", "disagreements", "sides"]), inner)
        ),
    )
    tally: list[int] = []

    @_QUICK
    @given(answers)
    def cases(data: Any) -> None:
        tally.append(1)
        fuzz_doors.read_citation(json.dumps(data))

    counted(cases, MADE, tally)


def test_what_the_page_is_sent() -> None:
    keys = [
        "question",
        "history",
        "country",
        "turn",
        "path",
        "span",
        "linked",
        "start",
        "end",
        "text",
        "sha256",
        "verdict",
        "document",
    ]
    likely = st.sampled_from(
        ["reference/dependence.md", "Is it addictive?", "answers", [0, 5, 1, 2], ["what?"], True, 5, -1, 10**30]
    )
    tally: list[int] = []

    @_QUICK
    @given(st.dictionaries(st.sampled_from(keys), likely | _JSON) | _JSON)
    def cases(data: Any) -> None:
        tally.append(1)
        fuzz_doors.call_page(json.dumps(data))

    counted(cases, MADE, tally)


# The page's own script, with a server of its own that notes what it is sent, and an address and history of its own: real ones
# cost a message to another process for each case. The browser's own URL parser
# reads the fragments. What holds "die" is not kept.
_HARNESS = """([scripts, fragments]) => {
  const faults = [], read = [];
  let calls = [];
  window.addEventListener("error", (event) => faults.push(String(event.message)));
  window.addEventListener("unhandledrejection", (event) => faults.push(String(event.reason)));
  HTMLDialogElement.prototype.showModal = HTMLDialogElement.prototype.show;
  const shown = (question) => {
    const made = document.createElement("article");
    Object.assign(made.dataset, { question, said: "1 passage" }, question.includes("die") ? {} : { kept: "" });
    made.className = "turn";
    return made.outerHTML;
  };
  const noted = (name, html) => (data) => (calls.push([name, data]), Promise.resolve({ html: html(data) }));
  const answers = {
    turn: noted("turn", (data) => shown(data.question)),
    document: noted("document", () => '<h2 id="sheet-title">A</h2><p class="words">b</p>'),
  };
  window.gradio_config = { components: [{ id: 1, props: { elem_id: "stage" } }] };
  const fetched = async (_, { body }) => {
    const { fn_name, data } = JSON.parse(body);
    const reply = await answers[fn_name](data);
    return { ok: true, json: async () => reply };
  };
  let address = new URL(location.href);
  const written = { state: null, back: () => (written.state = null) };
  written.replaceState = written.pushState = (state, _, url) => {
    written.state = state;
    address = new URL(url, address);
  };
  const place = new Proxy({}, { get: (_, name) => address[name] });
  new Function("element", "fetch", "location", "history", scripts)(document.body, fetched, place, written);
  const rested = () => new Promise((done) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  });
  const run = async () => {
    for (const fragment of fragments) {
      document.getElementById("kqa-sheet").close();
      calls = [];
      address = new URL("/#" + fragment, address);
      written.state = null;
      window.dispatchEvent(new PopStateEvent("popstate"));
      await rested();
      read.push([fragment, calls, address.href]);
    }
    const injected = document.querySelectorAll("script, iframe, img, svg").length;
    const stored = localStorage.length + sessionStorage.length + document.cookie.length;
    return { read, faults, injected, stored, hit: String(window.hit) };
  };
  return run();
}"""


def fragments(number: int) -> list[str]:
    """Make addresses' fragments: keys that mean something, values that should not, and plain noise."""
    chance = random.Random(20261126)
    values = [
        "reference/dependence.md", "a?", "0", "5", "-1", "1e3", "999999999", "1000000000", "<img src=x onerror=hit=1>",
        "%", "%ZZ", "%00", "%ED%A0%80", "\"'`{}${hit=1}", "javascript:hit=1", "+", "%2B", "i want to die", "../..",
        "🌊", "\u202e", "",
        "a" * 1001, "b" * 13000, "__proto__", "constructor",
    ]  # fmt: skip
    keys = [*["q", "doc", "start", "end"] * 3, "after", "Q", "q[]", "__proto__", "", "doc%00"]
    made = []
    for _ in range(number):
        parts = [f"{chance.choice(keys)}={chance.choice(values)}" for _ in range(chance.randrange(6))]
        noise = "".join(chr(chance.randrange(1, 0xD7FF)) for _ in range(chance.randrange(8)))
        made.append(chance.choice(["&", "&", "&&", "#", ";"]).join([*parts, noise] if chance.random() < 0.3 else parts))
    return made


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, which is not installed")
def test_addresses_of_any_kind_do_no_harm(index: Index) -> None:
    stage = _stage(index, (), None)
    page_html = f'<!doctype html><title>t</title><body hidden><div id="question"><textarea></textarea></div>{stage}'
    with browser() as started:
        page = started.new_page()
        page.route("**/*", lambda route: route.fulfill(body=page_html, content_type="text/html"))
        page.goto("http://kqa.test/")
        told = page.evaluate(_HARNESS, [_own("js", False), fragments(FRAGMENTS)])
    assert len(told["read"]) == FRAGMENTS
    assert (told["faults"], told["injected"], told["hit"], told["stored"]) == ([], 0, "undefined", 0)
    names = [name for _, calls, _ in told["read"] for name, _ in calls]
    assert min(names.count("turn"), names.count("document")) > FRAGMENTS / 10, "the script is really reached"
    for fragment, calls, address in told["read"]:
        assert address.partition("#")[0] == "http://kqa.test/", fragment
        for name, data in calls:
            if name == "turn":
                assert data["question"].strip(), fragment
                assert all(isinstance(earlier, str) for earlier in data["history"]), fragment
                assert "die" not in data["question"] or "#" not in address, fragment
            else:
                assert name == "document"
                assert 0 < len(data["path"]) <= 1000, fragment
                span = data["span"]
                assert span is None or span == [] or (span == [*span[:2], *span[:2]] and 0 <= span[0] < span[1] < 10**9), (
                    fragment
                )
