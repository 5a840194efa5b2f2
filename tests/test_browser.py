"""The page in a real browser: what a person sees, with eyes, with a keyboard, on a small phone."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from browser_server import CHROMIUM, Served, browser, served, small_index
from kqa.report import to_html
from test_report import changed, made

if CHROMIUM is None and os.environ.get("CI") != "true":
    pytest.skip("NO CHROMIUM FOUND: the page was not tested in a browser; install chromium", allow_module_level=True)

pytestmark = pytest.mark.browser
expect.set_options(timeout=30_000)  # milliseconds; a busy machine is slow, not wrong
QUESTION = "Is ketamine addictive?"
EARLIER = 12  # the last eight earlier questions that are not referred are read, each with the four before it


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_index(tmp_path_factory.mktemp("browser"))


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Served]:
    with served(folder) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    assert CHROMIUM, "there is no Chromium here, and CI may not do without"
    with browser() as started:
        yield started


@pytest.fixture
def page(chromium: Browser, server: Served) -> Iterator[Page]:
    """A fresh visitor on the home view; every request that leaves the machine, error and dialog fails the test."""
    context = chromium.new_context(viewport={"width": 1000, "height": 800}, locale="de-DE", reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    wrong: list[str] = []
    page.on("request", lambda request: None if request.url.startswith((server.url, "data:")) else wrong.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.goto(server.url)
    expect(page.locator("#kqa-home .chip").first).to_be_visible()
    yield page
    stored = page.evaluate("async () => [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length]")
    cookies = [cookie["name"] for cookie in context.cookies()]
    context.close()
    assert wrong == []
    assert stored == [0, 0, 0]
    assert cookies == []


def put(page: Page, question: str) -> None:
    page.get_by_label("Your question").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator("#kqa-turn .turn")).to_have_attribute("data-question", question)


def check_axe(page: Page) -> None:
    """Fail on any accessibility rule that axe finds broken, once Gradio's own loading note is gone."""
    expect(page.locator("p.loading")).to_have_count(0)
    found = Axe().run(page).response["violations"]
    assert [(v["id"], [node["html"][:120] for node in v["nodes"]]) for v in found] == []


def check_width(page: Page) -> None:
    """Fail when a phone of 320 px would have to scroll sideways."""
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.set_viewport_size({"width": 1000, "height": 800})


def check(page: Page) -> None:
    check_axe(page)
    check_width(page)


def test_home_names_what_is_searched(page: Page) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Ketamine therapy: what the sources say")
    expect(page.get_by_text("What this searches: 2 documents, 5 passages")).to_be_visible()
    expect(page.locator(".note")).to_contain_text("Not medical advice.")
    assert page.evaluate("document.documentElement.lang") == "en"
    titles = page.locator(".documents .link").all_inner_texts()
    assert titles == ["Can ketamine be addictive?", "Major Benefits (restated)"]
    check(page)


def test_an_example_is_asked_with_one_click(page: Page) -> None:
    page.get_by_role("button", name=QUESTION).click()
    expect(page.locator(".card")).to_have_count(5)
    expect(page.get_by_label("Your question")).to_have_value(QUESTION)
    expect(page.locator("#kqa-status")).to_have_text("5 passages, sources disagree.")
    expect(page.locator("#kqa-home")).to_be_hidden()
    assert page.evaluate("document.activeElement.className") == "turn"


def test_cards_quote_cite_and_disagree(page: Page) -> None:
    put(page, QUESTION)
    panel = page.locator(".disagree")
    expect(panel).to_contain_text("Better supported: the first. The regulator reports dependence")
    card = page.locator(".card", has_text="The label warns of abuse")
    expect(card.locator("blockquote")).not_to_contain_text("[^")
    expect(card.locator("mark")).to_have_count(1)
    expect(page.locator(".card", has_text="Nothing suggests")).to_contain_text("not the clinic's words")
    panel.locator("a[data-jump]").first.click()
    assert page.evaluate("document.activeElement.textContent").find("Ketamine can be addictive when it is used often.") > 0
    card.locator("sup a").first.click()
    assert page.evaluate("document.activeElement.textContent").startswith("US Food and Drug Administration (2023)")
    check(page)


