"""What a reader hears, and what a reader prints: the words for who does not see the page."""

from __future__ import annotations

import os
import re

import pypdfium2
import pytest
from playwright.sync_api import Browser, Page, expect

from browser_server import CHROMIUM, Served
from test_browser import QUESTION, chromium, folder, page, put, server, visitor

if CHROMIUM is None and os.environ.get("CI") != "true":
    pytest.skip("NO CHROMIUM FOUND: the page was not tested in a browser; install chromium", allow_module_level=True)

__all__ = ["chromium", "folder", "page", "server"]  # the fixtures of test_browser, here too
pytestmark = pytest.mark.browser


def test_all_of_an_answer_and_the_note_are_on_paper(page: Page) -> None:
    put(page, QUESTION)
    titles = page.locator(".card h3").all_inner_texts()
    sections = page.locator(".card blockquote").all_inner_texts()
    paper = pypdfium2.PdfDocument(page.pdf(format="A5"))
    words = re.sub(r"\s+", "", "".join(sheet.get_textpage().get_text_bounded() for sheet in paper))
    assert len(paper) > 1
    assert words.count(re.sub(r"\s+", "", titles[0])) >= titles.count(titles[0])
    assert [quote for quote in sections if re.sub(r"\s+", "", quote)[-30:] not in words] == []
    assert "Notmedicaladvice." in words


@pytest.mark.parametrize(
    ("question", "heading"),
    [
        ("I want to kill myself tonight", "You do not have to go through this alone."),
        ("My husband took too much ketamine and is not breathing", "Get help now."),
    ],
)
@pytest.mark.parametrize(
    ("locale", "numbers"),
    [
        ("en-GB", "Numbers for UK. Emergency: 999."),
        ("de-CH", "Numbers for elsewhere. In an emergency, call your local number."),
    ],
)
def test_in_danger_the_readers_own_numbers_are_heard(
    chromium: Browser, server: Served, question: str, heading: str, locale: str, numbers: str
) -> None:
    reader = visitor(chromium, server, locale, question)
    expect(reader.locator("#kqa-status")).to_contain_text(f"{heading} {numbers}")
    line = reader.locator("#kqa-turn .lead .lines li span").first.inner_text()
    expect(reader.locator("#kqa-status")).to_contain_text(line)
    reader.close()


def test_how_an_answer_ended_is_heard_with_its_question_when_it_comes_back(page: Page) -> None:
    put(page, QUESTION)
    status = page.locator("#kqa-status")
    expect(status).to_have_text("5 passages, sources disagree.")
    put(page, "and what are its side effects?")
    expect(status).to_contain_text(f"Read as a follow-up to: {QUESTION}")
    page.go_back()
    expect(status).to_contain_text(f"“{QUESTION}”: 5 passages, sources disagree.")


def test_the_focus_goes_to_the_answer_that_comes_back_and_it_has_a_name(page: Page) -> None:
    put(page, "What are the side effects?")
    page.locator("#kqa-turn .chip").first.click()
    expect(page.locator("#kqa-turn .turn")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("article", name="passages for What are the side effects?")).to_be_focused()
    put(page, "I want to die")
    expect(page.get_by_role("article", name="You do not have to go through this alone")).to_be_visible()


def test_sources_shown_below_help_are_counted_not_read_out(page: Page) -> None:
    put(page, "I want to die")
    cards = {"html": '<ol class="cards"><li class="card">One.</li><li class="card">Two.</li></ol>'}
    page.route("**/component_server/**", lambda route: route.fulfill(json=cards))
    page.get_by_text("Show what the sources say").click()
    expect(page.locator(".despite .card")).to_have_count(2)
    expect(page.locator("#kqa-status")).to_have_text("2 passages")
    expect(page.locator(".despite [aria-live]")).to_have_count(0)


def test_the_marked_sentence_has_an_end_and_what_stands_side_by_side_is_heard_apart(page: Page) -> None:
    put(page, QUESTION)
    card = page.locator(".card").first
    heard = card.aria_snapshot()
    marked = card.locator("mark").inner_text().split("1")[0]
    assert re.search(rf"Marked: ?{re.escape(marked[:20])}", heard), heard
    assert "End of mark." in heard
    assert "Passage 1" in re.sub(r"\s+", " ", heard)
    assert re.search(r"marketing, restated ?\. ", heard), heard
    card.get_by_role("button", name="Open in document, passage 1").click()
    sheet = page.locator("#kqa-sheet .hit")
    expect(sheet.first).to_be_visible()
    assert re.search(r"Marked:.*End of mark\.", sheet.first.aria_snapshot(), re.DOTALL)


def test_numbers_name_their_country_in_a_list_of_links(page: Page) -> None:
    put(page, "I want to die")
    for name in ("112, emergency, EU", "911, emergency, US", "911, emergency, Canada"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()


def test_on_its_side_a_phone_keeps_what_closes_the_document_in_sight(page: Page) -> None:
    page.set_viewport_size({"width": 844, "height": 390})
    put(page, QUESTION)
    page.locator(".card").last.get_by_role("button", name="Open in document").click()
    sheet = page.locator("#kqa-sheet")
    expect(sheet.get_by_role("button", name="Close")).to_be_in_viewport()
    sheet.evaluate("sheet => { sheet.scrollTop = sheet.scrollHeight }")
    assert sheet.evaluate("sheet => sheet.scrollTop") > 0
    for part in (sheet.get_by_role("button", name="Close"), sheet.locator(".sheet-head .badge"), sheet.locator("#sheet-title")):
        expect(part).to_be_in_viewport()
    bar = sheet.locator(".sheet-head").bounding_box()
    assert bar
    assert bar["y"] == 0
    assert bar["height"] <= 60
    find = sheet.locator(".find").bounding_box()
    assert find
    assert find["y"] < bar["height"], "it is scrolled away below the bar"
    page.set_viewport_size({"width": 844, "height": 800})
    expect(sheet.locator(".find")).to_be_in_viewport()
