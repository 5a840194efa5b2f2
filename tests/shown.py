"""What tests of the page share: hostile texts, made-up documents and answers, and what a browser makes of HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from kqa.types import (
    Answer,
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
SHOWABLE = [text for text in HOSTILE if not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", text)]
"""Those that can be shown as they are; the others hold what no page can show."""
VOID = {"meta", "input", "br", "img", "link"}
MAY = {
    "html", "head", "meta", "title", "style", "body", "main", "footer", "form", "label", "input", "article", "section",
    "header", "div", "p", "span", "h1", "h2", "h3", "h4", "ol", "ul", "li", "b", "q", "bdi", "cite", "blockquote", "mark",
    "sup", "a", "button", "details", "summary", "figure", "figcaption", "table", "caption", "thead", "tbody", "tr", "th", "td",
    "dl", "dt", "dd", "code", "select", "option",
}  # fmt: skip


class Parsed(HTMLParser):
    """What a browser would make of HTML: its elements, its attributes and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.pieces: list[tuple[tuple[str, ...], str]] = []
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
        self.pieces.append((tuple(self.open), data))

    @property
    def text(self) -> str:
        """What can be read, but for the small numbers of references."""
        return "".join(data for where, data in self.pieces if not {"sup", "style"} & set(where))

    def inside(self, element: str) -> str:
        """What can be read inside every element of a name, but for the small numbers of references."""
        return "".join(data for where, data in self.pieces if element in where and "sup" not in where)

    def values(self, name: str) -> list[str]:
        """Return every value of an attribute."""
        return [value for attribute, value in self.attributes if attribute == name]


def check_inert(html: str) -> Parsed:
    """Nothing in the HTML can act: only elements of ours, closed in order, no handler, no address but those that are meant."""
    parsed = Parsed(html)
    assert set(parsed.elements) <= MAY
    assert parsed.balanced
    assert not parsed.open
    assert not [name for name, _ in parsed.attributes if name.startswith("on") or name in ("src", "style", "autofocus")]
    assert not [value for value in parsed.values("href") if not re.match(r"#|https?://|tel:|sms:|(?:\./|[a-z-]+)$", value)]
    assert not re.search(r"[`{}$]|\x00|\x1b|[\ud800-\udfff]", html)
    return parsed


DRAWN = {"svg", "defs", "g", "path", "use", "text", "clippath", "rect"}


def check_drawn(svg: str) -> Parsed:
    """Nothing in a drawing can act or fetch: only shapes and text, which point only within the drawing."""
    parsed = Parsed(svg)
    assert set(parsed.elements) <= DRAWN
    assert not [name for name, _ in parsed.attributes if name.startswith("on") or name == "src"]
    assert not [value for name, value in parsed.attributes if name.endswith("href") and not value.startswith("#")]
    assert not re.search(r"url\((?!#)|@import|[\x00\ud800-\udfff]", svg)
    return parsed


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