def test_a_citation_is_copied_as_text_and_as_json(page: Page) -> None:
    put(page, "What are the side effects?")
    card = page.locator(".card").first
    card.get_by_role("button", name="Copy citation").click()
    expect(card.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith("“The side effects of ketamine include")
    card.get_by_role("button", name="Copy as JSON").click()
    expect(card.get_by_role("button", name="Copied")).to_have_count(2)
    assert '"citation": {"document": "reference/dependence.md"' in page.evaluate("navigator.clipboard.readText()")


def test_a_link_carries_the_question_in_its_fragment(page: Page, server: Served) -> None:
    put(page, QUESTION)
    page.get_by_role("button", name="Copy link", exact=True).click()
    expect(page.locator("#kqa-status")).to_have_text("Copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == f"{server.url}/#q=Is%20ketamine%20addictive%3F"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator(".card")).to_have_count(5)
    assert [url for url in asked if "addictive" in url and "#" not in url] == []
    page.goto(f"{server.url}/?q=What%20are%20the%20side%20effects%3F")
    expect(page.locator("#kqa-turn .turn")).to_have_attribute("data-question", "What are the side effects?")
    assert page.url == f"{server.url}/#q=What%20are%20the%20side%20effects%3F"


def test_the_link_of_a_follow_up_names_what_it_was_read_with(page: Page) -> None:
    put(page, QUESTION)
    put(page, "and what are its side effects?")
    page.reload()
    expect(page.locator(".follow-up")).to_contain_text(f"Read as a follow-up to: {QUESTION}")


def test_a_document_opens_at_the_passage_and_gives_the_focus_back(page: Page) -> None:
    put(page, QUESTION)
    opener = page.locator(".card", has_text="The label warns of abuse").get_by_role("button", name="Open in document")
    opener.click()
    sheet = page.get_by_role("dialog", name="Can ketamine be addictive?")
    expect(sheet.locator("mark")).to_be_in_viewport()
    expect(sheet.locator("mark")).to_contain_text("Ketamine can be addictive when it is used often.")
    expect(sheet).not_to_contain_text("publisher:")
    check(page)
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(opener).to_be_focused()
    opener.click()
    expect(sheet).to_be_visible()
    page.go_back()
    expect(sheet).to_be_hidden()
    expect(page.locator("#kqa-turn .turn")).to_have_attribute("data-question", QUESTION)


def test_everything_works_with_a_keyboard_alone(page: Page) -> None:
    page.get_by_label("Your question").focus()
    page.keyboard.type("What are the side effects?")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".card").first).to_contain_text("dizziness")
    seen = []
    for _ in range(12):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.textContent"))
        if seen[-1] == "Open in document":
            break
    assert seen[:2] == ["Copy link", "New conversation"]
    page.keyboard.press("Enter")
    expect(page.locator("#kqa-sheet")).to_be_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.textContent") == "Open in document"


def test_a_crisis_shows_help_leaves_no_trace_and_no_passages(page: Page, server: Served) -> None:
    put(page, QUESTION)
    put(page, "I want to die")
    panel = page.locator(".panel.urgent")
    expect(panel).to_be_in_viewport()
    panel.get_by_text("Other countries").click()
    for call in panel.locator("a.call").all():
        box = call.bounding_box()
        assert box
        assert box["height"] >= 40
        assert box["width"] >= 40
    expect(panel.locator('a[href="tel:988"]').first).to_be_visible()
    assert page.url == f"{server.url}/"
    expect(page.locator("#kqa-turn .card")).to_have_count(0)
    check(page)
    page.get_by_text("Show what the sources say").click()
    expect(page.locator(".despite > div")).not_to_be_empty()
    page.get_by_text("Show what the sources say").click()
    expect(page.locator(".despite > div")).to_be_empty()
    put(page, "What are the side effects of ketamine?")
    expect(page.locator(".earlier")).to_have_count(1)
    assert "want to die" not in page.locator("body").inner_html()


def test_an_emergency_puts_the_numbers_before_the_words(page: Page) -> None:
    put(page, "My husband took too much ketamine and is not breathing")
    panel = page.locator(".panel.urgent")
    assert panel.locator(".at-once a").first.bounding_box()["y"] < panel.locator("p").first.bounding_box()["y"]  # type: ignore[index]
    check(page)


def countries_of(page: Page, where: str) -> list[str]:
    return page.locator(f".panel {where} [data-country]").evaluate_all("found => found.map((e) => e.dataset.country)")


def visitor(chromium: Browser, server: Served, locale: str, question: str = "I want to die") -> Page:
    """Ask a question as a browser of some region would."""
    page = chromium.new_page(locale=locale)
    page.goto(server.url)
    expect(page.locator("#kqa-home .chip").first).to_be_visible()
    put(page, question)
    return page


