"""An answer as HTML, piece by piece; the only place where text is escaped. ``sheets`` puts the pieces on pages."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence

from kqa.cite import FOOTNOTE, citation_to_text, kind_label, numbered, only_marketing, quote_to_dict, restatement, side_card
from kqa.types import Answer, Disagreement, HelpLine, Notice, Outcome, Quote, Reference, Source

STOPPED = frozenset({Outcome.CRISIS, Outcome.EMERGENCY, Outcome.SELF_DOSING})
"""Outcomes that show help instead of quotes."""
_ENTITIES = str.maketrans(
    {c: f"&#{ord(c)};" for c in "&<>\"'`{}$"}  # the last four would be live in the templates of Gradio
)
_LINK = re.compile(r"(?:doi:)?(10\.\d{4,9}/[^\s<>\"]+)|(https?://[^\s<>\"()]+)")
_HEADINGS = {
    Outcome.CRISIS: "You do not have to go through this alone",
    Outcome.EMERGENCY: "Get help now",
    Outcome.SELF_DOSING: "No amounts here",
}


def to_html(answer: Answer) -> str:
    """Return an answer as a fragment of HTML that needs no script: help first, quotes with their sources, all notices."""
    standing = "".join(f'<p class="standing">{esc(n.text)}</p>' for n in answer.notices if _stands(n))
    return turn_html(answer, 0, live=False) + standing


def turn_html(answer: Answer, turn: int, *, live: bool = True, examples: Sequence[str] = ()) -> str:
    """Return one turn of the conversation; ``turn`` keeps its ids apart, ``live`` adds what only works with the page's script."""
    stopped = answer.outcome in STOPPED
    parts = [
        *(_panel(notice, answer) for notice in answer.notices if not _stands(notice)),
        "" if stopped else _heading(answer, live),
        _follow_up(answer.follows, live),
        sources_html(answer, turn, live=live),
        _despite(answer, live),
        _abstention(answer, turn, live, examples),
    ]
    kept = "" if stopped else " data-kept"
    said = esc(summary(answer))
    data = f'data-question="{esc(answer.question)}" data-said="{said}" data-outcome="{answer.outcome}"{kept}'
    return f'<article class="turn" {data}>{"".join(parts)}</article>'


def sources_html(answer: Answer, turn: int, *, live: bool = True) -> str:
    """Return what the sources say: disagreements, then the quotes as numbered cards."""
    quoted = answer.outcome is Outcome.ANSWERED
    panels = "".join(_disagreement(d, answer.quotes, turn, live) for d in answer.disagreements if quoted)
    line = '<p class="only-marketing">Only clinic marketing supports this. No better kind of source is quoted below.</p>'
    return panels + (line if only_marketing(answer) else "") + _cards(answer.quotes, f"t{turn}-c", live)


def summary(answer: Answer) -> str:
    """Say in a few words how a question ended."""
    if answer.outcome is Outcome.ABSTAINED:
        return "No source here answers that"
    if answer.outcome is Outcome.ANSWERED:
        return f"{len(answer.quotes)} {'passage' if len(answer.quotes) == 1 else 'passages'}"
    return _HEADINGS[answer.outcome]


def esc(text: str) -> str:
    """Make any text inert in HTML, in attributes and in Gradio's templates; what cannot be shown becomes U+FFFD."""
    shown = "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\n\r" else c for c in text)
    return shown.translate(_ENTITIES)


def verbatim(text: str, notes: Mapping[str, str]) -> str:
    """Escape the words of a document; ``notes`` holds the HTML that stands for a footnote's mark, an unknown mark vanishes."""
    parts, at = [], 0
    for mark in FOOTNOTE.finditer(text):
        parts += [esc(text[at : mark.start()]), notes.get(mark[1], "")]
        at = mark.end()
    return "".join([*parts, esc(text[at:])])


def badge(source: Source) -> str:
    """Return the badge of a source's kind."""
    return f'<span class="badge {source.kind}">{esc(kind_label(source))}</span>'


def notes_html(references: Sequence[Reference], prefix: str) -> dict[str, str]:
    """Map each reference to its small number, a link to its entry in the list of ``references_html``."""
    return {
        r.id: f'<sup><a href="#{prefix}{n}" data-jump="{prefix}{n}" aria-label="Source {n}">{n}</a></sup>'
        for n, r in enumerate(references, 1)
    }


