"""The pages and sheets that answers are put on: home, a whole document, and the page without scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise

from kqa.catalogue import Catalogue, Group
from kqa.cite import dated, interest, kind_meaning, restatement
from kqa.html import STOPPED, disagreement_html, to_html
from kqa.markup import badge, chips, esc, notes_html, references_html, verbatim, words_class
from kqa.panels import country_options, unanswered_help_html
from kqa.rules import load_rules
from kqa.types import Answer, Disagreement, Document, Outcome, Source, Span

NOTE = "<b>Not medical advice.</b> Exact quotes; some restate adverts."
"""The permanent note: short enough for one line on a phone."""
HEADER = (
    '<header class="site"><h1>Ketamine therapy: what the sources say</h1>'
    "<p>The passages that answer your question, word for word, with their source.</p></header>"
)
_FIND = (
    '<div class="find" role="search"><label for="sheet-find">Find in this document</label>'
    '<input id="sheet-find" type="search" autocomplete="off" spellcheck="false" maxlength="200">'
    '<span id="sheet-count" role="status"></span>'
    '<button type="button" class="link" data-find="-1" aria-label="Previous" disabled>↑</button>'
    '<button type="button" class="link" data-find="1" aria-label="Next" disabled>↓</button></div>'
)
_PARAGRAPH = re.compile(r"\S.*?(?=\n[ \t\r]*\n|\Z)", re.DOTALL)
_MARKDOWN = re.compile(  # a heading is a paragraph even where no blank line follows it
    r"^#{1,6}[ \t][^\n]*|\S.*?(?=\n[ \t\r]*\n|\n#{1,6}[ \t]|\Z)", re.DOTALL | re.MULTILINE
)
_HASHES = re.compile(r"#{1,6}[ \t]+")


def home_html(catalogue: Catalogue, examples: Sequence[str]) -> str:
    """Return the first view: example questions, and what is searched, best kind of source first."""
    listed = "".join(_group(group) for group in catalogue.groups)
    count = f"{_count(catalogue.documents, 'document')}, {_count(catalogue.passages, 'passage')}"
    kinds = "".join(f"<li>{badge(group.source)} {group.count:,}</li>" for group in catalogue.groups)
    return (
        f'{chips("Try", examples)}<section class="searched"><h2>What this searches: {count}</h2>'
        f'<ul class="kinds">{kinds}</ul><p><a class="link" href="how-well">How well does this work?</a> · '
        f'<a class="link" href="about">About and privacy</a></p>{listed}</section>'
    )


def document_html(
    document: Document, passage: Span | None = None, answer: Span | None = None, contested: Sequence[Disagreement] = (), *,
    live: bool = True, gone: bool = False, changed: bool = False,
) -> str:  # fmt: skip
    """Return a whole document, word for word, a passage set off with its sentence marked, below it what is ``contested``.

    ``live`` adds what needs the page's script; ``gone`` says that the words of a link are no longer in the document,
    ``changed`` that it is not the one an answer was quoted from.
    """
    source = document.source
    facts = "\u00a0· ".join(f"<bdi>{esc(fact)}</bdi>" for fact in _facts(source))
    close = '<button type="button" class="link close" data-close>Close</button>' if live else ""
    note = restatement(source)
    paragraphs = [(span, _paragraph(document, span, passage, answer)) for span in _paragraphs(document)]
    last = max((at for at, (span, _) in enumerate(paragraphs, 1) if _overlaps(span, passage)), default=0)
    before, after = ("".join(text for _, text in part) for part in (paragraphs[:last], paragraphs[last:]))
    body = before + "".join(disagreement_html(each, (), "", False, "h3") for each in contested) + after
    said = "This document changed since your question was answered: the passage is not marked here." if changed else ""
    said = "The words of this link no longer stand here." if gone else said
    told = f'<p id="sheet-gone" class="gone">{said}</p>' if said else ""
    return (
        f'<div class="sheet-top"><header class="sheet-head"><div>'
        f'<h2 id="sheet-title" tabindex="-1"><bdi>{esc(source.title)}</bdi></h2>'
        f'<p class="meta">{badge(source)} <span>Whole document, word for word</span></p></div>{close}'
        f'</header>{_FIND if live else ""}</div><div class="sheet-body">{told}'
        + (f'<p class="restates">{esc(note)}</p>' if note else "")
        + f'<p class="meta">{facts}{_address(source.url)}</p>{body}{_sources(document)}</div>'
    )


def plain_html(
    css: str, question: str = "", answer: Answer | None = None, problem: str = "", country: str | None = None
) -> str:
    """Return the page without scripts: one form, and the answer to its question or what is wrong with it.

    The help lines of ``country`` come first, of this answer and of those to the questions after it. A question that was
    referred is not put into the box again.
    """
    shown = to_html(answer, country) if answer else _problem(problem, country) if problem else ""
    referred = answer and any(notice.lines for notice in answer.notices)
    again = _again(question, answer, country) if answer and referred else ""
    form = (
        f'<form class="ask-plain" method="post" action="plain">{_hidden("country", country)}'
        '<label for="q">Your question</label><div>'
        f'<input id="q" name="q" required autocomplete="off" value="{"" if referred else esc(question)}">'
        "<button>Ask</button></div></form>"
    )
    links = '<p class="meta"><a href="how-well">How well does this work?</a> · <a href="about">About and privacy</a></p>'
    robots = '<meta name="robots" content="noindex">'
    return page_html("Ketamine therapy: what the sources say", css, f"{form}{shown}{again}{links}", robots)


def page_html(title: str, css: str, inner: str, head: str = "") -> str:
    """Return a page without scripts around its own part, ``inner``."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{head}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{css}</style></head>"
        f'<body class="kqa plain"><main>{HEADER}{inner}</main><footer class="note"><p>{NOTE}</p></footer></body></html>'
    )