@pytest.mark.parametrize(
    ("locale", "first"),
    [
        ("en-US", "US"), ("es-US", "US"), ("en-GB", "UK"), ("en-AU", "Australia"), ("fr-CA", "Canada"), ("de-DE", "EU"),
        ("fr-FR", "EU"), ("en-IE", "EU"), ("sv-SE", "EU"), ("el-GR", "EU"), ("sr-Latn-HR", "EU"), ("en-IN", "elsewhere"),
        ("de-CH", "elsewhere"), ("es-419", "elsewhere"),
    ],
)  # fmt: skip
def test_the_browsers_region_picks_whose_numbers_come_first(chromium: Browser, server: Served, locale: str, first: str) -> None:
    page = visitor(chromium, server, locale)
    order = ["US", "UK", "EU", "Canada", "Australia", "elsewhere"]
    others = [name for name in order if name != first]
    assert countries_of(page, ".lead") == [first]
    assert countries_of(page, ".countries") == others
    assert countries_of(page, ".at-once") == [name for name in (first, *others) if name != "elsewhere"]
    expect(page.get_by_label("Numbers for")).to_have_value(first)
    expect(page.locator(".first-country")).to_contain_text("come first, guessed from your browser.")
    expect(page.locator(".panel .lead a.call").first).to_be_visible()
    expect(page.locator(".panel .countries a.call").first).to_be_hidden()
    expect(page.locator(".panel .at-once a")).to_have_count(5)
    page.close()


@pytest.mark.parametrize(
    ("languages", "first"),
    [
        (["en"], "UK"), (["de", "en-US"], "UK"), (["en", "en-AU"], "Australia"), (["de", "en-US", "de-AT"], "EU"), ([], "UK"),
        (["en-US@posix", "de-DE"], "UK"),
    ],
)  # fmt: skip
def test_without_a_region_the_operator_says_whose_come_first(
    chromium: Browser, folder: Path, languages: list[str], first: str
) -> None:
    with served(folder, country="UK") as server:
        page = chromium.new_page()
        page.add_init_script(f"Object.defineProperty(navigator, 'languages', {{ value: {languages} }})")
        page.goto(server.url)
        expect(page.locator("#kqa-home .chip").first).to_be_visible()
        put(page, "I want to die")
        assert countries_of(page, ".lead") == [first]
        assert countries_of(page, ".at-once")[0] == first
        expect(page.get_by_label("Numbers for")).to_have_value(first)
        page.close()


def test_the_reader_chooses_the_country_without_a_request(page: Page) -> None:
    put(page, "My husband took too much ketamine and is not breathing")
    select = page.get_by_label("Numbers for")
    assert countries_of(page, ".lead") == ["EU"]
    expect(page.locator(".panel .lead")).to_contain_text("No other line stands here; the emergency number is above.")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    select.focus()
    page.keyboard.press("ArrowDown")
    expect(select).to_have_value("Canada")
    expect(select).to_be_focused()
    expect(page.locator("#kqa-status")).to_have_text("Numbers for Canada come first.")
    expect(page.locator(".first-country span")).to_have_text("come first.")
    assert countries_of(page, ".lead") == ["Canada"]
    assert countries_of(page, ".countries") == ["US", "UK", "EU", "Australia", "elsewhere"]
    assert countries_of(page, ".at-once") == ["Canada", "US", "UK", "EU", "Australia"]
    expect(page.locator(".panel .lead a.call").first).to_have_attribute("href", "tel:988")
    select.select_option("elsewhere")
    expect(page.locator(".panel .lead a.call")).to_have_attribute("href", "https://findahelpline.com")
    assert countries_of(page, ".at-once") == ["US", "UK", "EU", "Canada", "Australia"]
    select.select_option("Australia")
    assert sent == []
    check(page)
    put(page, "How much ketamine should I snort?")  # a later panel keeps the choice
    assert countries_of(page, ".lead") == ["Australia"]
    put(page, QUESTION)
    put(page, "I want to die")
    assert countries_of(page, ".lead") == ["Australia"]
    page.get_by_role("button", name="New conversation").click()
    put(page, "I want to die")
    assert countries_of(page, ".lead") == ["EU"], "a new conversation has forgotten the choice"


def test_a_question_that_was_not_answered_has_the_chosen_numbers(page: Page) -> None:
    put(page, "I want to die")
    page.get_by_label("Numbers for").select_option("UK")
    page.route("**/component_server/**", lambda route: route.abort())
    page.get_by_label("Your question").fill(QUESTION)
    page.keyboard.press("Enter")
    panel = page.locator(".panel.failed")
    expect(panel.locator(".at-once a").first).to_have_attribute("href", "tel:999")
    expect(panel.get_by_role("heading", name="UK")).to_be_visible()
    expect(panel.locator(".lead a.call")).to_have_text(["111", "116 123", "85258"])
    check(page)


def test_nothing_is_hidden_from_paper(page: Page) -> None:
    put(page, "I want to die")
    page.emulate_media(media="print")
    for call in page.locator(".panel a.call").all():
        expect(call).to_be_visible()


REFERRED = ["My husband took too much ketamine and is not breathing", "I want to die", "How much ketamine should I snort?"]


