"""A contradicted sentence never stands alone, whichever way it is asked for: at the command line, over HTTP, on the page."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pytest
from playwright.sync_api import expect
from starlette.testclient import TestClient

import kqa
from browser_server import CHROMIUM, Served, browser
from conftest import ROOT
from kqa.cite import FOOTNOTE
from kqa.html import sources_html, turn_html
from kqa.page import build_app, server_functions
from kqa.serving import Serving
from kqa.trust import Contradiction, Side
from kqa.types import Encoder, Outcome
from shown import Parsed

CLAIMS = [json.loads(line) for line in (ROOT / "tests" / "data" / "claims.jsonl").read_text(encoding="utf-8").splitlines()]
CONTRADICTED = {claim["text"]: claim["document"] for claim in CLAIMS if claim["verdict"] == "contradicted"}
VERDICTS = ("Neither is better supported.", "Better supported: the first.")
_PANEL = re.compile(r'<section class="panel disagree">.*?</section>', re.DOTALL)

pytestmark = pytest.mark.weights


def words(text: str) -> str:
    """Reduce a text to its words, without footnotes and their small numbers, so that any two forms of it compare."""
    found = re.findall(r"[^\W_]+", re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹]", " ", FOOTNOTE.sub(" ", text)))
    return f" {' '.join(found)} "


@dataclass(frozen=True)
class Reading:
    """What a reader is given, in words alone: the panels of disagreement, and the quotes."""

    panels: Sequence[str]
    quotes: str


def of_json(text: str) -> Reading:
    answer = json.loads(text)
    panels = []
    for found in answer["disagreements"]:
        sides = " ".join(side["text"] for side in found["sides"])
        panels.append(words(f"{found['topic']} {sides} {VERDICTS[found['better_supported']]} {found['why']}"))
    return Reading(panels, "".join(words(quote["text"]) for quote in (*answer["quotes"], *answer["closest"])))


def of_text(text: str) -> Reading:
    blocks = text.split("\n\n")
    panels = [block for block in blocks if block.startswith("SOURCES DISAGREE")]
    return Reading([*map(words, panels)], words("\n".join(block for block in blocks if block not in panels)))


def of_html(html: str) -> Reading:
    panels = [words(readable(panel)) for panel in _PANEL.findall(html)]
    return Reading(panels, words(readable(_PANEL.sub("", html), "blockquote")))


def readable(html: str, inside: str | None = None) -> str:
    """Return what can be read in HTML, or in every element of one name, but for the small numbers of references."""
    read = [text for where, text in Parsed(html).pieces if "sup" not in where and (inside is None or inside in where)]
    return " ".join(read)


@dataclass(frozen=True)
class Table:
    """The rows of the project's table of disagreements, with the words of their sides."""

    index: kqa.Index

    def text(self, side: Side) -> str:
        return self.index.documents[side.document].text[side.span.start : side.span.end]

    @cached_property
    def rows(self) -> list[tuple[Contradiction, str, str]]:
        return [(row, words(self.text(row.sides[0])), words(self.text(row.sides[1]))) for row in self.index.contradictions]

    @cached_property
    def sentences(self) -> list[str]:
        """Every contested sentence, once."""
        return [*dict.fromkeys(self.text(side) for row in self.index.contradictions for side in row.sides)]

    @cached_property
    def questions(self) -> list[str]:
        """What must show a disagreement: each row's own question, and each contradicted claim in its own words."""
        return [*dict.fromkeys([*(row.shows_on for row in self.index.contradictions), *CONTRADICTED])]

    def shown(self, reading: Reading) -> list[Contradiction]:
        """List the rows whose panel stands in a reading whole: the better side, the other, the verdict, the reason."""
        found = []
        for row, first, second in self.rows:
            parts = (first, second, words(f"{VERDICTS[row.better_supported]} {row.why}"))
            places = [[panel.find(part) for part in parts] for panel in reading.panels]
            if any(-1 < at[0] < at[1] < at[2] for at in places):
                found.append(row)
        return found

    def alone(self, reading: Reading) -> list[str]:
        """List what stands in the quotes of a reading without what contradicts it."""
        shown = self.shown(reading)
        beside = {side for row in shown for side in row.sides}
        answered = {row.sides[1] for row in shown if _by_reference(row)}
        missing = []
        for row, *texts in self.rows:
            for side, text in zip(row.sides, texts, strict=True):
                if text in reading.quotes and side not in beside:
                    missing.append(f"{row.topic}: no panel beside “{self.text(side)}”")
            # Another advert's word against it is not enough where a reference contradicts it.
            if _by_reference(row) and texts[1] in reading.quotes and row.sides[1] not in answered:
                missing.append(f"{row.topic}: no reference beside “{self.text(row.sides[1])}”")
        return [*missing, *(["a panel that is not a whole row"] if len(shown) < len(reading.panels) else [])]

    def wrong(self, question: str, reading: Reading) -> list[str]:
        """Say what is wrong with the reading of an answer that must show a disagreement."""
        return [f"{question}: {what}" for what in (*([] if reading.panels else ["no panel"]), *self.alone(reading))]


