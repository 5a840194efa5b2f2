"""Take pictures of every state of the page: python tests/screenshots.py [FOLDER] [--index DIR] [--only STATE …]."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, ViewportSize

import kqa
from browser_server import Served, browser, served
from kqa.howwell import read_record
from kqa.html import turn_html

SIZES: dict[str, ViewportSize] = {"wide": {"width": 1280, "height": 900}, "narrow": {"width": 390, "height": 844}}


def put(page: Page, question: str) -> None:
    """Ask and wait for the answer to this question."""
    page.get_by_label("Your question").fill(question)
    page.get_by_role("button", name="Ask", exact=True).click()
    page.wait_for_function("() => document.querySelector('#kqa-status').textContent !== 'Searching…'")
    page.wait_for_selector("#kqa-turn .turn, #kqa-problem .panel")


def home(page: Page) -> None:
    page.wait_for_selector("#kqa-home .chip")


def answer(page: Page) -> None:
    put(page, "How long does a session last?")


def disagree(page: Page) -> None:
    put(page, "Is ketamine addictive?")


def marketing(page: Page) -> None:
    put(page, "Does the clinic in California offer a spinal cord stimulator implant?")


def none(page: Page) -> None:
    put(page, "What is the capital of France?")


def closest(page: Page) -> None:
    put(page, "Which ketamine clinic in Denver is the cheapest?")
    for summary in page.locator(".closest > summary").all():
        summary.click()


def crisis(page: Page) -> None:
    put(page, "I want to die")


def crisis_sources(page: Page) -> None:
    put(page, "I want to die")
    page.get_by_text("Show what the sources say").click()
    page.wait_for_selector(".despite .card, .despite p")


def emergency(page: Page) -> None:
    put(page, "My husband took too much ketamine and is not breathing")


def self_dosing(page: Page) -> None:
    put(page, "How much ketamine should I snort?")


def personal(page: Page) -> None:
    put(page, "Should I stop my sertraline before ketamine?")


def follow_up(page: Page) -> None:
    put(page, "Is ketamine addictive?")
    put(page, "what is esketamine used for")
    put(page, "and how long does it last?")


def earlier(page: Page) -> None:
    follow_up(page)
    page.locator("#kqa-earlier").scroll_into_view_if_needed()


def document(page: Page) -> None:
    put(page, "How long does a session last?")
    page.get_by_role("button", name="Open in document").first.click()
    page.wait_for_selector("#kqa-sheet[open] mark")


def suggestions(page: Page) -> None:
    page.get_by_label("Your question").click()
    page.keyboard.type("how long ket")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("#kqa-suggestions li")


def verified(page: Page) -> None:
    put(page, "How long does a session last?")
    page.get_by_role("button", name="Verify").first.click()
    page.locator(".compared").scroll_into_view_if_needed()


def found(page: Page) -> None:
    document(page)
    page.get_by_label("Find in this document").fill("ketamine")
    page.wait_for_selector("mark.here")


def link_gone(page: Page) -> None:
    path = page.locator("[data-document]").first.get_attribute("data-document")
    page.evaluate("(path) => { location.hash = `doc=${path}&start=1&end=2`; }", path)
    page.wait_for_selector("#kqa-sheet[open] .gone")


def about(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "about")


def failed(page: Page) -> None:
    page.route("**/component_server*", lambda route: route.abort())
    page.route("**/component_server/*", lambda route: route.abort())
    put(page, "Is ketamine safe?")


def too_long(page: Page) -> None:
    page.evaluate("window.kqa.ask('why '.repeat(700))")
    page.wait_for_selector("#kqa-problem .panel")


def plain(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "plain?q=Is%20ketamine%20addictive")


def one_quote(page: Page) -> None:
    question = "How long does a session last?"
    html = turn_html(kqa.ask(question, SERVED[0].index, k=1), 1)
    page.route("**/component_server/**", lambda route: route.fulfill(json={"html": html}))
    put(page, question)


def long_passage(page: Page) -> None:
    put(page, "Is ketamine a street drug, and is it illegal?")


def long_titles(page: Page) -> None:
    put(page, "How old is ketamine, and when did it become a depression treatment?")


def right_to_left(page: Page) -> None:
    put(page, "هل الكيتامين آمن لعلاج الاكتئاب؟")


def other_countries(page: Page) -> None:
    put(page, "I want to die")
    page.locator("#kqa-turn .others > summary").click()


def labels(page: Page) -> None:
    put(page, "Is ketamine addictive?")
    page.get_by_text("What these labels mean").click()
    page.locator(".meanings").scroll_into_view_if_needed()


def busy(page: Page) -> None:
    put(page, "How long does a session last?")
    page.route("**/component_server/**", lambda route: None)
    page.get_by_label("Your question").fill("Is ketamine addictive?")
    page.keyboard.press("Enter")
    page.wait_for_selector(".kqa-busy")


def too_busy(page: Page) -> None:
    said = {"error": "too many questions are being answered at this moment; ask again in 5 seconds", "final": False}
    page.route("**/component_server/**", lambda route: route.fulfill(json=said))
    put(page, "Is ketamine safe?")


def how_well(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "how-well")


def plain_crisis(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "plain?q=I%20want%20to%20die")


def plain_error(page: Page) -> None:
    page.goto(page.url.split("#")[0] + "plain?q=%3F")


def printed(page: Page) -> None:
    put(page, "Is ketamine addictive?")
    page.emulate_media(media="print")


def printed_crisis(page: Page) -> None:
    put(page, "I want to die")
    page.emulate_media(media="print")


SERVED: list[Served] = []
STATES: dict[str, Callable[[Page], None]] = {
    state.__name__.replace("_", "-"): state
    for state in (
        home, answer, disagree, marketing, none, closest, crisis, crisis_sources, emergency, self_dosing, personal, follow_up,
        earlier, document, suggestions, verified, found, link_gone, about, failed, too_long, plain,
        one_quote, long_passage, long_titles, right_to_left, other_countries, labels, busy, too_busy, how_well, plain_crisis,
        plain_error, printed, printed_crisis,
    )
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Take pictures of every state of the page.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/screenshots"), help="default: docs/screenshots")
    parser.add_argument("--index", type=Path, default=Path("index"), help="the index to serve (default: index)")
    parser.add_argument("--only", nargs="*", default=list(STATES), choices=list(STATES), help="these states alone")
    parser.add_argument("--sizes", nargs="*", default=list(SIZES), choices=list(SIZES))
    parser.add_argument("--schemes", nargs="*", default=["light", "dark"], choices=["light", "dark"])
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with served(given.index, record=read_record(Path("evaluation/baseline.json"))) as server, browser() as chromium:
        SERVED[:] = [server]
        for size in given.sizes:
            for scheme in given.schemes:
                visitor = chromium.new_context(viewport=SIZES[size], color_scheme=scheme, reduced_motion="reduce")
                for name in given.only:
                    page = visitor.new_page()
                    page.goto(server.url)
                    home(page)
                    STATES[name](page)
                    page.screenshot(path=given.folder / f"{name}-{size}-{scheme}.png")
                    page.close()
                    print(f"{name}-{size}-{scheme}.png", flush=True)
                visitor.close()


if __name__ == "__main__":
    main()