@pytest.mark.parametrize("question", REFERRED)
def test_nothing_of_a_referred_question_is_kept(page: Page, server: Served, question: str) -> None:
    box = page.get_by_label("Your question")
    assert box.get_attribute("autocomplete") == "off"
    put(page, QUESTION)
    expect(box).to_have_value(QUESTION)
    put(page, question)
    expect(page.locator(".panel .at-once")).to_be_visible()
    expect(box).to_have_value("")
    page.keyboard.press("Control+z")
    expect(box).to_have_value("")
    page.keyboard.press("Control+Shift+z")
    expect(box).to_have_value("")
    expect(box).to_be_focused()
    assert page.url == f"{server.url}/"
    assert question not in page.evaluate("JSON.stringify(history.state) + document.title + location.href")
    put(page, "What are the side effects?")
    expect(page.locator(".earlier summary")).to_contain_text([QUESTION])
    for step in (page.go_back, page.go_back, page.go_forward, page.go_forward):
        step()
        assert question not in page.content()
        assert question not in box.input_value()
    page.go_back()
    expect(page.locator("#kqa-home")).to_be_visible()
    expect(page.locator("#kqa-turn .turn")).to_have_count(0)
    expect(page.locator(".earlier")).to_have_count(2)


@pytest.mark.parametrize("question", REFERRED)
@pytest.mark.parametrize("again", ["reload", "away and back", "link"])
def test_no_referred_question_comes_back(page: Page, server: Served, question: str, again: str) -> None:
    if again == "link":
        page.goto("about:blank")
        page.goto(f"{server.url}/#q={question.replace(' ', '%20')}")
        expect(page.locator(".panel .at-once")).to_be_visible()
    else:
        put(page, question)
    expect(page.get_by_label("Your question")).to_have_value("")
    assert page.url == f"{server.url}/"
    if again == "away and back":
        page.goto(f"{server.url}/how-well")
        page.go_back()
    else:
        page.reload()
    expect(page.locator("#kqa-home .chip").first).to_be_visible()
    expect(page.get_by_label("Your question")).to_have_value("")
    assert question not in page.content()


@pytest.mark.parametrize("server_says", ["an answer", "nothing", "an error"])
def test_a_page_that_the_browser_keeps_holds_no_referred_question(chromium: Browser, server: Served, server_says: str) -> None:
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    keeping = chromium.browser_type.launch(
        executable_path=CHROMIUM, args=root, ignore_default_args=["--disable-back-forward-cache"]
    )
    page = keeping.new_page()
    page.add_init_script("window.addEventListener('pageshow', (event) => { window.wasKept = event.persisted; })")
    page.goto(server.url)
    expect(page.locator("#kqa-home .chip").first).to_be_visible()
    put(page, QUESTION)
    if server_says == "nothing":
        page.route("**/component_server/**", lambda route: None)
    elif server_says == "an error":
        page.route("**/component_server/**", lambda route: route.abort())
    page.get_by_label("Your question").fill("I want to die")
    page.keyboard.press("Enter")
    seen = {"an answer": "#kqa-turn .urgent", "nothing": ".kqa-busy", "an error": ".panel.failed"}[server_says]
    expect(page.locator(seen)).to_be_visible()
    page.goto(f"{server.url}/how-well")
    page.evaluate("history.back()")
    page.wait_for_function("location.pathname === '/' && window.wasKept !== undefined")
    assert page.evaluate("window.wasKept"), "the browser read the page anew, so this tried nothing"
    assert "want to die" not in page.content()
    assert page.get_by_label("Your question").input_value() == ""
    page.unroute_all(behavior="ignoreErrors")
    put(page, QUESTION)
    keeping.close()


def test_a_follow_up_to_a_referred_question_is_still_referred(page: Page) -> None:
    put(page, "How much ketamine should I snort?")
    put(page, "just tell me roughly")
    expect(page.locator(".panel.calm .at-once")).to_be_visible()
    assert "snort" not in page.content()


def test_self_dosing_offers_no_sources(page: Page) -> None:
    put(page, "How much ketamine should I snort?")
    expect(page.locator(".panel.calm")).to_be_visible()
    expect(page.locator(".despite, .card")).to_have_count(0)
    check(page)


def test_personal_advice_stands_above_the_cards(page: Page) -> None:
    put(page, "Should I stop my sertraline before ketamine?")
    expect(page.locator(".panel.calm")).to_contain_text("prescriber")
    check(page)


def test_a_follow_up_says_so_and_can_be_asked_alone(page: Page) -> None:
    put(page, QUESTION)
    put(page, "and what are its side effects?")
    expect(page.locator(".follow-up")).to_contain_text(f"Read as a follow-up to: {QUESTION}")
    expect(page.locator(".earlier summary")).to_contain_text([QUESTION])
    page.locator(".earlier summary").first.click()
    expect(page.locator(".earlier .card").first).to_be_visible()
    check(page)
    page.get_by_role("button", name="Ask it alone").click()
    expect(page.locator("#kqa-turn .follow-up")).to_have_count(0)
    expect(page.locator(".earlier")).to_have_count(2)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id).filter(Boolean)")
    assert len(ids) == len(set(ids))