def references_html(references: Sequence[Reference], prefix: str) -> str:
    """Return the numbered list of references, each with its link where it has one."""
    items = "".join(
        f'<li id="{prefix}{n}" tabindex="-1">{esc(r.org)} ({r.year}). <cite>{esc(r.title)}</cite>. {_locator(r.locator)}</li>'
        for n, r in enumerate(references, 1)
    )
    return f'<ol class="references">{items}</ol>' if items else ""


def chips(label: str, questions: Sequence[str]) -> str:
    """Return questions that can be asked with one click."""
    items = "".join(f'<li><button type="button" class="chip" data-ask="{esc(q)}">{esc(q)}</button></li>' for q in questions)
    return f'<div class="chips"><p>{label}</p><ul>{items}</ul></div>' if items else ""


def _stands(notice: Notice) -> bool:
    return notice.rule == "not-medical-advice"


def _panel(notice: Notice, answer: Answer) -> str:
    """Return a notice: red for help that cannot wait, calm for the rest."""
    urgent = notice.rule in (Outcome.CRISIS, Outcome.EMERGENCY)
    title = next((text for outcome, text in _HEADINGS.items() if outcome == notice.rule), "Ask your own prescriber")
    lines = "".join(_line(line) for line in sorted(notice.lines, key=lambda line: not line.urgent))
    listed = f'<ul class="lines">{lines}</ul>' if lines else ""
    look = "urgent" if urgent else "calm"
    return f'<section class="panel {look}"><h2>{esc(title)}</h2><p>{esc(notice.text)}</p>{listed}</section>'


def _line(line: HelpLine) -> str:
    digits = re.sub(r"[^\d+]", "", line.number)
    how = line.how.lower()
    scheme = "sms" if "text" in how and "call" not in how else "tel"
    number = f'<a class="call" href="{scheme}:{digits}">{esc(line.number)}</a>' if digits else f"<b>{esc(line.number)}</b>"
    return f"<li>{number}<span><b>{esc(line.country)}</b> {esc(line.name)}, {esc(line.how)}</span></li>"


def _heading(answer: Answer, live: bool) -> str:
    question = f'<q class="asked">{esc(answer.question)}</q>'
    if answer.outcome is Outcome.ABSTAINED:
        return f'<div class="turn-head"><h2>No source here answers {question}</h2></div>'
    copy = f'<button type="button" class="link" data-link="{esc(answer.question)}">Copy link</button>' if live else ""
    return f'<div class="turn-head"><h2>{summary(answer)} for {question}</h2>{copy}</div>'


def _follow_up(follows: str | None, live: bool) -> str:
    if not follows:
        return ""
    alone = '<button type="button" class="link" data-alone>Ask it alone</button>' if live else ""
    return f'<p class="follow-up">Read as a follow-up to: <q class="asked">{esc(follows)}</q> {alone}</p>'


def _cards(quotes: Sequence[Quote], prefix: str, live: bool) -> str:
    items = "".join(_card(number, quote, prefix, live) for number, quote in enumerate(quotes, 1))
    return f'<ol class="cards">{items}</ol>' if items else ""


def _card(number: int, quote: Quote, prefix: str, live: bool) -> str:
    citation, source = quote.citation, quote.citation.source
    anchor, references = f"{prefix}{number}", numbered(quote)
    facts = (citation.section, f"page {citation.page}" if citation.page else "", source.publisher, source.date)
    note = restatement(source)
    return (
        f'<li class="card" id="{anchor}" tabindex="-1"><div class="card-head"><span class="number">{number}</span><div>'
        f'<h3><bdi>{esc(source.title)}</bdi></h3><p class="meta">{badge(source)} {_joined(facts)}</p></div></div>'
        + (f'<p class="restates">{esc(note)}</p>' if note else "")
        + f'<blockquote class="words{" lines-kept" if citation.page is None else ""}">{_quoted(quote, f"{anchor}-r")}</blockquote>'
        + _primary(references, f"{anchor}-r", live)
        + (_actions(number, quote) if live else f'<p class="meta">{esc(citation.document)}, {_place(quote)}</p>')
        + "</li>"
    )


