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
@pytest.mark.parametrize(("locale", "numbers"), [("en-GB", "Numbers for UK. Emergency: 999."), ("de-CH", "Numbers for elsewhere.")])
def test_in_danger_the_readers_own_numbers_are_heard(
    chromium: Browser, server: Served, question: str, heading: str, locale: str, numbers: str
) -> None:
    reader = visitor(chromium, server, locale, question)
    expect(reader.locator("#kqa-status")).to_contain_text(f"{heading} {numbers}")
    line = reader.locator("#kqa-turn .lead .lines li a, #kqa-turn .at-once a").first.inner_text()
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