def test_back_and_forward_walk_through_the_conversation(page: Page) -> None:
    turn = page.locator("#kqa-turn .turn")
    put(page, QUESTION)
    put(page, "What are the side effects?")
    page.go_back()
    expect(turn).to_have_attribute("data-question", QUESTION)
    expect(page.get_by_label("Your question")).to_have_value(QUESTION)
    page.go_back()
    expect(page.locator("#kqa-home")).to_be_visible()
    page.go_forward()
    page.go_forward()
    expect(turn).to_have_attribute("data-question", "What are the side effects?")
    page.reload()
    expect(turn).to_have_attribute("data-question", "What are the side effects?")


def test_a_new_conversation_forgets_everything(page: Page) -> None:
    put(page, QUESTION)
    put(page, "What are the side effects?")
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator("#kqa-home")).to_be_visible()
    expect(page.locator(".turn, .earlier")).to_have_count(0)
    expect(page.get_by_label("Your question")).to_have_value("")
    put(page, "and what are its side effects?")
    expect(page.locator(".follow-up")).to_have_count(0)


def test_an_abstention_says_so(page: Page) -> None:
    put(page, "quantum zebra")
    expect(page.get_by_role("heading", level=2).first).to_contain_text("No source here answers")
    expect(page.locator(".panel.none")).to_contain_text("Nothing here covers quantum, zebra.")
    expect(page.locator(".closest .card").first).to_be_hidden()
    page.locator(".closest > summary").click()
    expect(page.locator(".closest .card").first).to_be_visible()
    check(page)


_SIDE = """() => {
  const side = document.createElement("div");
  side.className = "side";
  side.append(document.querySelector("#kqa-turn .actions [data-document]").cloneNode(true));
  document.querySelector("#kqa-turn .turn").append(side);
}"""
_ANNOUNCED = "mark => getComputedStyle(mark, '::before').content"


@pytest.mark.parametrize(
    ("question", "opener", "announced"),
    [
        (QUESTION, "#kqa-turn .actions [data-document]", True),
        ("quantum zebra", ".closest .actions [data-document]", False),
        ("How long does a session last?", ".side [data-document]", False),
    ],
)
def test_a_sheet_announces_only_a_passage_that_answers(page: Page, question: str, opener: str, announced: bool) -> None:
    put(page, question)
    if opener.startswith(".side"):  # as beside an answer that holds the other side alone
        page.evaluate(_SIDE)
    page.locator(".closest").evaluate_all("found => found.forEach(details => { details.open = true; })")
    page.locator(opener).first.click()
    mark = page.locator("#kqa-sheet mark").first
    assert ("Marked:" in mark.evaluate(_ANNOUNCED)) is announced


def test_a_sheet_opened_at_a_contradicted_sentence_shows_what_contradicts_it(page: Page) -> None:
    put(page, QUESTION)
    page.locator("#kqa-turn .actions [data-document]").first.click()
    panel = page.locator("#kqa-sheet .hit + .panel.disagree")
    expect(panel).to_contain_text("Nothing suggests that ketamine is addictive")
    expect(panel).to_contain_text("Better supported: the first.")
    check(page)
    page.get_by_label("Find in this document").fill("nothing suggests")
    expect(page.locator("#sheet-count")).to_have_text("1 of 1")  # in the document alone


def test_help_is_shown_even_where_its_emergency_numbers_are_missing(page: Page) -> None:
    page.route("**/component_server/**", _without_urgent)
    put(page, "I want to die")
    expect(page.locator("#kqa-turn .panel.urgent .lead")).to_be_visible()


def _without_urgent(route: Route) -> None:
    reply = route.fetch()
    html = re.sub(r'<ul class="at-once">.*?</ul>', "", reply.json()["html"])
    route.fulfill(response=reply, json={"html": html})


@pytest.mark.parametrize("status", [403, 405, 413])
def test_what_the_guard_refuses_is_said_in_its_words(page: Page, status: int) -> None:
    said = {"error": "the request is larger than 65,536 bytes; send less"}
    page.route("**/component_server/**", lambda route: route.fulfill(status=status, json=said))
    page.get_by_label("Your question").fill(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator(".panel.failed")).to_contain_text("The request is larger than 65,536 bytes; send less.")


def test_a_long_conversation_fits_a_request(page: Page) -> None:
    """Twenty questions of 2,000 letters of three bytes each are more than the guard lets in."""
    sent: list[int] = []
    page.on("request", lambda request: sent.append(len(request.post_data_buffer or b"")))
    long = "ketamine " + "薬" * 1900
    page.evaluate("long => (async () => { for (let n = 0; n < 20; n += 1) await window.kqa.ask(`${n} ${long}`); })()", long)
    put(page, QUESTION)
    expect(page.locator("#kqa-turn .turn")).to_have_attribute("data-question", QUESTION)
    assert 50_000 < max(sent) < 64 * 1024
    sent.clear()
    page.get_by_role("button", name="New conversation").click()
    for number in range(14):
        page.evaluate("number => window.kqa.ask(`Is ketamine addictive ${number}?`)", number)
    with page.expect_request("**/component_server/**") as asked:
        put(page, QUESTION)
    assert len(asked.value.post_data_json["data"]["history"]) == EARLIER


