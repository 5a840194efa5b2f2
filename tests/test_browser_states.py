"""Every state of the page, desktop and phone, light and dark: reached, readable, accessible, and nobody else is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from browser_server import Served, served, small_index
from kqa.html import turn_html
from kqa.types import Kind
from shown import make_answer, make_document, make_quote
from test_browser import QUESTION, chromium, put

__all__ = ["chromium"]  # a fixture
pytestmark = pytest.mark.browser
FAULTS = Path(__file__).with_name("page_faults.js").read_text(encoding="utf-8")
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
NARROWER = {"desktop": 640, "phone": 320}  # the desktop's page at 200 % zoom, and the smallest phone
CALLS = "**/component_server/**"
TITLE = "A guide to the monitoring of blood pressure and breathing, with Donaudampfschifffahrtselektrizitätenhauptbetriebswerk"
STEPS = " ".join(f"Step {n} of the oximeter check follows step {n - 1}." for n in range(2, 40))
GUIDE = f"""---
title: {TITLE}
kind: guideline
publisher: A society with a long name for anaesthesia, intensive care, emergency medicine and pain
reviewed: 2020-01-01
---
## The oximeter, the cuff, the capnograph, and everything else that stands beside the bed of who is treated in a long session

The oximeter on the finger alarms below ninety percent. {STEPS}
"""
Reach = Callable[[Page], None]


def ask(question: str) -> Reach:
    return lambda page: put(page, question)


def here(address: str) -> Reach:
    def reach(page: Page) -> None:
        page.goto(page.url.split("#")[0] + address)

    return reach


def after(*steps: Reach) -> Reach:
    def reach(page: Page) -> None:
        for step in steps:
            step(page)

    return reach


def press(name: str) -> Reach:
    return lambda page: page.get_by_role("button", name=name).first.click()


def unfold(summary: str) -> Reach:
    return lambda page: page.locator("summary", has_text=summary).locator("visible=true").first.click()


def within(settle: Callable[[Page], None]) -> Reach:
    """Ask where every call to the server is settled otherwise."""

    def reach(page: Page) -> None:
        page.route(CALLS, settle)
        page.get_by_label("Your question").fill(QUESTION)
        page.keyboard.press("Enter")

    return reach


def typed(page: Page) -> None:
    page.get_by_label("Your question").click()
    page.keyboard.type("ketamine")
    page.keyboard.press("ArrowDown")


def opened(page: Page) -> None:
    page.locator("#kqa-turn .card", has_text="The label warns of abuse").get_by_role("button", name="Open in document").click()


def find(page: Page) -> None:
    page.get_by_label("Find in this document").fill("ketamine")


def judged(page: Page) -> None:
    page.locator(".judge > summary").first.click()
    page.get_by_role("button", name="Answers in part").first.click()


def plainly(question: str) -> Reach:
    def reach(page: Page) -> None:
        here("plain")(page)
        page.get_by_label("Your question").fill(question)
        page.get_by_role("button", name="Ask").click()

    return reach


def only_marketing(page: Page) -> None:
    """Show an answer of marketing alone, which no question of the small index has."""
    claim = make_quote(make_document("It works for nearly everyone.", path="ad.md", kind=Kind.CLINIC_MARKETING))
    html = turn_html(replace(make_answer(claim), question=QUESTION), 1)
    page.route(CALLS, lambda route: route.fulfill(json={"html": html}))
    put(page, QUESTION)


def printed(page: Page) -> None:
    page.emulate_media(media="print")


SIDE_EFFECTS, CLINIC, RIGHT_TO_LEFT = "What are the side effects?", "#doc=clinics%2Fbenefits.md", "هل الكيتامين آمن؟ ketamine"
FOLLOW = after(ask(QUESTION), ask("and what are its side effects?"))
STATES: dict[str, tuple[Reach, str]] = {
    "home": (lambda page: None, "What this searches"),
    "answer": (ask(SIDE_EFFECTS), "5 passages for"),
    "disagreement": (ask(QUESTION), "Better supported: the first."),
    "only-marketing": (only_marketing, "Only clinic marketing supports this."),
    "clinic-document": (here(CLINIC), "kqa's restatement of the clinic article"),
    "abstention": (ask("quantum zebra"), "No source here answers"),
    "closest": (after(ask("quantum zebra"), unfold("Show the closest")), "Copy citation"),
    "emergency": (ask("My husband took too much ketamine and is not breathing"), "Get help now"),
    "crisis": (ask("I want to die"), "You do not have to go through this alone"),
    "crisis-sources": (
        after(ask("I took too much ketamine. What are the side effects of ketamine?"), unfold("Show what the sources say")),
        "dizziness",
    ),
    "other-countries": (after(ask("I want to die"), unfold("Other countries")), "Samaritans"),
    "self-dosing": (ask("How much ketamine should I snort?"), "No doses or ways to get it here"),
    "personal-notice": (ask("Should I take ketamine or is it addictive?"), "Ask your own prescriber"),
    "follow-up": (FOLLOW, "Read as a follow-up to"),
    "earlier-turn": (after(FOLLOW, lambda page: page.locator(".earlier > summary").click()), "Earlier in this conversation"),
    "document": (after(ask(QUESTION), opened), "Sources of this document"),
    "find": (after(ask(QUESTION), press("Open in document"), find), "1 of"),
    "long-document": (here("#doc=guide.md"), "oximeter on the finger"),
    "long-passage": (ask("When does the oximeter on the finger alarm?"), "ninety percent"),
    "link-gone": (here("#doc=clinics%2Fbenefits.md&start=1&end=2"), "no longer stand here"),
    "suggestions": (typed, QUESTION),
    "verified": (after(ask(QUESTION), press("Verify")), "The same, word for word."),
    "judged": (after(ask(QUESTION), judged), "Thank you. Kept"),
    "labels": (after(ask(QUESTION), unfold("What these labels mean")), "What clinics say to win patients"),
    "right-to-left": (ask(RIGHT_TO_LEFT), "ketamine"),
    "how-well": (here("how-well"), "How well does this work?"),
    "about": (here("about"), "About and privacy"),
    "busy": (within(lambda route: None), "Searching…"),
    "failed": (within(lambda route: route.fulfill(status=500, body="{}")), "This question was not answered"),
    "server-gone": (within(lambda route: route.abort()), "The server does not answer."),
    "too-long": (lambda page: page.evaluate("() => { window.kqa.ask('why '.repeat(600)) }"), "at most 2,000"),
    "plain": (here("plain"), "Your question"),
    "plain-answer": (plainly(QUESTION), "Better supported: the first."),
    "plain-crisis": (plainly("I want to die"), "You do not have to go through this alone"),
    "plain-error": (plainly("?!"), "In danger, or thinking of suicide?"),
    "print": (after(ask(QUESTION), printed), "Ketamine can be addictive when it is used often."),
    "print-crisis": (after(ask("I want to die"), printed), "Samaritans"),
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("states")
    with served(small_index(folder, {"guide.md": GUIDE}), folder / "judged.jsonl") as running:
        yield running


_reached: list[str] = []


def _listen(event: str, given: tuple[object, ...]) -> None:
    if event == "socket.connect" and isinstance(given[1], tuple):
        _reached.append(str(given[1][0]))
    elif event == "socket.getaddrinfo":
        _reached.append(str(given[0]))


sys.addaudithook(_listen)


@pytest.fixture(params=SIZES)
def page(request: pytest.FixtureRequest, chromium: Browser, server: Served) -> Iterator[Page]:
    """A fresh visitor on home; whatever leaves the machine, is stored, or goes wrong in the browser fails the test."""
    phone = request.param == "phone"
    context = chromium.new_context(
        viewport=SIZES[request.param], has_touch=phone, is_mobile=phone, reduced_motion="reduce",
        bypass_csp=True,  # axe comes as a script, which the policy of the pages without one refuses
    )  # fmt: skip
    context.set_default_timeout(60_000)
    page = context.new_page()
    wrong: list[str] = []
    page.on("request", lambda request: None if request.url.startswith((server.url, "data:")) else wrong.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    _reached.clear()
    page.goto(server.url)
    expect(page.locator("#kqa-home .chip").first).to_be_visible()
    expect(page.locator("p.loading")).to_have_count(0)
    yield page
    page.unroute_all(behavior="ignoreErrors")
    stored = page.evaluate("async () => [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length]")
    cookies = context.cookies()
    context.close()
    assert wrong == []
    assert [host for host in _reached if host not in ("127.0.0.1", "localhost")] == [], "the server called somebody"
    assert (stored, cookies) == ([0, 0, 0], [])


@pytest.mark.parametrize("name", STATES)
def test_every_state_is_reached_readable_and_accessible(page: Page, name: str) -> None:
    reach, said = STATES[name]
    reach(page)
    shown = page.locator("#kqa-sheet" if "document" in name or name in ("find", "link-gone") else "body")
    expect(shown).to_contain_text(said)
    expect(page.get_by_text(said).locator("visible=true").first).to_be_visible()
    size = page.viewport_size
    assert size
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert page.evaluate(FAULTS) == [], scheme
        found = Axe().run(page).response["violations"]
        assert [(v["id"], [node["html"][:120] for node in v["nodes"]]) for v in found] == [], scheme
    page.set_viewport_size({"width": NARROWER["phone" if size["width"] == 390 else "desktop"], "height": 450})
    assert page.evaluate(FAULTS) == []


@pytest.mark.parametrize("question", ["I want to die", QUESTION])
@pytest.mark.parametrize(("size", "letters"), [((740, 360), "100%"), ((360, 740), "200%")])
def test_an_answer_is_in_sight_however_short_the_screen(
    chromium: Browser, server: Served, question: str, size: tuple[int, int], letters: str
) -> None:
    page = chromium.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(server.url)
    expect(page.locator("#kqa-home .chip").first).to_be_visible()
    page.evaluate("(size) => { document.documentElement.style.fontSize = size }", letters)
    put(page, question)
    expect(page.locator("#kqa-turn .turn")).to_be_in_viewport(ratio=0.01)
    assert page.evaluate("document.querySelector('#kqa-turn .turn').getBoundingClientRect().top <= innerHeight / 2")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    page.close()
