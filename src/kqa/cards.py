"""A quote as a card: its words, its source, its references, and what can be done with it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

from kqa.cite import asked_there, citation_to_text, dated, disagreement_to_dict, interest, numbered, quote_to_dict, restatement
from kqa.markup import badge, esc, notes_html, references_html, verbatim, words_class
from kqa.types import Disagreement, Quote, ReaderVerdict, Reference

_SHORT = 40  # characters of a fact that stays on one line where it can
_VERDICTS = {
    ReaderVerdict.ANSWERS: "Answers it",
    ReaderVerdict.PART: "Answers in part",
    ReaderVerdict.WRONG: "Wrong",
    ReaderVerdict.HARMFUL: "Harmful",
}


def card_html(number: int, quote: Quote, anchor: str, contested: str, actions: str) -> str:
    """Return one quote; without actions, which need the page's script, its references stand open and its place below."""
    citation, source = quote.citation, quote.citation.source
    references = numbered(quote)
    publisher = "" if "kqa" in source.publisher.lower() else source.publisher  # the badge or the next line says so already
    where = f"for {source.jurisdiction}" if source.jurisdiction else ""
    page = f"page {citation.page}" if citation.page else ""
    there = asked_there(quote)
    facts = ("" if there else citation.section, page, publisher, dated(source, date.today()), where)
    note = " ".join(said for said in (restatement(source), interest(source)) if said)
    look = words_class(citation.document, quote.text, citation.page is not None)
    return (
        f'<li class="card" id="{anchor}" tabindex="-1"><div class="card-head"><span class="number">{number}</span><div>'
        f'<h3><bdi>{esc(source.title)}</bdi></h3><p class="meta">{badge(source)} {_joined(facts)}</p></div></div>'
        + (f'<p class="restates">{esc(note)}</p>' if note else "")
        + there_html(quote)
        + f'<blockquote class="{look}">{_quoted(quote, f"{anchor}-r")}</blockquote>'
        + contested
        + _primary(references, f"{anchor}-r", bool(actions))
        + (actions or f'<p class="meta">{esc(citation.document)}, {_place(quote)}</p>')
        + "</li>"
    )


def actions_html(
    number: int, quote: Quote, control: str = "", *, linked: bool = True, contested: Sequence[Disagreement] = ()
) -> str:
    """Return what can be done with a quote; ``control`` judges it, ``linked`` lets its place be copied with the question.

    A copy takes with it what contradicts the quote, from ``contested``.
    """
    cited = quote_to_dict(number, quote)
    if contested:
        cited["disagreements"] = [disagreement_to_dict(each) for each in contested]
    exact = json.dumps(cited)  # ASCII: nothing in it changes on its way through HTML
    link = _button(number, "data-passage", "Copy link to passage") if linked else ""
    copied = esc(citation_to_text(quote, contested))
    return (
        f'<div class="actions" role="group" aria-label="Passage {number}">{opener_html(quote, f"passage {number}")}'
        + _button(number, f'data-copy="{copied}"', "Copy citation")
        + _button(number, f'data-copy="{esc(exact)}" data-exact', "Copy as JSON")
        + f"{link}{_button(number, 'data-verify', 'Verify')}{control}</div>"
    )


def _button(number: int, does: str, label: str) -> str:
    """Return a button whose name, unlike its label, differs from that of the same button in another card."""
    name = f"{label} {number}" if label.endswith("passage") else f"{label}, passage {number}"
    return f'<button type="button" class="link" aria-label="{name}" {does}>{label}</button>'


def opener_html(quote: Quote, of: str) -> str:
    """Return the button that opens a quote's document at its place; its name says whose it is."""
    span, answer = quote.citation.span, quote.answer
    place = f'data-span="{span.start},{span.end},{answer.start},{answer.end}"'
    named = f'data-document="{esc(quote.citation.document)}" data-sha256="{esc(quote.citation.sha256)}"'
    name = f'aria-label="Open in document, {esc(of)}"'
    return f'<button type="button" class="link" {name} {named} {place}>Open in document</button>'


def judging_html(number: int, follows: str | None) -> str:
    """Return the control that judges a card's passage; it says what is sent, and to whom, before anything is."""
    sent = "your question, the one it was read with" if follows else "your question"
    buttons = "".join(
        f'<button type="button" class="chip" data-verdict="{verdict}">{label}</button>' for verdict, label in _VERDICTS.items()
    )
    return (
        f'<details class="judge"><summary class="link" aria-label="Judge this passage, {number}">Judge this passage</summary>'
        '<div class="verdicts">'
        f'<p class="meta">Sends {sent} and this judgment to whoever runs this page, who keeps them in a file.</p>'
        f"{buttons}</div></details>"
    )


def kept_html(verdict: ReaderVerdict) -> str:
    """Tell the reader which judgment of a passage was kept."""
    return f'<div class="kept"><p>Thank you. Kept: “{_VERDICTS[verdict]}”.</p></div>'


def there_html(quote: Quote) -> str:
    """Return the question that a quote says yes or no to, where it does."""
    there = asked_there(quote)
    return f'<p class="there">Asked there: <q>{esc(there)}</q></p>' if there else ""


def plain_words(quote: Quote) -> str:
    """Return the words of a quote without the marks of its footnotes."""
    return verbatim(quote.text, {}) if quote.citation.document.lower().endswith(".md") else esc(quote.text)


def _joined(facts: Sequence[str]) -> str:
    """Join facts so that no line starts with a dot, and a short one, such as a date, is broken only where it must be."""
    looks = ((fact, ' class="whole"' if len(fact) <= _SHORT else "") for fact in facts if fact)
    return "\u00a0· ".join(f"<bdi{look}>{esc(fact)}</bdi>" for fact, look in looks)


def _place(quote: Quote) -> str:
    span = quote.citation.span
    return f"characters {span.start} to {span.end}, SHA-256 {esc(quote.citation.sha256)}"


def _quoted(quote: Quote, prefix: str) -> str:
    """Return the whole passage with its answering sentence marked."""
    notes = notes_html(numbered(quote), prefix)
    at = quote.citation.span.start
    start, end = quote.answer.start - at, quote.answer.end - at
    pieces = (quote.text[:start], quote.text[start:end], quote.text[end:])
    if not quote.citation.document.lower().endswith(".md"):
        before, answer, after = (esc(piece) for piece in pieces)
    else:
        before, answer, after = (verbatim(piece, notes) for piece in pieces)
    return f"{before}<mark>{answer}</mark>{after}" if answer else before + after


def _primary(references: Sequence[Reference], prefix: str, live: bool) -> str:
    if not references:
        return ""
    names = "; ".join(f"{esc(reference.org)} {reference.year}" for reference in references)
    primary = "" if any("review" in f"{r.evidence} {r.org}".lower() for r in references) else "primary "
    count = f"{len(references)} {primary}{'source' if len(references) == 1 else 'sources'}"
    state = "" if live else " open"
    return (
        f'<details class="primary"{state}><summary><span>{count}</span> <bdi>{names}</bdi></summary>'
        f"{references_html(references, prefix)}</details>"
    )