def test_two_visitors_never_see_each_other(page: Page, chromium: Browser, server: Served) -> None:
    put(page, QUESTION)
    other = chromium.new_page()
    other.goto(server.url)
    put(other, "and what are its side effects?")
    expect(other.locator(".follow-up, .earlier")).to_have_count(0)
    other.close()


def test_while_it_searches_the_old_answer_is_dimmed(page: Page) -> None:
    put(page, QUESTION)
    page.route("**/component_server/**", lambda route: None)
    page.get_by_label("Your question").fill("What are the side effects?")
    page.keyboard.press("Enter")
    expect(page.locator("#kqa-turn")).to_have_attribute("aria-busy", "true")
    expect(page.locator("#kqa-status")).to_have_text("Searching…")
    expect(page.locator("#kqa-status")).to_be_visible()
    page.unroute_all(behavior="ignoreErrors")


def busy_times(page: Page, times: int, seconds: int = 1) -> list[str]:
    """Refuse so many calls as the server does; returns the calls, which grow."""
    calls: list[str] = []

    def settle(route: Route) -> None:
        calls.append(route.request.post_data or "")
        if len(calls) > times:
            route.continue_()
            return
        words = f"too many questions are being answered at this moment; ask again in {seconds} seconds"
        route.fulfill(status=503, json={"detail": {"error": words}}, headers={"retry-after": str(seconds)})

    page.route("**/component_server/**", settle)
    return calls


def test_where_the_server_is_busy_the_page_says_so_and_asks_again_by_itself(page: Page) -> None:
    calls = busy_times(page, 2)
    page.get_by_label("Your question").fill(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator("#kqa-status")).to_contain_text("Many people are asking at this moment.")
    expect(page.locator("#kqa-status")).to_be_visible()
    check(page)
    expect(page.locator("#kqa-turn .turn")).to_have_attribute("data-question", QUESTION, timeout=15_000)
    assert len(calls) == 3
    page.unroute_all(behavior="ignoreErrors")


def test_a_newer_question_ends_the_waiting_of_the_one_before(page: Page) -> None:
    calls = busy_times(page, 1, 2)
    page.get_by_label("Your question").fill(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator("#kqa-status")).to_contain_text("Many people are asking")
    put(page, "What are the side effects?")
    page.wait_for_timeout(3500)
    expect(page.locator("#kqa-turn .turn")).to_have_attribute("data-question", "What are the side effects?")
    assert len(calls) == 2
    page.unroute_all(behavior="ignoreErrors")


def test_a_long_wait_is_the_readers_to_decide(page: Page) -> None:
    calls = busy_times(page, 9, 60)
    page.get_by_label("Your question").fill(QUESTION)
    page.keyboard.press("Enter")
    expect(page.locator(".panel.failed")).to_contain_text("ask again in 60 seconds")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    assert len(calls) == 1
    page.unroute_all(behavior="ignoreErrors")


def test_a_failure_is_said_and_the_old_answer_is_not_current(page: Page) -> None:
    put(page, QUESTION)
    page.route("**/component_server/**", lambda route: route.fulfill(status=500, body="{}"))
    page.get_by_label("Your question").fill("What are the side effects?")
    page.keyboard.press("Enter")
    problem = page.locator(".panel.failed")
    expect(problem).to_contain_text("This question was not answered")
    expect(page.locator("#kqa-turn .turn")).to_have_count(0)
    check(page)
    page.unroute_all(behavior="ignoreErrors")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#kqa-turn .turn")).to_have_attribute("data-question", "What are the side effects?")
    expect(problem).to_have_count(0)


@pytest.mark.parametrize(
    ("question", "said"), [("why " * 600, "at most 2,000"), ("", "The question is empty"), ("?!", "no word")]
)
def test_a_question_that_cannot_be_asked_is_told_why(page: Page, question: str, said: str) -> None:
    page.evaluate("(question) => { window.kqa.ask(question) }", question)
    expect(page.locator(".panel.failed")).to_contain_text(said)
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)


def test_a_hostile_question_is_only_text(page: Page) -> None:
    put(page, "<img src=x onerror=alert(1)> ${alert(2)} {{alert(3)}} ketamine")
    expect(page.locator("img")).to_have_count(0)
    check_width(page)


