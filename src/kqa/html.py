"""An answer as HTML; ``sheets`` puts it on pages."""

from __future__ import annotations

from collections.abc import Sequence

from kqa.cards import actions_html, card_html, judging_html, opener_html, plain_words, there_html
from kqa.cite import gathered_title, kind_label, kind_meaning, numbered, only_marketing, side_card
from kqa.countries import known_country
from kqa.markup import badge, chips, esc
from kqa.panels import HEADINGS, panel
from kqa.types import Answer, Disagreement, Gathering, Notice, Outcome, Quote

STOPPED = frozenset({Outcome.CRISIS, Outcome.EMERGENCY, Outcome.SELF_DOSING})
"""Outcomes that show help instead of quotes."""
_FIRST = 2  # cards whose marked sentences may bring a disagreement above all of them
_NEXT = {Outcome.ANSWERED: "Ask next", Outcome.SELF_DOSING: "What the sources say of the dangers"}


def to_html(answer: Answer, country: str | None = None) -> str:
    """Return an answer as a fragment of HTML that needs no script: help first, quotes with their sources, all notices.

    The help lines of ``country`` come before all others; raises ConfigError for a country that has none.
    """
    standing = "".join(f'<p class="standing">{esc(n.text)}</p>' for n in answer.notices if _stands(n))
    return turn_html(answer, 0, live=False, country=known_country(country)) + standing


def turn_html(
    answer: Answer, turn: int, *,
    live: bool = True, examples: Sequence[str] = (), judged: bool = False, country: str | None = None,
) -> str:  # fmt: skip
    """Return one turn of the conversation; ``turn`` keeps its ids apart, ``live`` adds what needs the page's script.

    ``examples`` are questions that have answers: what to ask next, or instead of one that nothing answers; ``judged`` lets
    the reader judge the passages of an answer. The help lines of ``country`` come first.
    """
    stopped = answer.outcome in STOPPED
    parts = [
        *(panel(notice, country, live=live) for notice in answer.notices if not _stands(notice)),
        "" if stopped else _heading(answer, live),
        _follow_up(answer.follows, live),
        sources_html(answer, turn, live=live, judged=judged),
        _despite(answer, live),
        _abstention(answer, turn, live, examples),
        chips(_NEXT[answer.outcome], examples) if live and answer.outcome in _NEXT else "",
    ]
    kept = "" if stopped else " data-kept"
    said = esc(summary(answer) + (", sources disagree" if answer.quotes and answer.disagreements else ""))
    data = f'data-question="{esc(answer.question)}" data-said="{said}" data-after="{esc(answer.follows or "")}"{kept}'
    return f'<article class="turn" {data}>{"".join(parts)}</article>'


def sources_html(answer: Answer, turn: int, *, live: bool = True, judged: bool = False, linked: bool = True) -> str:
    """Return what the sources say: the first disagreement, then the quotes as numbered cards with the others in them.

    ``judged`` lets the reader judge each passage of an answer; ``linked`` offers a link to it with its question.
    """
    if answer.closest:
        return ""
    line = '<p class="only-marketing">Only clinic marketing supports this. No better kind of source is quoted below.</p>'
    shown, together = _shown(answer, f"t{turn}-c", live, judged, linked), _gathered(answer, live)
    if answer.gathered and answer.gathered.what is Gathering.EXCLUSIONS:  # nobody should have to scroll to these
        shown, together = together, shown
    return (line if only_marketing(answer) else "") + shown + together + _meanings(answer)


def summary(answer: Answer) -> str:
    """Say in a few words how a question ended."""
    if answer.outcome is Outcome.ABSTAINED:
        return "No source here answers that"
    if answer.outcome is Outcome.ANSWERED:
        return f"{len(answer.quotes)} {'passage' if len(answer.quotes) == 1 else 'passages'}"
    return HEADINGS[answer.outcome]


def _stands(notice: Notice) -> bool:
    return notice.rule == "not-medical-advice"


def _heading(answer: Answer, live: bool) -> str:
    question = f'<q class="asked">{esc(answer.question)}</q>'
    if answer.outcome is Outcome.ABSTAINED:
        return f'<div class="turn-head"><h2>No source here answers {question}</h2></div>'
    copy = '<button type="button" class="link" data-link>Copy link</button>' if live else ""
    return f'<div class="turn-head"><h2>{summary(answer)} for {question}</h2>{copy}</div>'


def _follow_up(follows: str | None, live: bool) -> str:
    if not follows:
        return ""
    alone = '<button type="button" class="link" data-alone>Ask it alone</button>' if live else ""
    return f'<p class="follow-up"><span>Read as a follow-up to: <q class="asked">{esc(follows)}</q></span> {alone}</p>'


def _shown(answer: Answer, prefix: str, live: bool, judged: bool = False, linked: bool = True) -> str:
    """Return the cards; a contradicted sentence never stands alone, and many contradictions do not bury the answer."""
    quotes = answer.quotes or answer.closest
    inside: dict[int, str] = {}
    above = ""
    against: dict[int, list[Disagreement]] = {}
    gathered = _only_gathered(answer)
    for disagreement in (each for each in answer.disagreements if each not in gathered):
        held = [number for side in disagreement.sides if (number := side_card(side, quotes))]
        for number in set(held):
            against.setdefault(number, []).append(disagreement)
        if not held or (not above and answer.quotes and _on_answer(disagreement, quotes[:_FIRST])):
            above += disagreement_html(disagreement, quotes, prefix, live, "h2")
        else:
            inside[min(held)] = inside.get(min(held), "") + disagreement_html(disagreement, quotes, prefix, live, "h4")
    cards, judged = "", judged and live and answer.outcome is Outcome.ANSWERED
    for n, quote in enumerate(quotes, 1):
        control = judging_html(n, answer.follows) if judged else ""
        actions = actions_html(n, quote, control, linked=linked, contested=against.get(n, ())) if live else ""
        cards += card_html(n, quote, f"{prefix}{n}", inside.get(n, ""), actions)
    return above + (f'<ol class="cards">{cards}</ol>' if cards else "")