def _joined(facts: Sequence[str]) -> str:
    return " · ".join(f"<bdi>{esc(fact)}</bdi>" for fact in facts if fact)


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
    count = f"{len(references)} primary {'source' if len(references) == 1 else 'sources'}"
    state = "" if live else " open"
    return (
        f'<details class="primary"{state}><summary><span>{count}</span> <bdi>{names}</bdi></summary>'
        f"{references_html(references, prefix)}</details>"
    )


def _actions(number: int, quote: Quote) -> str:
    exact = json.dumps(quote_to_dict(number, quote), ensure_ascii=False)
    return (
        f'<p class="actions">{_opener(quote, "Open in document")}'
        f'<button type="button" class="link" data-copy="{esc(citation_to_text(quote))}">Copy citation</button>'
        f'<button type="button" class="link" data-copy="{esc(exact)}">Copy as JSON</button></p>'
    )


def _opener(quote: Quote, label: str) -> str:
    span, answer = quote.citation.span, quote.answer
    place = f'data-span="{span.start},{span.end},{answer.start},{answer.end}"'
    return f'<button type="button" class="link" data-document="{esc(quote.citation.document)}" {place}>{label}</button>'


def _disagreement(disagreement: Disagreement, quotes: Sequence[Quote], turn: int, live: bool) -> str:
    sides = "".join(_side(side, n, quotes, turn, live) for n, side in enumerate(disagreement.sides))
    verdict = "<b>Better supported: the first.</b> " if disagreement.better_supported else "<b>Neither is better supported.</b> "
    return (
        f'<section class="panel disagree"><h2>Sources disagree <span>on {esc(disagreement.topic)}</span></h2>'
        f'<div class="sides">{sides}</div><p class="why">{verdict}{esc(disagreement.why)}</p></section>'
    )


def _side(side: Quote, place: int, quotes: Sequence[Quote], turn: int, live: bool) -> str:
    number, references = side_card(side, quotes), numbered(side)
    anchor = f"t{turn}-c{number}"
    jump = f'<a href="#{anchor}" data-jump="{anchor}" aria-label="Go to passage {number}">[{number}]</a> ' if number else ""
    opener = _opener(side, "Open in document") if live and not number else ""
    names = "; ".join(f"{esc(r.org)} ({r.year})" for r in references)
    words = verbatim(side.text, {})
    return (
        f'<div class="side"><blockquote class="words">“{words}”</blockquote>'
        f'<p class="meta">{jump}<bdi>{esc(side.citation.source.title)}</bdi></p><p class="meta">{badge(side.citation.source)}</p>'
        + (f'<p class="meta">From: {names}</p>' if names else "")
        + f"{opener}</div>"
    )


def _despite(answer: Answer, live: bool) -> str:
    if answer.outcome not in (Outcome.CRISIS, Outcome.EMERGENCY) or not live:
        return ""
    return '<details class="despite" data-despite><summary>Show what the sources say</summary><div aria-live="polite"></div></details>'


def _abstention(answer: Answer, turn: int, live: bool, examples: Sequence[str]) -> str:
    if answer.outcome is not Outcome.ABSTAINED:
        return ""
    words = ", ".join(f"<q>{esc(word)}</q>" for word in answer.unsupported)
    lacking = f"Nothing here covers {words}." if words else "Nothing here is close enough to be an answer."
    closest = (
        f'<details class="closest"><summary>Show the closest passages, which do not answer it</summary>'
        f"{_cards(answer.closest, f't{turn}-n', live)}</details>"
        if answer.closest
        else ""
    )
    return (
        f'<section class="panel none"><p>{lacking} Try naming the effect, the condition or the step you mean.</p></section>'
        f"{closest}{chips('These have answers', examples) if live else ''}"
    )


def _locator(locator: str) -> str:
    """Return where a reference is found; linked only when it holds a web address or a DOI."""
    found = _LINK.search(locator)
    if not found:
        return esc(locator)
    address = found[2].rstrip(".,;") if found[2] else f"https://doi.org/{found[1].rstrip('.,;')}"
    return f'<a href="{esc(address)}" target="_blank" rel="noopener noreferrer">{esc(locator)}</a>'