def test_a_dead_server_is_said_in_words(chromium: Browser, folder: Path) -> None:
    with served(folder) as server:
        page = chromium.new_page()
        page.goto(server.url)
        put(page, QUESTION)
        server.stop()
        page.get_by_label("Your question").fill("What are the side effects?")
        page.keyboard.press("Enter")
        expect(page.locator(".panel.failed")).to_contain_text("The server does not answer.")
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_holds_in_both_schemes(chromium: Browser, server: Served, scheme: str) -> None:
    page = chromium.new_page(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(server.url)
    check_axe_of_answers(page)
    page.close()


def check_axe_of_answers(page: Page) -> None:
    expect(page.locator("#kqa-home .chip").first).to_be_visible()
    check_axe(page)
    for question in (QUESTION, "I want to die", "quantum zebra"):
        put(page, question)
        check_axe(page)


def test_the_page_without_scripts_answers(chromium: Browser, server: Served) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.goto(f"{server.url}/plain")
    page.get_by_label("Your question").fill(QUESTION)
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".card")).to_have_count(5)
    assert re.fullmatch(rf"{server.url}/plain", page.url)
    context.close()


def test_the_page_without_scripts_orders_numbers(chromium: Browser, server: Served) -> None:
    context = chromium.new_context(java_script_enabled=False, viewport={"width": 320, "height": 640}, bypass_csp=True)
    page = context.new_page()
    page.goto(f"{server.url}/plain")
    page.get_by_label("Your question").fill("I want to die")
    page.get_by_role("button", name="Ask").click()
    assert countries_of(page, ".lead") == ["US"]
    page.get_by_label("Numbers for").select_option("UK")
    page.get_by_role("button", name="Show first").click()
    assert countries_of(page, ".lead") == ["UK"]
    for call in page.locator(".panel a.call").all():
        expect(call).to_be_visible()
    expect(page.get_by_label("Your question")).to_have_value("")
    page.get_by_role("button", name="Show what the sources say").click()
    assert countries_of(page, ".lead") == ["UK"]
    page.get_by_label("Your question").fill("How much ketamine should I snort?")
    page.get_by_role("button", name="Ask").click()
    assert countries_of(page, ".lead") == ["UK"], "the choice stays for the next question"
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_report_and_how_well_fit_and_are_accessible(
    chromium: Browser, server: Served, tmp_path: Path, scheme: str, width: int
) -> None:
    (tmp_path / "report.html").write_text(to_html(made(), "2026-01-02", changed()), encoding="utf-8")
    size = {"width": width, "height": 844}
    # axe comes as a script, which the page's own policy refuses
    page = chromium.new_page(color_scheme=scheme, viewport=size, bypass_csp=True)  # type: ignore[arg-type]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for address in ((tmp_path / "report.html").as_uri(), f"{server.url}/how-well"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert asked.pop() == address
        assert asked == []
        check_axe(page)
        asked.clear()
    page.close()


@pytest.fixture(scope="module")
def judged(folder: Path) -> Path:
    return folder.parent / "judged.jsonl"


@pytest.fixture(scope="module")
def judging(folder: Path, judged: Path) -> Iterator[Served]:
    """A server whose readers may judge passages."""
    with served(folder, judged) as running:
        yield running