def _on_answer(disagreement: Disagreement, quotes: Sequence[Quote]) -> bool:
    """Whether a side is a sentence marked in one of these; any other would only stand before the answer."""
    marked = [(quote.citation.document, quote.answer) for quote in quotes]
    return any(
        document == side.citation.document and max(span.start, side.citation.span.start) < min(span.end, side.citation.span.end)
        for side in disagreement.sides
        for document, span in marked
    )


def disagreement_html(disagreement: Disagreement, quotes: Sequence[Quote], prefix: str, live: bool, tag: str) -> str:
    """Return both sides with the verdict below a heading ``tag``; a side that one of the cards ``quotes`` holds leads there."""
    sides = "".join(_side(side, quotes, prefix, live) for side in disagreement.sides)
    verdict = "Better supported: the first." if disagreement.better_supported else "Neither is better supported."
    return (
        f'<section class="panel disagree"><{tag}>Sources disagree <span>on {esc(disagreement.topic)}</span></{tag}>'
        f'<div class="sides">{sides}</div><p class="why"><b>{verdict}</b> {esc(disagreement.why)}</p></section>'
    )


def _side(side: Quote, quotes: Sequence[Quote], prefix: str, live: bool) -> str:
    number, references = side_card(side, quotes), numbered(side)
    anchor = f"{prefix}{number}"
    source = side.citation.source
    jump = f'<a href="#{anchor}" data-jump="{anchor}" aria-label="Go to passage {number}">[{number}]</a> ' if number else ""
    opener = opener_html(side, source.title) if live and not number else ""
    names = "; ".join(f"{esc(r.org)} ({r.year})" for r in references)
    return (
        f'<div class="side">{there_html(side)}<blockquote class="words">“{plain_words(side)}”</blockquote>'
        f'<p class="meta">{jump}<bdi>{esc(source.title)}</bdi></p><p class="meta">{badge(source)}</p>'
        + (f'<p class="meta">From: {names}</p>' if names else "")
        + f"{opener}</div>"
    )


def _gathered(answer: Answer, live: bool) -> str:
    """Return the sentences that the question asks to see together, each with its source."""
    if not answer.gathered:
        return ""
    items = "".join(
        f'<li>{there_html(quote)}<blockquote class="words">“{plain_words(quote)}”</blockquote>'
        f'<p class="meta">{badge(quote.citation.source)} <bdi>{esc(quote.citation.source.title)}</bdi> '
        f"{opener_html(quote, quote.citation.source.title) if live else ''}</p></li>"
        for quote in answer.gathered.quotes
    )
    contested = "".join(disagreement_html(each, (), "", live, "h4") for each in _only_gathered(answer))
    return f'<section class="gathered"><h3>{gathered_title(answer.gathered.what)}</h3><ul>{items}</ul>{contested}</section>'


def _only_gathered(answer: Answer) -> list[Disagreement]:
    """Return the disagreements that no card but a gathered sentence brought: they stand with it, not before the answer."""
    if not answer.gathered:
        return []
    quotes = answer.gathered.quotes
    return [
        each
        for each in answer.disagreements
        if not any(side_card(side, answer.quotes) for side in each.sides)
        and any(side_card(side, quotes) for side in each.sides)
    ]


def _meanings(answer: Answer) -> str:
    """Return what the badges of an answer mean."""
    quotes = (*answer.quotes, *(answer.gathered.quotes if answer.gathered else ()))
    sources = {kind_label(quote.citation.source): quote.citation.source for quote in quotes}
    items = "".join(f"<li>{badge(source)} {esc(kind_meaning(source))}</li>" for source in sources.values())
    return f'<details class="meanings"><summary>What these labels mean</summary><ul>{items}</ul></details>' if items else ""


def _despite(answer: Answer, live: bool) -> str:
    if answer.outcome not in (Outcome.CRISIS, Outcome.EMERGENCY) or not live:
        return ""
    shown = "<summary>Show what the sources say</summary>"
    return f'<details class="despite" data-despite>{shown}<div></div></details>'


def _abstention(answer: Answer, turn: int, live: bool, examples: Sequence[str]) -> str:
    if answer.outcome is not Outcome.ABSTAINED:
        return ""
    words = ", ".join(f"<q>{esc(word)}</q>" for word in answer.unsupported)
    lacking = f"Nothing here covers {words}." if words else "Nothing here is close enough to be an answer."
    closest = (
        f'<details class="closest"><summary>Show the closest passages, which do not answer it</summary>'
        f"{_shown(answer, f't{turn}-n', live)}</details>"
        if answer.closest
        else ""
    )
    return (
        f'<section class="panel none"><p>{lacking} Try naming the effect, the condition or the step you mean.</p></section>'
        f"{closest}{chips('These have answers', examples) if live else ''}"
    )
