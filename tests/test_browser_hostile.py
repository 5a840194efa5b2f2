"""Hostile words in documents, file names, questions and addresses, as a real browser builds them: text, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from browser_server import Served, served, small_index
from shown import HOSTILE, MAY, SHOWABLE
from test_browser import QUESTION, chromium, put

__all__ = ["chromium"]  # a fixture
pytestmark = pytest.mark.browser
ACTS = """() => {
  window.acted = [];
  window.x = () => window.acted.push("ran");
}"""
# every element below the question box, and every attribute that could act or fetch
FOUND = """(may) => {
  const nodes = [...document.querySelectorAll("#stage *, main *")].filter((node) => node.closest("#stage, .plain"));
  const wrong = nodes.filter((node) => !may.includes(node.localName)).map((node) => node.outerHTML.slice(0, 80));
  for (const node of nodes) for (const { name, value } of node.attributes) {
    const acts = name.startsWith("on") || ["src", "srcset", "autofocus", "formaction"].includes(name);
    const leaves = name === "href" && !/^(#|https?:|tel:|sms:|[a-z-]+$)/.test(value);
    if (acts || leaves) wrong.push(`${name}=${value.slice(0, 60)}`);
  }
  return [nodes.length > 20, wrong, window.acted ?? []];
}"""
ALLOWED = sorted({*MAY, "dialog"})
LINE = "b" * 1_000_000


def _document(text: str) -> str:
    """Return a document whose title, publisher, restated title, section, listed question and words are hostile."""
    one = json.dumps(text[:200])
    words = text if len(text) < 1000 else f"{text}\n\n{LINE}"
    return f"""---
title: {one}
kind: clinic-marketing
publisher: {one}
date: "2020"
url: {json.dumps("javascript:x()//" + text[:50])}
restates: {one}
references:
  r1: {{org: {one}, title: {one}, year: 2020, class: regulator, locator: {one}}}
---
## {text[:200]}

Hostile words about lanterns.[^r1] {words}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    # a file name may hold no control, not even of direction: the corpus would be refused
    names = ("".join(c for c in text.replace("/", "∕")[:60] if c.isprintable()) for text in SHOWABLE)
    files = {f"{number} {name}.md": _document(text) for number, (name, text) in enumerate(zip(names, SHOWABLE, strict=True))}
    with served(small_index(tmp_path_factory.mktemp("hostile"), files)) as running:
        yield running


@pytest.fixture
def page(chromium: Browser, server: Served) -> Iterator[Page]:
    page = chromium.new_page(viewport={"width": 390, "height": 800}, reduced_motion="reduce")
    page.set_default_timeout(60_000)
    wrong: list[str] = []
    page.on("request", lambda request: None if request.url.startswith((server.url, "data:")) else wrong.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
    page.add_init_script(f"({ACTS})()")
    page.goto(server.url)
    expect(page.locator("#kqa-home .chip").first).to_be_visible()
    yield page
    page.close()
    assert wrong == []


def check_inert(page: Page) -> None:
    assert page.evaluate(FOUND, ALLOWED) == [True, [], []]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_hostile_documents_are_text_on_home_and_in_the_sheet(page: Page) -> None:
    check_inert(page)
    texts = page.locator(".documents .link").evaluate_all("found => found.map((e) => e.textContent)")
    assert {text[:200].strip() for text in SHOWABLE} <= {text.strip() for text in texts}
    for link in page.locator(".documents .link").all():
        link.click()
        expect(page.locator("#kqa-sheet[open] .words").first).to_be_visible()
        check_inert(page)
        page.keyboard.press("Escape")


def test_hostile_quotes_are_text_in_cards_and_copies(page: Page) -> None:
    put(page, "What are hostile words about lanterns?")
    expect(page.locator("#kqa-turn .card").first).to_contain_text("Hostile words about lanterns.")
    for summary in page.locator("#kqa-turn .primary > summary").all():
        summary.click()
    check_inert(page)


@pytest.mark.parametrize("text", [*HOSTILE[:11], "why " + LINE, "\n".join(HOSTILE[:10])], ids=range(13))
def test_hostile_questions_and_addresses_are_text(page: Page, server: Served, text: str) -> None:
    page.evaluate("(question) => { window.kqa.ask(question) }", f"{QUESTION} {text}")
    expect(page.locator("#kqa-turn .turn, #kqa-problem .panel").first).to_be_visible()
    check_inert(page)
    if len(text) < 2000:
        asked = quote(f"{QUESTION} {text}")
        page.goto("about:blank")
        page.goto(f"{server.url}/#q={asked}&after={asked}&doc={asked}")
        expect(page.locator("#kqa-turn .turn, #kqa-problem .panel").first).to_be_visible()
        check_inert(page)