def _problem(problem: str, country: str | None) -> str:
    """Say why a question was not answered; it was not screened either, so help stands beside it."""
    said = f'<p role="alert">{esc(problem[:1].upper() + problem[1:])}.</p>'
    helping = unanswered_help_html(load_rules().notices["crisis"], country)
    return f'<section class="panel failed"><h2>This question was not answered</h2>{said}{helping}</section>'


def _again(question: str, answer: Answer, country: str | None) -> str:
    """Return the forms that ask a referred question once more: with another country first, or for what the sources say."""
    asked = _hidden("q", question)
    stopped = answer.outcome in STOPPED
    choice = (
        f'<form class="choose-plain" method="post" action="plain">{asked}{_hidden("despite", None if stopped else "1")}'
        f'<label>Numbers for <select name="country" autocomplete="off">{country_options(country)}</select></label> '
        "<button>Show first</button></form>"
    )
    if not stopped or answer.outcome is Outcome.SELF_DOSING:
        return choice
    return (
        f'{choice}<form method="post" action="plain">{asked}{_hidden("country", country)}{_hidden("despite", "1")}'
        '<button class="link">Show what the sources say</button></form>'
    )


def _hidden(name: str, value: str | None) -> str:
    return "" if value is None else f'<input type="hidden" name="{name}" value="{esc(value)}">'


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _group(group: Group) -> str:
    items = "".join(
        f'<li><button type="button" class="link" data-document="{esc(path)}"><bdi>{esc(title)}</bdi></button></li>'
        for path, title in group.listed
    )
    more = group.count - len(group.listed)
    return (
        f'<section class="kind"><h3>{badge(group.source)}</h3><p class="meta">{esc(kind_meaning(group.source))}</p>'
        f'<ul class="documents">{items}</ul>{f"<p>And {more:,} more.</p>" if more else ""}</section>'
    )


def _facts(source: Source) -> list[str]:
    where = f"for {source.jurisdiction}" if source.jurisdiction else ""
    return [fact for fact in (source.publisher, dated(source, date.today()), where, interest(source)) if fact]


def _paragraphs(document: Document) -> Iterator[Span]:
    """Return the spans of a document's paragraphs, its front matter left out."""
    paragraph = _MARKDOWN if document.path.lower().endswith(".md") else _PARAGRAPH
    return (Span(*found.span()) for found in paragraph.finditer(document.text, document.body))


def _paragraph(document: Document, span: Span, passage: Span | None, answer: Span | None) -> str:
    """Return one paragraph; what of it lies in the passage and in the answer is set off."""
    markdown = document.path.lower().endswith(".md")
    notes = notes_html(document.references, "d-r") if markdown else {}
    hashes = _HASHES.match(document.text, span.start) if markdown else None
    if hashes and not _overlaps(span, passage):
        return f'<h3 class="words">{verbatim(document.text[hashes.end() : span.end], notes)}</h3>'
    bounds = {p for s in (passage, answer) if s for p in (s.start, s.end) if span.start < p < span.end}
    pieces = []
    for start, end in pairwise(sorted({span.start, span.end, *bounds})):
        text = document.text[start:end]
        piece = verbatim(text, notes) if markdown else esc(text)
        if answer and answer.start <= start and end <= answer.end:
            piece = f"<mark>{piece}</mark>"
        elif passage and passage.start <= start and end <= passage.end:
            piece = f'<span class="in">{piece}</span>'
        pieces.append(piece)
    look = words_class(document.path, document.text[span.start : span.end], bool(document.pages))
    hit = " hit" if _overlaps(span, passage) else ""
    return f'<p class="{look}{hit}">{"".join(pieces)}</p>'


def _overlaps(span: Span, passage: Span | None) -> bool:
    return passage is not None and max(span.start, passage.start) < min(span.end, passage.end)


def _sources(document: Document) -> str:
    listed = references_html(document.references, "d-r")
    return f'<section class="sources"><h3>Sources of this document</h3>{listed}</section>' if listed else ""


def _address(url: str | None) -> str:
    if not url or not re.match(r"https?://", url):
        return f"\u00a0· <bdi>{esc(url)}</bdi>" if url else ""
    return f'\u00a0· <a href="{esc(url)}" target="_blank" rel="noopener noreferrer"><bdi>{esc(url)}</bdi></a>'
