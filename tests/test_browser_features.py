"""What the page offers beside an answer, in a real browser: suggestions, links to passages, verifying, finding, about."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import kqa
from browser_server import Served, served, small_index
from page_speed import asked, first_visit
from test_browser import QUESTION, check, check_axe, check_width, chromium, folder, page, put, server

__all__ = ["chromium", "folder", "page", "server"]  # fixtures
pytestmark = pytest.mark.browser
DOCUMENT = "reference/dependence.md"


def box(page: Page) -> Locator:
    return page.get_by_label("Your question")


def options(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Suggested questions").get_by_role("option")


def typed(page: Page, text: str) -> None:
    box(page).click()
    page.keyboard.type(text)


def test_words_begun_bring_the_documents_own_questions(page: Page) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    typed(page, "ketam add")
    expect(options(page)).to_have_text([QUESTION])
    expect(page.get_by_role("listbox", name="Suggested questions")).to_be_visible()
    expect(box(page)).to_have_attribute("aria-controls", "kqa-suggestions")
    expect(box(page)).to_have_attribute("aria-autocomplete", "list")
    expect(page.locator("#kqa-status")).to_have_text("1 suggestion, down arrow to choose")
    check(page)
    page.keyboard.type("xyz")
    expect(options(page)).to_have_count(0)
    expect(page.locator("#kqa-status")).to_have_text("")
    assert sent == [], "what is typed stays here"


def test_accents_and_case_do_not_matter(page: Page) -> None:
    typed(page, "KÉTAMINE Àdd")
    expect(options(page)).to_have_text([QUESTION])


def test_arrows_choose_and_enter_asks(page: Page) -> None:
    typed(page, "does")
    expect(options(page)).to_have_text(["How long does a session last?"])
    page.keyboard.press("ArrowDown")
    chosen = options(page).first
    expect(chosen).to_have_attribute("aria-selected", "true")
    expect(box(page)).to_have_attribute("aria-activedescendant", chosen.get_attribute("id") or "")
    expect(box(page)).to_have_value("does")
    check_axe(page)
    page.keyboard.press("ArrowDown")
    expect(box(page)).not_to_have_attribute("aria-activedescendant", re.compile("."))
    page.keyboard.press("ArrowUp")
    expect(chosen).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.locator("#kqa-turn .turn")).to_have_attribute("data-question", "How long does a session last?")
    expect(page.locator("#kqa-earlier .turn")).to_have_count(0)
    expect(box(page)).to_have_value("How long does a session last?")
    expect(box(page)).to_be_focused()
    expect(options(page)).to_have_count(0)


def test_enter_without_a_choice_asks_what_was_typed(page: Page) -> None:
    typed(page, "ketamine")
    expect(options(page).first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#kqa-turn .turn")).to_have_attribute("data-question", "ketamine")
    expect(options(page)).to_have_count(0)


def test_escape_closes_tab_leaves_and_a_click_asks(page: Page) -> None:
    typed(page, "how")
    expect(options(page)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(options(page)).to_have_count(0)
    expect(box(page)).to_have_value("how")
    page.keyboard.press("ArrowDown")
    expect(options(page)).to_have_count(1)
    page.keyboard.press("Tab")
    expect(options(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_focused()
    typed(page, " long")
    options(page).first.click()
    expect(page.locator("#kqa-turn .turn")).to_have_attribute("data-question", "How long does a session last?")


def test_ask_with_the_button_and_from_elsewhere_closes_the_list(page: Page) -> None:
    typed(page, "ketamine")
    expect(options(page).first).to_be_visible()
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#kqa-turn .turn")).to_have_attribute("data-question", "ketamine")
    expect(options(page)).to_have_count(0)
    box(page).fill("how")
    expect(options(page)).to_have_count(1)
    page.evaluate("() => { window.kqa.ask('What are the side effects?') }")
    expect(page.locator("#kqa-turn .turn")).to_have_attribute("data-question", "What are the side effects?")
    expect(options(page)).to_have_count(0)


def test_no_suggestion_covers_help(page: Page) -> None:
    put(page, "I want to die")
    typed(page, "ketamine")
    page.wait_for_timeout(100)
    expect(options(page)).to_have_count(0)
    page.reload()
    expect(page.locator("#kqa-home .chip").first).to_be_visible()
    page.route("**/component_server/**", lambda route: route.abort())
    box(page).fill(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator(".panel.failed")).to_be_visible()
    box(page).fill("ketamine")
    page.wait_for_timeout(100)
    expect(options(page)).to_have_count(0)


def test_typing_while_it_searches_is_not_answered_over(page: Page) -> None:
    page.route("**/component_server/**", lambda route: (page.wait_for_timeout(300), route.continue_()))
    box(page).fill("I want to die")
    page.keyboard.press("Enter")
    expect(page.locator("#kqa-turn")).to_have_attribute("aria-busy", "true")
    box(page).fill("ketamine")
    expect(page.locator(".panel.urgent")).to_be_visible()
    expect(options(page)).to_have_count(0)
    page.unroute_all(behavior="ignoreErrors")


@pytest.mark.parametrize("text", ["", "i", "?", "ketamine " * 14, "quantum", "ketamine\u0000<img>", QUESTION])
def test_what_brings_no_suggestion(page: Page, text: str) -> None:
    box(page).fill(text)
    page.wait_for_timeout(50)
    expect(options(page)).to_have_count(0)


@pytest.mark.parametrize("width", [320, 390])
def test_suggestions_fit_a_phone_and_are_tapped(chromium: Browser, server: Served, width: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 640}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(server.url)
    expect(page.locator("#kqa-home .chip").first).to_be_visible()
    box(page).fill("ketam")
    option = options(page).first
    expect(option).to_be_visible()
    room = option.bounding_box()
    assert room
    assert room["height"] >= 44
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    option.tap()
    expect(page.locator("#kqa-turn .turn")).to_have_attribute("data-question", QUESTION)
    context.close()


def card_of(page: Page) -> Locator:
    """Return the card of the reference."""
    return page.locator("#kqa-turn .card", has_text="Ketamine can be addictive when")


def copied_link(page: Page) -> str:
    card_of(page).get_by_role("button", name="Copy link to passage").click()
    expect(page.locator("#kqa-status")).to_have_text("Copied")
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_a_link_to_a_passage_asks_and_opens_it(page: Page, server: Served) -> None:
    put(page, QUESTION)
    link = copied_link(page)
    place = re.fullmatch(
        re.escape(f"{server.url}/#q=Is%20ketamine%20addictive%3F&doc=reference%2Fdependence.md") + r"&start=(\d+)&end=(\d+)",
        link,
    )
    assert place
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.goto("about:blank")
    page.goto(link)
    sheet = page.get_by_role("dialog", name="Can ketamine be addictive?")
    expect(sheet.locator("mark")).to_be_in_viewport()
    expect(sheet.locator("mark")).to_contain_text("Ketamine can be addictive when it is used often.")
    assert page.url == link
    check(page)
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(page.locator("#kqa-turn .turn")).to_have_attribute("data-question", QUESTION)
    expect(card_of(page).get_by_role("button", name="Open in document")).to_be_focused()
    assert page.url == f"{server.url}/#q=Is%20ketamine%20addictive%3F"
    page.go_forward()
    page.wait_for_timeout(200)
    expect(sheet).to_be_hidden()
    assert [url for url in sent if "addictive" in url.split("#")[0]] == []


def test_the_link_of_a_follow_up_names_what_it_was_read_with(page: Page) -> None:
    put(page, QUESTION)
    put(page, "and what are its side effects?")
    link = copied_link(page)
    assert "&after=Is%20ketamine%20addictive%3F&doc=" in link
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#kqa-sheet")).to_be_visible()
    expect(page.locator(".follow-up")).to_contain_text(f"Read as a follow-up to: {QUESTION}")


def test_a_link_without_a_question_opens_the_document_alone(page: Page, server: Served) -> None:
    put(page, QUESTION)
    link = copied_link(page).replace("q=Is%20ketamine%20addictive%3F&", "")
    page.goto("about:blank")
    page.goto(link)
    sheet = page.get_by_role("dialog", name="Can ketamine be addictive?")
    expect(sheet.locator(".hit")).to_be_in_viewport()
    expect(sheet.locator(".in").first).to_contain_text("Ketamine can be addictive")
    expect(sheet.locator(".gone")).to_have_count(0)
    assert page.url == link
    page.reload()
    expect(sheet).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(page.locator("#kqa-home")).to_be_visible()
    expect(page.locator("#kqa-turn .turn")).to_have_count(0)
    assert page.url == f"{server.url}/"
    page.goto(f"{server.url}/#doc=clinics%2Fbenefits.md")
    expect(page.get_by_role("dialog", name="Major Benefits (restated)")).to_be_visible()
    expect(page.locator(".gone")).to_have_count(0)


def test_words_that_stand_there_no_longer_are_said_to(page: Page, server: Served) -> None:
    page.goto("about:blank")
    page.goto(f"{server.url}/#q=Is%20ketamine%20addictive%3F&doc=reference%2Fdependence.md&start=3&end=99999")
    sheet = page.get_by_role(
        "dialog", name="Can ketamine be addictive?", description="The words of this link no longer stand here."
    )
    expect(sheet.locator(".gone")).to_have_text("The words of this link no longer stand here.")
    expect(sheet.locator(".gone")).to_be_in_viewport()
    expect(sheet.locator("mark, .hit")).to_have_count(0)
    check(page)


GONE, NOT_HERE = "The words of this link no longer stand here.", "the document of this link is not here"
HOSTILE_LINKS = [
    ("doc=reference/dependence.md&start=-1&end=5", GONE),
    ("doc=reference/dependence.md&start=1e3&end=2e3", GONE),
    ("doc=reference/dependence.md&start=0x1&end=0xff", GONE),
    ("doc=reference/dependence.md&start=9&end=3", GONE),
    ("doc=reference/dependence.md&start=9", GONE),
    ("doc=reference/dependence.md&start=&end=", GONE),
    ("doc=reference/dependence.md&start=1&end=9999999999999999999999", GONE),
    ("doc=reference/dependence.md&start=<img src=x onerror=alert(1)>&end=${alert(1)}", GONE),
    ("doc=../../etc/passwd&start=1&end=2", NOT_HERE),
    ("doc=__proto__", NOT_HERE),
    ("doc=<img src=x onerror=alert(1)>&start=1&end=2", NOT_HERE),
    ("doc=javascript:alert(1)", NOT_HERE),
    ("doc=%E0%A4%A", NOT_HERE),
    ("doc=" + "x" * 5000, None),
    ("doc=&start=1&end=2", None),
    ("start=1&end=2", None),
    ("q=&doc=", None),
]


@pytest.mark.parametrize(("fragment", "said"), HOSTILE_LINKS, ids=range(len(HOSTILE_LINKS)))
def test_a_hostile_link_is_inert(page: Page, server: Served, fragment: str, said: str | None) -> None:
    page.goto("about:blank")
    page.goto(f"{server.url}/#{fragment}")
    expect(page.locator("#kqa-home")).to_be_attached()
    if said:
        expect(page.locator("#kqa-sheet")).to_be_visible()
        expect(page.locator("#kqa-sheet")).to_contain_text(said)
        page.get_by_role("button", name="Close").click()
    else:
        page.wait_for_timeout(150)
    expect(page.locator("#kqa-sheet")).to_be_hidden()
    expect(page.locator("#kqa-home")).to_be_visible()
    expect(page.locator("img")).to_have_count(0)
    put(page, QUESTION)


@pytest.mark.parametrize("question", ["I want to die", "How much ketamine should I snort?"])
def test_a_referred_question_has_no_link_and_opens_no_document(page: Page, server: Served, question: str) -> None:
    page.goto("about:blank")
    page.goto(f"{server.url}/#q={question.replace(' ', '%20')}&doc=reference%2Fdependence.md")
    expect(page.locator(".panel .at-once")).to_be_visible()
    page.wait_for_timeout(150)
    expect(page.locator("#kqa-sheet")).to_be_hidden()
    assert page.url == f"{server.url}/"
    if question == "I want to die":
        put(page, "I took too much ketamine. What are the side effects of ketamine?")
        page.get_by_text("Show what the sources say").click()
        expect(page.locator(".despite .card").first).to_be_visible()
        expect(page.get_by_role("button", name="Verify").first).to_be_visible()
    expect(page.get_by_role("button", name="Copy link")).to_have_count(0)


def test_a_quote_is_verified_in_words_and_numbers(page: Page) -> None:
    put(page, QUESTION)
    card = card_of(page)
    card.get_by_role("button", name="Verify").click()
    told = card.locator(".compared")
    expect(told).to_have_text(
        re.compile(
            r"^The same, word for word\. Compared: \d+ characters at \d+ to \d+ of reference/dependence\.md\. SHA-256 of the "
            r"document [0-9a-f]{12}…: the same\. Only the index was compared; "
            r"this server does not have the file it was built from\.$"
        )
    )
    expect(page.locator("#kqa-status")).to_have_text(told.inner_text())
    expect(card.get_by_role("button", name="Verify")).to_be_focused()
    check(page)
    card.get_by_role("button", name="Verify").click()
    expect(told).to_have_count(1)


def test_what_differs_and_what_fails_is_said(page: Page) -> None:
    put(page, QUESTION)
    card = card_of(page)
    card.locator("[data-exact]").evaluate(
        "(button) => { button.dataset.copy = button.dataset.copy.replace('can be addictive', 'can be addictivE'); }"
    )
    card.get_by_role("button", name="Verify").click()
    expect(card.locator(".compared.differs")).to_contain_text("They differ from character")
    check(page)
    page.route("**/component_server/**", lambda route: route.abort())
    card.get_by_role("button", name="Verify").click()
    expect(card.locator(".compared.differs")).to_have_text("The server does not answer. Check the connection, then try again.")
    page.unroute_all(behavior="ignoreErrors")


def test_with_a_corpus_folder_the_file_on_disk_is_compared_too(chromium: Browser, tmp_path: Path) -> None:
    index = small_index(tmp_path)
    with served(index, corpus=tmp_path / "corpus") as server:
        page = chromium.new_page()
        page.goto(server.url)
        expect(page.locator("#kqa-home .chip").first).to_be_visible()
        put(page, QUESTION)
        card = card_of(page)
        card.get_by_role("button", name="Verify").click()
        expect(card.locator(".compared")).to_contain_text(
            "The file on disk: word for word there, and the document is unchanged."
        )
        file = tmp_path / "corpus" / DOCUMENT
        file.write_text(file.read_text(encoding="utf-8").replace("Ketamine can be", "Ketamine may be"), encoding="utf-8")
        card.get_by_role("button", name="Verify").click()
        expect(card.locator(".compared.differs")).to_contain_text("In the file on disk these words do not stand there now")
        page.close()


def test_an_open_page_outlives_the_index_it_was_answered_from(chromium: Browser, tmp_path: Path) -> None:
    folder = small_index(tmp_path)
    with served(folder) as server:
        page = chromium.new_page()
        page.goto(server.url)
        expect(page.locator("#kqa-home .chip").first).to_be_visible()
        put(page, QUESTION)
        expect(card_of(page)).to_be_visible()
        file = tmp_path / "corpus" / DOCUMENT
        changed = file.read_text(encoding="utf-8").replace(
            "## Is ketamine", "Words that were not here before.\n\n## Is ketamine"
        )
        file.write_text(changed, encoding="utf-8")
        kqa.build(tmp_path / "corpus", folder, server.serving.now.index.config)
        server.serving.take(kqa.Index.load(folder))
        card_of(page).get_by_role("button", name="Open in document").click()
        sheet = page.locator("#kqa-sheet")
        expect(sheet.locator("#sheet-gone")).to_have_text(
            "This document changed since your question was answered: the passage is not marked here."
        )
        expect(sheet.locator("mark, .hit")).to_have_count(0)
        expect(sheet).to_contain_text("Words that were not here before.")
        check(page)
        sheet.get_by_role("button", name="Close").click()
        card_of(page).get_by_role("button", name="Verify").click()
        expect(card_of(page).locator(".compared.differs")).to_contain_text("not the same")
        put(page, "How long does a session last?")
        expect(page.locator(".card").first).to_contain_text("about forty minutes")
        page.close()


def opened(page: Page) -> Locator:
    put(page, QUESTION)
    page.locator(".card", has_text="The label warns of abuse").get_by_role("button", name="Open in document").click()
    sheet = page.locator("#kqa-sheet")
    expect(sheet).to_be_visible()
    return sheet


def words_of(sheet: Locator) -> list[str]:
    return sheet.locator(".sheet-body").evaluate_all("found => found.map((e) => e.textContent)")


def test_words_are_found_in_the_document(page: Page) -> None:
    sheet = opened(page)
    before = words_of(sheet)
    count = sheet.locator("#sheet-count")
    field = sheet.get_by_label("Find in this document")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    field.fill("KÉTAMINE")
    total = len(re.findall("ketamine", " ".join(before).lower()))
    expect(count).to_have_text(re.compile(r"^1 of \d+$"))
    shown = int((count.text_content() or "").split()[-1])
    assert 4 <= shown <= total
    expect(sheet.locator("mark.found.here")).to_have_count(1)
    assert words_of(sheet) == before, "the words stay as they are"
    page.keyboard.press("Enter")
    expect(count).to_have_text(f"2 of {shown}")
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    expect(count).to_have_text(f"{shown} of {shown}")
    expect(sheet.locator("mark.found.here")).to_be_in_viewport()
    sheet.get_by_role("button", name="Next").click()
    expect(count).to_have_text(f"1 of {shown}")
    sheet.get_by_role("button", name="Previous").click()
    expect(count).to_have_text(f"{shown} of {shown}")
    check(page)
    field.focus()
    page.keyboard.press("Escape")
    expect(field).to_have_value("")
    expect(sheet).to_be_visible()
    expect(sheet.locator("mark.found")).to_have_count(0)
    expect(count).to_have_text("")
    assert words_of(sheet) == before
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    assert sent == []


def test_a_place_may_run_over_lines_footnotes_and_marks(page: Page) -> None:
    sheet = opened(page)
    before = words_of(sheet)
    field = sheet.get_by_label("Find in this document")
    field.fill("used often. The label warns")  # out of the marked sentence, over its footnote
    expect(sheet.locator("#sheet-count")).to_have_text("1 of 1")
    assert sheet.locator("mark.found").count() >= 2
    assert "".join(sheet.locator("mark.found").all_text_contents()) == "used often. The label warns"
    expect(sheet.locator("sup mark")).to_have_count(0)
    field.fill("minutes. patients are")  # over a line's end
    expect(sheet.locator("#sheet-count")).to_have_text("1 of 1")
    field.fill("no such words")
    expect(sheet.locator("#sheet-count")).to_have_text("Not found")
    expect(sheet.get_by_role("button", name="Next")).to_be_disabled()
    check_axe(page)
    for hostile in (".*", "<img src=x onerror=alert(1)>", "\\", "${x}", "a"):
        field.fill(hostile)
        expect(sheet.locator("mark.found")).to_have_count(0)
    assert words_of(sheet) == before


def test_the_sheet_starts_at_its_title_and_finding_starts_anew(page: Page) -> None:
    sheet = opened(page)
    assert page.evaluate("document.activeElement.id") != "sheet-find", "no keyboard jumps up on a phone"
    sheet.get_by_label("Find in this document").fill("ketamine")
    expect(sheet.locator("mark.found").first).to_be_visible()
    page.get_by_role("button", name="Close").click()
    expect(sheet).to_be_hidden()
    page.locator(".card", has_text="Nothing suggests").get_by_role("button", name="Open in document").click()
    expect(sheet.get_by_label("Find in this document")).to_have_value("")
    expect(sheet.locator("mark.found")).to_have_count(0)


def test_about_is_linked_and_says_who_wrote_it(page: Page, server: Served) -> None:
    page.get_by_role("link", name="About and privacy").click()
    expect(page.get_by_role("heading", level=2)).to_have_text("About and privacy")
    expect(page.locator("main")).to_contain_text("1 Reference by kqa, sources named")
    expect(page.locator("main")).to_contain_text("Kept: nothing.")
    expect(page.locator('.panel.urgent a[href="tel:112"]').first).to_be_visible()
    page.goto(f"{server.url}/plain")
    page.get_by_role("link", name="About and privacy").click()
    assert page.url == f"{server.url}/about"
    page.goto(server.url)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_about_fits_and_is_accessible(chromium: Browser, server: Served, scheme: str, width: int) -> None:
    size = {"width": width, "height": 844}
    # axe comes as a script, which the page's own policy refuses
    page = chromium.new_page(color_scheme=scheme, viewport=size, bypass_csp=True)  # type: ignore[arg-type]
    page.goto(f"{server.url}/about")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    check_axe(page)
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_new_state_has_contrast(chromium: Browser, server: Served, scheme: str) -> None:
    page = chromium.new_page(color_scheme=scheme, viewport={"width": 390, "height": 844})  # type: ignore[arg-type]
    page.goto(server.url)
    expect(page.locator("#kqa-home .chip").first).to_be_visible()
    typed(page, "ketamine")
    page.keyboard.press("ArrowDown")
    expect(options(page).first).to_be_visible()
    check_axe(page)
    sheet = opened(page)
    sheet.get_by_label("Find in this document").fill("ketamine")
    expect(sheet.locator("mark.here")).to_be_visible()
    check_axe(page)
    check_width(page)
    page.get_by_role("button", name="Close").click()
    cards = page.locator("#kqa-turn .card")
    cards.first.get_by_role("button", name="Verify").click()
    cards.nth(1).locator("[data-exact]").evaluate(
        "(b) => { b.dataset.copy = b.dataset.copy.replace('\"sha256\": \"', '$&0'); }"
    )
    cards.nth(1).get_by_role("button", name="Verify").click()
    expect(page.locator(".compared")).to_have_count(2)
    expect(page.locator(".compared.changed")).to_have_count(1)
    check_axe(page)
    page.close()


def test_a_visit_and_a_question_ask_for_no_more_than_measured(chromium: Browser, server: Served) -> None:
    page, wire, (requests, size) = first_visit(chromium, server.url)
    try:
        assert requests <= 41, "see docs/page.md"
        assert size <= 271_000, "see docs/page.md"
        assert 0 < asked(page, QUESTION) < 5000
        assert wire.taken()[0] == 1, "a question is one request"
    finally:
        page.context.close()
