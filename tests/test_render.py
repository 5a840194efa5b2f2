"""What is shown: nothing in a document or a question can act, every word of a quote stands, the JSON is the contract's."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from kqa.cite import citation_to_text, kind_label, only_marketing
from kqa.html import turn_html
from kqa.markup import esc
from kqa.render import to_html, to_json, to_text
from kqa.sheets import document_html, home_html, plain_html
from kqa.types import (
    Answer,
    Disagreement,
    Document,
    Evidence,
    HelpLine,
    Hit,
    Kind,
    Notice,
    Outcome,
    Passage,
    Quote,
    Reference,
    Source,
    Span,
)

HOSTILE = [
    "<script>x()</script>",
    "<img src=x onerror=x()>",
    '" onmouseover="x()',
    "' autofocus onfocus='x()",
    "</blockquote></li></script><iframe src=//evil.example>",
    "${window.x()} `${x}`",
    "{{constructor.constructor('x()')()}} {{#each value}}{{/each}}",
    "[click](javascript:x()) ![i](https://evil.example/i.png)",
    "<!-- --> <![CDATA[ x ]]> &lt;b&gt; &#60;b&#62;",
    "before \u202e after \u2066 isolate",
    "nul \x00 escape \x1b[31m red \x9b bell \x07",
    "lone \ud800 surrogate",
    "long " + "x" * 100_000,
]
VOID = {"meta", "input", "br", "img", "link"}
MAY = {
    "html", "head", "meta", "title", "style", "body", "main", "footer", "form", "label", "input", "article", "section",
    "header", "div", "p", "span", "h1", "h2", "h3", "h4", "ol", "ul", "li", "b", "q", "bdi", "cite", "blockquote", "mark",
    "sup", "a", "button", "details", "summary",
}  # fmt: skip


class Parsed(HTMLParser):
    """What a browser would make of HTML: its elements, its attributes and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.balanced = True
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.balanced &= bool(self.open) and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "sup" not in self.open and "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)


def make_document(
    text: str = "A claim.[^a] Another one.[^b][^a]", title: str = "Title", path: str = "a.md", **source: str
) -> Document:
    references = tuple(Reference(name, f"Org {name}", f"Study {name}", 2020, "rct", f"doi:10.1000/{name}") for name in "ab")
    described = Source(title, **{"kind": Kind.REFERENCE, "publisher": "kqa editors", **source})  # type: ignore[arg-type]
    return Document(path, text, "f" * 64, described, references=references)