@pytest.fixture
def reader(chromium: Browser, judging: Served, judged: Path) -> Iterator[Page]:
    """A fresh visitor who may judge passages; nothing was judged yet."""
    judged.unlink(missing_ok=True)
    context = chromium.new_context(viewport={"width": 1000, "height": 800}, reduced_motion="reduce")
    page = context.new_page()
    wrong: list[str] = []
    page.on("request", lambda request: None if request.url.startswith((judging.url, "data:")) else wrong.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(judging.url)
    expect(page.locator("#kqa-home .chip").first).to_be_visible()
    yield page
    context.close()
    assert wrong == []


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def test_a_passage_is_judged_with_a_keyboard_and_what_was_kept_is_announced(reader: Page, judged: Path) -> None:
    put(reader, QUESTION)
    card = reader.locator(".card").nth(1)
    summary = card.locator(".judge > summary")
    expect(card.get_by_role("button", name="Answers it")).to_be_hidden()
    card.get_by_role("button", name="Verify").focus()
    reader.keyboard.press("Tab")
    expect(summary).to_be_focused()
    before = summary.bounding_box()
    reader.keyboard.press("Enter")
    expect(card.get_by_text("Sends your question and this judgment to whoever runs this page")).to_be_visible()
    assert summary.bounding_box() == before, "it opens where it was pressed"
    check(reader)
    for name in ("Answers it", "Answers in part"):
        reader.keyboard.press("Tab")
        expect(card.get_by_role("button", name=name)).to_be_focused()
    reader.keyboard.press("Enter")
    expect(card.locator(".kept > p")).to_have_text("Thank you. Kept: “Answers in part”.")
    expect(reader.get_by_role("status").and_(reader.locator("#kqa-status"))).to_have_text("Thank you. Kept: “Answers in part”.")
    expect(summary).to_be_focused()
    expect(summary).to_have_text("Change")
    expect(summary).to_have_accessible_name("Change judgment of this passage, 2")
    expect(card.get_by_role("button", name="Answers it")).to_be_hidden()
    check(reader)
    [kept] = lines(judged)
    document, span = (card.locator(".actions > [data-document]").get_attribute(f"data-{name}") for name in ("document", "span"))
    assert (kept["question"], kept["verdict"], kept["document"]) == (QUESTION, "part", document)
    assert span
    assert [kept["start"], kept["end"]] == [int(place) for place in span.split(",")[:2]]


def test_another_press_on_the_same_card_is_kept_too(reader: Page, judged: Path) -> None:
    put(reader, QUESTION)
    card = reader.locator(".card").first
    for name in ("Wrong", "Harmful"):
        card.locator(".judge > summary").click()
        card.get_by_role("button", name=name).click()
        expect(card.locator(".kept > p")).to_have_text(f"Thank you. Kept: “{name}”.")
        expect(reader.locator("#kqa-status")).to_have_text(f"Thank you. Kept: “{name}”.")
    expect(card.locator(".kept")).to_have_count(1)
    expect(reader.locator(".kept")).to_have_count(1)
    assert [line["verdict"] for line in lines(judged)] == ["wrong", "harmful"]


def test_an_earlier_turn_is_judged_with_its_own_question(reader: Page, judged: Path) -> None:
    put(reader, QUESTION)
    put(reader, "and what are its side effects?")
    reader.locator(".earlier summary").first.click()
    for turn in (reader.locator(".earlier .turn"), reader.locator("#kqa-turn .turn")):
        turn.locator(".judge > summary").first.click()
        turn.get_by_role("button", name="Answers it").click()
        expect(turn.locator(".kept")).to_be_visible()
    told = reader.locator("#kqa-turn .judge p").first
    assert "Sends your question, the one it was read with and this judgment" in (told.text_content() or "")
    assert [(line["question"], line["history"]) for line in lines(judged)] == [
        (QUESTION, []),
        ("and what are its side effects?", [QUESTION]),
    ]


def test_a_judgment_that_is_not_kept_is_said_and_can_be_sent_again(reader: Page, judged: Path) -> None:
    put(reader, QUESTION)
    judged.mkdir()
    card = reader.locator(".card").first
    card.locator(".judge > summary").click()
    card.get_by_role("button", name="Answers it").click()
    said = "This was not kept: the file for it cannot be written; please tell whoever runs this page."
    expect(card.locator(".told")).to_have_text(said)
    expect(reader.locator("#kqa-status")).to_have_text(said)
    expect(card.get_by_role("button", name="Answers it")).to_be_focused()
    check(reader)
    judged.rmdir()
    reader.route("**/component_server/**", lambda route: route.abort())
    card.get_by_role("button", name="Answers it").click()
    expect(card.locator(".told")).to_have_text("The server does not answer. Check the connection, then try again.")
    reader.unroute_all(behavior="ignoreErrors")
    card.get_by_role("button", name="Answers it").click()
    expect(card.locator(".kept")).to_be_visible()
    expect(card.locator(".told")).to_have_count(0)
    assert len(lines(judged)) == 1


def test_only_answers_can_be_judged(reader: Page, judged: Path) -> None:
    for question in ("quantum zebra", "I want to die", "How much ketamine should I snort?"):
        put(reader, question)
        expect(reader.locator(".judge")).to_have_count(0)
    assert lines(judged) == []


def test_where_nothing_may_be_judged_there_is_no_control(page: Page) -> None:
    put(page, QUESTION)
    expect(page.locator(".card")).to_have_count(5)
    expect(page.locator(".judge, [data-verdict]")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_control_has_contrast_in_both_schemes(chromium: Browser, judging: Served, judged: Path, scheme: str) -> None:
    judged.unlink(missing_ok=True)
    page = chromium.new_page(color_scheme=scheme, viewport={"width": 390, "height": 844})  # type: ignore[arg-type]
    page.goto(judging.url)
    expect(page.locator("#kqa-home .chip").first).to_be_visible()
    put(page, QUESTION)
    first, second, third = (page.locator(".card").nth(number) for number in range(3))
    first.locator(".judge > summary").click()
    first.get_by_role("button", name="Answers it").click()
    expect(first.locator(".kept")).to_be_visible()
    second.locator(".judge > summary").click()
    judged.unlink()
    judged.mkdir()
    third.locator(".judge > summary").click()
    third.get_by_role("button", name="Wrong").click()
    expect(third.locator(".told")).to_be_visible()
    judged.rmdir()
    check_axe(page)
    page.close()
