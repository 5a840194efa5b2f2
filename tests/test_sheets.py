"""Pages and sheets: home says what is searched, a sheet holds the whole document, the plain page needs no script."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

import kqa
from kqa.catalogue import catalogue_of
from kqa.cite import dated
from kqa.sheets import NOTE, document_html, home_html, plain_html
from kqa.types import Document, Kind, Outcome, Source, Span
from shown import CRISIS, HOSTILE, SHOWABLE, Parsed, check_inert, make_answer, make_document, make_quote


def named(path: str, kind: Kind = Kind.REVIEW, title: str = "", **source: str) -> Document:
    return Document(path, "Words.", "f" * 64, Source(title or path, kind, **source))  # type: ignore[arg-type]


def home(*documents: Document, passages: int = 2) -> Parsed:
    return Parsed(home_html(replace(catalogue_of(documents, ()), passages=passages), ["Why?"]))


@pytest.mark.parametrize("path", ["a.txt", "a.md", "<img src=x onerror=x()>{{x}}.md"])
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_acts(text: str, path: str) -> None:
    document = make_document(f"# {text}\n{text}\n\n{text}", text, path, publisher=text, date=text, url=text, restates=text)
    answer = make_answer(make_quote(document, text), question=text, follows=text)
    for html in (
        document_html(document, Span(0, 3), Span(1, 2)),
        document_html(document, live=False),
        home_html(catalogue_of([document], ()), [text]),
        plain_html("", text, answer),
        plain_html("", text, problem=text),
    ):
        check_inert(html)


@pytest.mark.parametrize(
    ("documents", "passages", "said"),
    [
        ([], 0, "0 documents, 0 passages"),
        ([named("a")], 1, "1 document, 1 passage"),
        ([named("a"), named("b")], 12345, "2 documents, 12,345 passages"),
    ],
)
def test_home_counts(documents: list[Document], passages: int, said: str) -> None:
    assert home(*documents, passages=passages).inside("h2") == f"What this searches: {said}"


def test_home_groups_by_kind_the_best_first_and_sorts_titles() -> None:
    kinds = [Kind.CLINIC_MARKETING, Kind.TRIAL, Kind.REFERENCE, Kind.TRIAL]
    titles = ["Ad", "zinc", "Ours", "Ants"]
    parsed = home(*[named(f"{n}.md", kind, title) for n, (kind, title) in enumerate(zip(kinds, titles, strict=True))])
    assert parsed.values("data-document") == ["2.md", "3.md", "1.md", "0.md"]
    assert parsed.inside("h3") == "ReferenceTrialClinic marketing"
    assert "Reference 1Trial 2Clinic marketing 1" in parsed.text
    assert parsed.values("data-ask") == ["Why?"]


def test_home_lists_every_kind() -> None:
    parsed = home(*[named(f"{kind}.md", kind) for kind in reversed(Kind)])
    assert parsed.values("data-document") == [f"{kind}.md" for kind in Kind]


def test_a_badge_at_home_is_true_of_its_whole_group() -> None:
    parsed = home(
        named("a", Kind.CLINIC_MARKETING, restates="Article"),
        named("b", Kind.CLINIC_MARKETING),
        named("c", Kind.REFERENCE, publisher="kqa editors"),
        named("d", Kind.REFERENCE, publisher="A library"),
    )
    assert parsed.inside("h3") == "ReferenceReference by kqa, sources namedClinic marketingClinic marketing, restated"
    assert parsed.values("data-document") == ["d", "c", "b", "a"]


def words_of(html: str) -> str:
    """Return what a sheet shows of its document, without spaces."""
    paragraphs = re.findall(r'<(p|h3) class="words[^"]*">(.*?)</\1>', html, re.DOTALL)
    return "".join("".join(Parsed(inner).text for _, inner in paragraphs).split())


TEXTS = {
    "md": "---\ntitle: x\n---\n# Head\n\nOne. Two.[^a]\nstill two.\n\n\n## Next\nUnder it.[^b]\n### Third[^a]"
    "\n\n- a\n- b\n \t\nEnd.\n",
    "crlf": "---\n---\nOne.\r\n\r\nTwo & <three>.\r\n \r\nFour.",
    "none": "---\ntitle: x\n---\n\n",
    "spaces": "---\n---\n   indented\n\n\n\n\tmore \u00a0 space",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("path", ["a.md", "a.txt"])
def test_a_sheet_holds_the_whole_text_in_order(text: str, path: str) -> None:
    body = text.index("---\n", 4) + 4
    document = replace(
        make_document(text, path=path), body=body, references=make_document().references if path == "a.md" else ()
    )
    html = document_html(document)
    whole = re.sub(r"(?m)^#+ |\[\^\w+\]", "", text[body:]) if path == "a.md" else text[body:]
    assert words_of(html) == "".join(whole.split())
    assert "title: x" not in html


def test_every_document_of_a_corpus_stands_whole(index: kqa.Index) -> None:
    for document in index.documents.values():
        whole = document.text[document.body :]
        if document.path.endswith(".md"):
            whole = re.sub(r"(?m)^#+ |\[\^[^\]]+\]", "", whole)
        assert words_of(document_html(document)) == "".join(whole.split())


def test_every_passage_is_set_off_with_its_sentence_marked(index: kqa.Index) -> None:
    for passage in index.passages:
        document = index.documents[passage.document]
        for sentence in passage.sentences:
            parsed = Parsed(document_html(document, passage.span, sentence))
            said = document.text[sentence.start : sentence.end]
            said = re.sub(r"\[\^[^\]]+\]", "", said) if document.path.endswith(".md") else said
            assert "".join(parsed.inside("mark").split()) == "".join(said.split())


@pytest.mark.parametrize("text", SHOWABLE, ids=range(len(SHOWABLE)))
@pytest.mark.parametrize("path", ["a.md", "a.txt"])
def test_a_hostile_document_reads_as_it_was(text: str, path: str) -> None:
    document = make_document(f"Before.\n\n{text}\n\nAfter.", text, path, publisher=text)
    span = Span(9, 9 + len(text))
    html = document_html(document, span, Span(10, span.end))
    assert words_of(html) == "".join(document.text.split())
    assert Parsed(html).inside("mark") == text[1:]
    assert Parsed(html).inside("h2") == text
    assert text in Parsed(html).inside("bdi")


def test_a_document_marks_passage_and_sentence_over_paragraphs() -> None:
    document = replace(make_document("---\n## Head\n\nOne. Two.\n\nThree.\n\nFour."), body=4)
    html = document_html(document, Span(13, 31), Span(18, 22))
    assert '<h3 class="words">Head</h3>' in html
    assert '<p class="words hit"><span class="in">One. </span><mark>Two.</mark></p>' in html
    assert '<p class="words hit"><span class="in">Three.</span></p><p class="words">Four.</p>' in html


def test_a_sentence_over_two_paragraphs_is_marked_in_both() -> None:
    html = document_html(make_document("One\n\ntwo. Three."), Span(0, 9), Span(0, 9))
    assert re.findall(r"<mark>(.*?)</mark>", html) == ["One", "two."]


@pytest.mark.parametrize("after", ["\n\n", "\n"])
def test_a_heading_is_one_with_or_without_a_blank_line(after: str) -> None:
    html = document_html(make_document(f"Intro.\n## Head[^a]{after}Text.[^b]"))
    assert '<p class="words">Intro.</p><h3 class="words">Head<sup>' in html
    assert '</h3><p class="words">Text.<sup>' in html
    assert "[^" not in html


def test_a_hash_in_plain_text_is_no_heading() -> None:
    assert '<p class="words lines-kept"># One\n# Two</p>' in document_html(make_document("# One\n# Two", path="a.txt"))


@pytest.mark.parametrize("places", [(None, None), (Span(0, 1), None), (Span(9, 3), Span(5, 2)), (Span(0, 0), Span(40, 40))])
def test_any_place_leaves_the_words_as_they_are(places: tuple[Span | None, Span | None]) -> None:
    document = make_document("One. Two.\n\nThree. Four.\n\nFive.")
    assert words_of(document_html(document, *places)) == "One.Two.Three.Four.Five."
    assert check_inert(document_html(document, *places))


def test_a_sheet_names_its_sources_and_what_it_restates() -> None:
    document = make_document(
        publisher="A clinic", date=str(date.today().year - 1), jurisdiction="UK", url="https://example.org/a", restates="Ad"
    )
    parsed = Parsed(document_html(document))
    assert f"A clinic · {dated(document.source, date.today())} · for UK · https://example.org/a" in parsed.text.replace(
        "\u00a0", " "
    )
    assert "kqa's restatement of the clinic article “Ad” (not the clinic's words)." in parsed.text
    assert "Org a (2020). Study a." in parsed.text
    assert {href[1:] for href in parsed.values("href") if href.startswith("#")} <= set(parsed.values("id"))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://example.org/?a=1&b", ["https://example.org/?a=1&b"]),
        ("javascript:x()", []),
        ("//evil.example", []),
        ("a.org", []),
    ],
)
def test_only_a_web_address_is_a_link(url: str, address: list[str]) -> None:
    document = replace(make_document("Words.", url=url), references=())
    parsed = Parsed(document_html(document))
    assert parsed.values("href") == address
    assert url in parsed.text


@pytest.mark.parametrize("live", [True, False])
def test_only_the_live_sheet_can_be_closed(live: bool) -> None:
    assert ("data-close" in document_html(make_document(), live=live)) is live


def test_the_plain_page_works_without_scripts() -> None:
    parsed = check_inert(plain_html("", "Why?", make_answer(make_quote(make_document()))))
    assert not {"script", "dialog"} & set(parsed.elements)
    assert not [name for name, _ in parsed.attributes if name in ("data-copy", "data-ask", "data-document", "data-link")]
    assert set(zip(parsed.values("method"), parsed.values("action"), strict=True)) == {("post", "plain")}
    assert {"q", "viewport"} <= set(parsed.values("name"))
    assert parsed.values("lang") == ["en"]
    assert parsed.values("for") == ["q"]
    assert "open" in [name for name, _ in parsed.attributes], "references are open where nothing can open them"
    assert parsed.text.endswith(re.sub("<.*?>", "", NOTE))


def test_the_plain_page_keeps_its_style_and_its_question() -> None:
    html = plain_html("p { color: red }", 'Is "it" <safe>?', problem="It is <broken>.", country="UK")
    assert Parsed(html).values("href")[0] == "tel:999", "help stands beside a question that nobody screened"
    parsed = Parsed(html)
    assert "<style>p { color: red }</style>" in html
    assert parsed.values("value") == ["UK", 'Is "it" <safe>?']
    assert "It is <broken>." in parsed.text
    assert 'role="alert"' in html


def test_the_empty_plain_page_shows_only_its_form() -> None:
    parsed = check_inert(plain_html(""))
    assert (parsed.elements.count("form"), "article" in parsed.elements, "alert" in parsed.values("role")) == (1, False, False)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_plain_page_offers_the_sources_after_crisis_and_emergency(outcome: Outcome) -> None:
    stopped = outcome in (Outcome.CRISIS, Outcome.EMERGENCY)
    parsed = Parsed(plain_html("", "Why?", make_answer(outcome=outcome, notices=(CRISIS,) if stopped else ())))
    assert ("despite" in parsed.values("name")) is stopped
    assert parsed.values("name").count("q") == (3 if stopped else 1)


NAMES = ["US", "UK", "EU", "Canada", "Australia", "elsewhere"]


@pytest.mark.parametrize("country", [None, "UK"])
@pytest.mark.parametrize("outcome", [Outcome.CRISIS, Outcome.SELF_DOSING, Outcome.ANSWERED])
def test_the_plain_page_of_a_referred_question_offers_countries_and_empties_its_box(
    country: str | None, outcome: Outcome
) -> None:
    quotes = (make_quote(make_document()),) if outcome is Outcome.ANSWERED else ()
    html = plain_html("", "Why me?", make_answer(*quotes, outcome=outcome, notices=(CRISIS,)), country=country)
    check_inert(html)
    assert '<input id="q" name="q" required autocomplete="off" value="">' in html
    assert re.findall(r'<option value="(.*?)">', html.replace(" selected", "")) == NAMES
    assert f'<option value="{country or "US"}" selected>' in html
    choose = html[html.index('class="choose-plain"') :].split("</form>")[0]
    assert '<input type="hidden" name="q" value="Why me?">' in choose
    assert ('name="despite"' in choose) is (outcome is Outcome.ANSWERED), "what was shown despite the referral stays shown"
    kept = html.count('<input type="hidden" name="country" value="UK">')
    assert kept == ((2 if outcome is Outcome.CRISIS else 1) if country else 0)


def test_headings_go_down_one_step_at_a_time() -> None:
    html = plain_html("", "Why?", make_answer(make_quote(make_document())))
    levels = [int(level) for level in re.findall(r"<h([1-6])", html)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_style_cannot_be_ended_by_itself() -> None:
    assert "</" not in (Path(kqa.__file__).parent / "page.css").read_text(encoding="utf-8")


def test_home_and_the_plain_page_lead_to_how_well_this_works_and_who_is_behind_it() -> None:
    for html in (home_html(catalogue_of([], ()), []), plain_html("")):
        assert Parsed(html).values("href") == ["how-well", "about"]


def test_a_sheet_says_when_the_words_of_a_link_are_gone_and_lets_words_be_found() -> None:
    document = make_document()
    html = document_html(document, gone=True)
    assert '<p id="sheet-gone" class="gone">The words of this link no longer stand here.</p>' in html
    assert '<label for="sheet-find">Find in this document</label>' in html
    assert "sheet-gone" not in document_html(document)
    assert "sheet-find" not in document_html(document, live=False), "without its script it would do nothing"


def test_home_says_how_many_documents_it_does_not_name() -> None:
    parsed = home(*[named(f"{n:03}.md", title=f"T{n:03}") for n in range(203)])
    assert len(parsed.values("data-document")) == 200
    assert "And 3 more." in parsed.text
    assert "more." not in home(named("a.md")).text