def make_quote(document: Document, section: str = "Section") -> Quote:
    passage = Passage(0, document.path, 0, len(document.text), section, (Span(0, len(document.text)),))
    answer = Span(0, max(1, len(document.text) // 2))
    hit = Hit(passage, 0.5, {"dense": Evidence(1, 0.6), "lexical": Evidence(2, 3.0)}, answer)
    return document.cut(passage.span, section, answer, hit)


def make_answer(*quotes: Quote, outcome: Outcome = Outcome.ANSWERED, **more: object) -> Answer:
    standing = Notice("not-medical-advice", "Not medical advice.")
    fields = {"question": "Why?", "confidence": 0.9, "notices": (standing,), "disagreements": (), "unsupported": (), **more}
    return Answer(outcome=outcome, quotes=quotes, manifest="m", **fields)  # type: ignore[arg-type]


CRISIS = Notice(
    "crisis",
    "You deserve to talk to a person.",
    (
        HelpLine("US", "Emergency services", "911", "call", True),
        HelpLine("US", "Crisis Text Line", "741741", "text", False),
        HelpLine("UK", "Samaritans", "116 123", "call", False),
        HelpLine("elsewhere", "Find A Helpline", "findahelpline.com", "chat", False),
    ),
)


def every_view(text: str) -> list[str]:
    document = make_document(text, text, "a.txt", publisher=text, date=text, url=text, restates=text)
    quote = make_quote(document, text)
    disagreement = Disagreement(text, (quote, quote), 1, text)
    notice = Notice("personal_advice", text, (HelpLine(text, text, text, text, True),))
    answer = make_answer(quote, question=text, notices=(notice,), disagreements=(disagreement,), follows=text)
    nothing = make_answer(outcome=Outcome.ABSTAINED, question=text, unsupported=(text,), closest=(quote,))
    return [
        turn_html(answer, 1),
        turn_html(nothing, 1, examples=[text]),
        to_html(answer),
        document_html(document, Span(0, 3), Span(1, 2)),
        home_html({text: document}, 1, [text]),
        plain_html("", text, answer),
        plain_html("", text, problem=text),
    ]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_acts(text: str) -> None:
    for html in every_view(text):
        parsed = Parsed(html)
        assert set(parsed.elements) <= MAY
        assert parsed.balanced
        assert not parsed.open
        assert not [name for name, _ in parsed.attributes if name.startswith("on") or name in ("src", "style", "autofocus")]
        assert not [
            value for name, value in parsed.attributes if name == "href" and not re.match(r"#|https?://|tel:|sms:", value)
        ]
        assert not re.search(r"[`{}$]|\x00|\x1b|[\ud800-\udfff]", html)


@pytest.mark.parametrize("text", HOSTILE[:9] + HOSTILE[12:])
def test_every_word_stands(text: str) -> None:
    assert text in Parsed(turn_html(make_answer(make_quote(make_document(text, path="a.txt"))), 1)).text


def test_an_escaped_text_reads_as_it_was() -> None:
    assert Parsed(f"<p>{esc(HOSTILE[6])}</p>").text == HOSTILE[6]


def test_footnote_marks_become_numbers_in_the_order_of_the_text() -> None:
    html = turn_html(make_answer(make_quote(make_document("One.[^b] Two.[^a] Three.[^b][^unknown]"))), 3)
    assert "[^" not in Parsed(html).text
    assert re.findall(r'<sup><a href="#(t3-c1-r\d)"[^>]*>(\d)', html) == [
        ("t3-c1-r1", "1"),
        ("t3-c1-r2", "2"),
        ("t3-c1-r1", "1"),
    ]
    assert html.index("Study b") < html.index("Study a")
    assert 'id="t3-c1-r1"' in html


def test_a_footnote_mark_in_plain_text_is_no_footnote() -> None:
    assert "[^a-z]" in Parsed(turn_html(make_answer(make_quote(make_document("Use [^a-z] here.", path="a.txt"))), 1)).text


def test_the_answering_sentence_is_marked() -> None:
    document = make_document("First one. Second one. Third one.")
    quote = document.cut(Span(0, 33), "", Span(11, 22))
    assert "First one. <mark>Second one.</mark> Third one." in turn_html(make_answer(quote), 1)


def test_a_document_marks_passage_and_sentence_over_paragraphs() -> None:
    document = replace(make_document("---\n## Head\n\nOne. Two.\n\nThree.\n\nFour."), body=4)
    html = document_html(document, Span(13, 31), Span(18, 22))
    assert '<h3 class="words">Head</h3>' in html
    assert '<p class="words hit"><span class="in">One. </span><mark>Two.</mark></p>' in html
    assert '<p class="words hit"><span class="in">Three.</span></p><p class="words">Four.</p>' in html


@pytest.mark.parametrize(
    ("path", "text", "kept"),
    [("a.md", "One\ntwo", False), ("a.md", "- One\n- two", True), ("a.md", "One\n\ntwo", True), ("a.txt", "One\ntwo", True)],
)
def test_lines_are_kept_where_they_mean_something(path: str, text: str, kept: bool) -> None:
    assert ("lines-kept" in turn_html(make_answer(make_quote(make_document(text, path=path))), 1)) == kept


def test_a_restatement_says_so_everywhere() -> None:
    quote = make_quote(make_document("Claim.", kind=Kind.CLINIC_MARKETING, restates="Our Best Article"))
    note = "kqa's restatement of the clinic article “Our Best Article” (not the clinic's words)."
    answer = make_answer(quote)
    assert note in Parsed(turn_html(answer, 1)).text
    assert note in " ".join(to_text(answer).split())
    assert note in citation_to_text(quote)
    assert only_marketing(answer)
    assert "Only clinic marketing supports this" in turn_html(answer, 1)
    assert "Only clinic marketing supports this" in to_text(answer)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_a_badge(kind: Kind) -> None:
    html = turn_html(make_answer(make_quote(make_document(kind=kind))), 1)
    assert f'<span class="badge {kind}">{kind_label(Source("", kind, "kqa editors"))}</span>' in html


def test_help_comes_first_with_numbers_to_call() -> None:
    answer = make_answer(outcome=Outcome.CRISIS, notices=(CRISIS,))
    html = turn_html(answer, 1)
    assert html.index("talk to a person") < html.index("tel:911") < html.index("sms:741741") < html.index("tel:116123")
    assert 'href="https://findahelpline.com"' in html
    assert "data-kept" not in html
    assert 'class="card"' not in html
    assert to_text(answer).startswith("You deserve to talk to a person.")
    assert "  911                Emergency services, US (call)\n" in to_text(answer)


def test_help_stays_first_when_the_sources_are_shown_despite() -> None:
    answer = make_answer(make_quote(make_document()), notices=(CRISIS,))
    assert to_html(answer).index("tel:911") < to_html(answer).index('class="card"')


@pytest.mark.parametrize("outcome", [Outcome.CRISIS, Outcome.EMERGENCY, Outcome.SELF_DOSING])
def test_only_crisis_and_emergency_offer_the_sources(outcome: Outcome) -> None:
    html = turn_html(make_answer(outcome=outcome), 1)
    assert ("data-despite" in html) == (outcome is not Outcome.SELF_DOSING)


def test_a_disagreement_jumps_to_its_cards_and_names_the_better_side() -> None:
    better, other = (
        make_quote(make_document("Yes.[^a]")),
        make_quote(make_document("No.", path="b.md", kind=Kind.CLINIC_MARKETING)),
    )
    answer = make_answer(other, disagreements=(Disagreement("harm", (better, other), 1, "A trial says so."),))
    html = turn_html(answer, 2)
    assert 'data-jump="t2-c1"' in html
    assert 'id="t2-c1"' in html
    assert "Better supported: the first." in html
    assert "Org a (2020)" in html
    assert html.index("Sources disagree") < html.index('class="card"')
    assert not only_marketing(answer)


def test_further_disagreements_stand_in_their_cards() -> None:
    first, second = make_quote(make_document("One.")), make_quote(make_document("Two.", path="b.md"))
    absent = make_quote(make_document("Three.", path="c.md"))
    topics = [Disagreement(topic, sides, 0, "") for topic, sides in (("x", (first, absent)), ("y", (absent, second)))]
    html = turn_html(make_answer(first, second, disagreements=tuple(topics)), 1)
    assert html.index("on x</span>") < html.index('id="t1-c1"') < html.index('id="t1-c2"') < html.index("on y</span>")


def test_an_abstention_names_what_is_missing_and_hides_the_closest() -> None:
    html = turn_html(make_answer(outcome=Outcome.ABSTAINED, unsupported=("denver",), closest=(make_quote(make_document()),)), 1)
    parsed = Parsed(html)
    assert "Nothing here covers denver." in parsed.text
    assert html.index("which do not answer it") < html.index('class="card"')


def test_json_is_the_contract() -> None:
    document = make_document("Ein Satz über Ketamin.[^a]")
    answer = make_answer(make_quote(document), follows="Before?")
    data = json.loads(to_json(answer))
    assert to_json(answer) == to_json(answer)
    assert "über" in to_json(answer)
    assert list(data)[:8] == [
        "question",
        "outcome",
        "confidence",
        "notices",
        "quotes",
        "disagreements",
        "unsupported",
        "manifest",
    ]
    quote = data["quotes"][0]
    assert list(quote) == ["rank", "text", "answer", "score", "evidence", "citation"]
    citation = quote["citation"]
    assert document.text[citation["start"] : citation["end"]] == quote["text"]
    assert document.text[quote["answer"]["start"] : quote["answer"]["end"]] == quote["answer"]["text"]
    assert quote["evidence"] == {"dense": {"rank": 1, "score": 0.6}, "lexical": {"rank": 2, "score": 3.0}}
    assert citation["kind"] == "reference"
    assert [reference["id"] for reference in citation["references"]] == ["a"]
    assert (data["outcome"], data["follows"]) == ("answered", "Before?")


def test_json_of_any_question_can_be_sent() -> None:
    assert json.loads(to_json(make_answer(question="\ud800")).encode())["question"] == "?"


@pytest.mark.parametrize("text", HOSTILE)
def test_text_cannot_steer_a_terminal(text: str) -> None:
    shown = to_text(make_answer(make_quote(make_document(text, text)), question=text, follows=text))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)


def test_text_is_word_for_word_and_wrapped() -> None:
    words = "Ketamine-assisted therapy may help *some* people, a review says. " * 9
    shown = to_text(make_answer(make_quote(make_document(words.strip()))))
    assert words.strip() in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80