def _by_reference(row: Contradiction) -> bool:
    return bool(row.better_supported) and row.sides[0].document.startswith("reference/")


class Remembering:
    """An encoder that encodes a text once: the same questions are asked here in every way there is."""

    def __init__(self, encoder: Encoder) -> None:
        self.identity, self.dimensions = encoder.identity, encoder.dimensions
        self.knows, self.encode, self._encode = encoder.knows, encoder.encode, encoder.encode_query
        self._known: dict[str, np.ndarray] = {}

    def encode_query(self, text: str) -> np.ndarray:
        if text not in self._known:
            self._known[text] = self._encode(text)
        return self._known[text]


@pytest.fixture(scope="module")
def whole() -> kqa.Index:
    """Return the project's own index."""
    if not (ROOT / "index" / "CURRENT").is_file():
        pytest.skip("index/ is not built; build it with: kqa build")
    index = kqa.Index.load(ROOT / "index", ROOT / "corpus")
    return replace(index, encoder=Remembering(index.encoder))


@pytest.fixture(scope="module")
def table(whole: kqa.Index) -> Table:
    return Table(whole)


@pytest.fixture
def command(run, whole: kqa.Index, monkeypatch: pytest.MonkeyPatch):
    """Run ``kqa ask`` over the index that is already loaded."""
    monkeypatch.setattr(kqa.Index, "load", lambda *_: whole)

    def ask(question: str, *options: str) -> str:
        code, out, err = run("ask", *options, "--", question)
        assert (code, err) == (0, "")
        return out

    return ask


@pytest.fixture(scope="module")
def client(whole: kqa.Index) -> Iterator[TestClient]:
    with TestClient(build_app(whole)) as started:
        yield started


def test_every_contradicted_claim_is_a_side(table: Table) -> None:
    assert len(CONTRADICTED) == 28
    assert set(CONTRADICTED) <= set(table.sentences)
    assert len(table.rows) >= 77


def test_no_passage_cuts_a_contested_sentence(whole: kqa.Index) -> None:
    """Below, a sentence counts as quoted when all of its words are."""
    for side in {side for row in whole.contradictions for side in row.sides}:
        touching = [
            p for p in whole.passages if p.document == side.document and p.start < side.span.end and side.span.start < p.end
        ]
        assert touching
        assert all(p.start <= side.span.start and side.span.end <= p.end for p in touching)


def test_a_sentence_alone_is_noticed(table: Table) -> None:
    """The checks below can fail: on no panel, on a half one, on one the wrong way round, on another advert's."""
    row, first, second = next(found for found in table.rows if _by_reference(found[0]))
    rest = words(f"{VERDICTS[1]} {row.why}")
    whole, turned, half = first + second + rest, second + first + rest, first + second
    assert table.alone(Reading([whole], second)) == []
    assert table.alone(Reading([whole], first + second)) == []
    for panels in ([], [turned], [half], [first + rest]):
        assert table.alone(Reading(panels, second))
    assert not table.alone(Reading([], words("Nothing here is contested.")))


def test_the_command_line_shows_both_sides_as_text(command, table: Table) -> None:
    assert [w for q in table.questions for w in table.wrong(q, of_text(command(q)))] == []


def test_the_command_line_shows_both_sides_as_json(command, table: Table) -> None:
    assert [w for q in table.questions for w in table.wrong(q, of_json(command(q, "--json")))] == []


def test_the_command_line_itself_says_the_same(run, command, whole: kqa.Index, monkeypatch: pytest.MonkeyPatch) -> None:
    question = whole.contradictions[0].shows_on
    quickly = command(question)
    monkeypatch.undo()
    assert run("ask", question, "--index", ROOT / "index", "--corpus", ROOT / "corpus") == (0, quickly, "")


def test_the_page_shows_both_sides(whole: kqa.Index, table: Table) -> None:
    assert [w for q in table.questions for w in table.wrong(q, of_html(turn_html(kqa.ask(q, whole), 1)))] == []


def test_the_page_without_scripts_shows_both_sides(client: TestClient, table: Table) -> None:
    pages = {question: client.post("/plain", data={"q": question}) for question in table.questions}
    assert {page.status_code for page in pages.values()} == {200}
    assert [w for q, page in pages.items() for w in table.wrong(q, of_html(page.text))] == []


def test_programs_get_both_sides(client: TestClient, table: Table) -> None:
    replies = {question: client.post("/ask", json={"question": question}) for question in table.questions}
    assert {reply.status_code for reply in replies.values()} == {200}
    assert [w for q, reply in replies.items() for w in table.wrong(q, of_json(reply.text))] == []


def test_each_row_is_shown_on_its_question(whole: kqa.Index, table: Table) -> None:
    """One of its sides is quoted, beside what contradicts it: a second opposite of one sentence brings no second panel."""
    wrong = []
    for row, first, second in table.rows:
        answer = kqa.ask(row.shows_on, whole)
        reading = of_json(kqa.to_json(answer))
        beside = {side for found in table.shown(reading) for side in found.sides}
        quoted = {side for side, text in zip(row.sides, (first, second), strict=True) if text in reading.quotes}
        if answer.outcome is not Outcome.ANSWERED or not quoted or not quoted <= beside:
            wrong.append((row.topic, row.shows_on, answer.outcome))
    assert wrong == []


@pytest.mark.parametrize("form", ["text", "page"])
def test_no_row_is_shown_where_it_has_nothing_to_say(command, whole: kqa.Index, table: Table, form: str) -> None:
    wrong = []
    for row in whole.contradictions:
        reading = {
            "text": lambda q: of_text(command(q)),
            "page": lambda q: of_html(turn_html(kqa.ask(q, whole), 1)),
        }[form](row.silent_on)
        wrong += [(row.topic, row.silent_on)] if row in table.shown(reading) else []
        wrong += table.alone(reading)
    assert wrong == []


def test_a_contested_sentence_is_never_quoted_alone_however_many_quotes(whole: kqa.Index, table: Table) -> None:
    """Asked for in its own words, each stands among the quotes, unless its words are referred."""
    wrong, referred = [], set()
    unquoted = set(table.sentences)
    for number, sentence in enumerate(table.sentences):
        for k in range(1, 11) if sentence in CONTRADICTED else [number % 5 + 6]:
            answer = kqa.ask(FOOTNOTE.sub("", sentence), whole, k=k)
            reading = of_json(kqa.to_json(answer))
            referred |= {sentence} if answer.outcome not in (kqa.Outcome.ANSWERED, kqa.Outcome.ABSTAINED) else set()
            wrong += [f"-k {k}: {what}" for what in table.alone(reading)]
            if words(sentence) in reading.quotes:
                unquoted.discard(sentence)
    assert wrong == []
    assert unquoted <= referred
    assert len(referred) <= 12


def test_nor_where_nothing_answers_nor_in_a_follow_up_nor_after_a_crisis(whole: kqa.Index, table: Table) -> None:
    """Closest passages, what is read with an earlier question, and sources opened below a call for help are quotes as well."""
    wrong = []
    abstained = opened = 0
    for row in whole.contradictions[::3]:
        closest = kqa.ask(f"What did the astronaut's violin say about {row.topic}?", whole)
        follows = kqa.ask("And is that really so?", whole, [row.shows_on])
        despite = kqa.ask(f"I want to die. {row.shows_on}", whole, despite=True)
        readings = [of_html(turn_html(closest, 1)), of_text(kqa.to_text(closest))]
        readings += [of_html(turn_html(follows, 1)), of_html(sources_html(despite, 1))]
        wrong += [what for reading in readings for what in table.alone(reading)]
        abstained += bool(closest.closest and closest.disagreements)
        opened += bool(despite.quotes and despite.disagreements)
    assert wrong == []
    assert min(abstained, opened) >= 10


def test_no_document_is_opened_at_a_contested_sentence_alone(whole: kqa.Index, table: Table) -> None:
    """Opened from a card, from a side of a panel, by a link: where the sheet sets a side off, its other side stands there."""
    open_sheet = server_functions(Serving(whole))[2]
    wrong = []
    for row in whole.contradictions:
        for side in row.sides:
            passage = next(p for p in whole.passages if p.document == side.document and p.start <= side.span.start < p.end)
            for start, end, linked in (
                (passage.start, passage.end, False),
                (passage.start, passage.end, True),
                (side.span.start, side.span.end, False),
            ):
                at = [start, end, side.span.start, side.span.end]
                sheet = open_sheet({"path": side.document, "span": at, "linked": linked})["html"]
                assert _PANEL.sub("", sheet).count("hit") >= 1
                panels = of_html(sheet).panels
                wrong += table.alone(Reading(panels, words(whole.documents[side.document].text[start:end])))
        assert of_html(open_sheet({"path": row.sides[0].document, "span": None})["html"]).panels == []
    assert wrong == []


_SEEN = """selector => [...document.querySelectorAll('#kqa-turn .turn ' + selector)]
  .filter(e => e.checkVisibility({contentVisibilityAuto: true, opacityProperty: true, visibilityProperty: true}))
  .map(e => e.outerHTML)
  .join('')"""


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None and os.environ.get("CI") != "true", reason="no Chromium found; install chromium")
def test_a_person_sees_both_sides(whole: kqa.Index, table: Table) -> None:
    server = Served(whole)
    wrong = []
    try:
        with browser() as chromium:
            page = chromium.new_page(viewport={"width": 390, "height": 800}, reduced_motion="reduce")
            page.goto(server.url)
            for row in whole.contradictions[5::6]:
                page.get_by_label("Your question").fill(row.shows_on)
                page.keyboard.press("Enter")
                expect(page.locator("#kqa-turn .turn")).to_have_attribute("data-question", row.shows_on)
                seen = of_html(page.evaluate(_SEEN, ".disagree") + page.evaluate(_SEEN, ".card > blockquote"))
                wrong += table.wrong(row.shows_on, seen)
                if not seen.panels or not seen.quotes.strip():
                    wrong.append(f"{row.shows_on}: nothing is seen")
                page.get_by_role("button", name="New conversation").click()
    finally:
        server.stop()
    assert wrong == []
