"""An answer as JSON, as text for a terminal and, by ``html``, which would not fit in here, as HTML; pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from kqa.cite import (
    asked_there,
    citation_to_dict,
    dated,
    disagreement_to_dict,
    gathered_title,
    interest,
    kind_label,
    only_marketing,
    quote_to_dict,
    reference_lines,
    restatement,
    side_card,
    with_numbers,
)
from kqa.countries import in_order, known_country
from kqa.html import to_html
from kqa.markup import showable
from kqa.types import Answer, Disagreement, Gathered, Notice, Outcome, Quote

__all__ = ["answer_to_dict", "for_terminal", "to_html", "to_json", "to_text"]

_WIDTH = 80  # columns: what a terminal surely has
_TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # turn text around


def to_json(answer: Answer, country: str | None = None) -> str:
    """Return an answer as one line of JSON, in the form of the contract; the same answer gives the same text.

    All help lines are there, those of ``country`` first; raises ConfigError for a country that has none.
    """
    text = json.dumps(answer_to_dict(answer, country), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace").decode("utf-8")


def to_text(answer: Answer, country: str | None = None) -> str:
    """Return an answer as plain text, at most 80 columns where words allow: help first, then quotes with their sources.

    All help lines are there, those of ``country`` first; raises ConfigError for a country that has none.
    """
    blocks = [*_help(answer, known_country(country)), *_about(answer)]
    if answer.closest:
        blocks.append("The closest passages follow. They do not answer the question.")
    shown = answer.quotes or answer.closest
    blocks.extend(_disagreement_text(disagreement, shown) for disagreement in answer.disagreements)
    blocks.extend(_quote_text(rank, quote) for rank, quote in enumerate(shown, 1))
    if answer.gathered:
        blocks.append(_gathered_text(answer.gathered))
    blocks.extend(_wrap(notice.text) for notice in answer.notices if not _stops(notice, answer))
    return "\n\n".join(blocks) + "\n"


def answer_to_dict(answer: Answer, country: str | None = None) -> dict[str, Any]:
    """Return an answer as the JSON object of the contract, the help lines of ``country`` before the others."""
    first = known_country(country)
    return {
        "question": answer.question,
        "outcome": answer.outcome.value,
        "confidence": answer.confidence,
        "notices": [_notice_to_dict(notice, first) for notice in answer.notices],
        "quotes": [quote_to_dict(rank, quote) for rank, quote in enumerate(answer.quotes, 1)],
        "disagreements": [disagreement_to_dict(disagreement) for disagreement in answer.disagreements],
        "unsupported": list(answer.unsupported),
        "manifest": answer.manifest,
        "follows": answer.follows,
        "gathered": _gathered_to_dict(answer.gathered),
        "closest": [quote_to_dict(rank, quote) for rank, quote in enumerate(answer.closest, 1)],
    }


def _gathered_to_dict(gathered: Gathered | None) -> dict[str, Any] | None:
    if gathered is None:
        return None
    quotes = [{"citation": citation_to_dict(quote.citation), "text": quote.text} for quote in gathered.quotes]
    return {"what": gathered.what.value, "quotes": quotes}


def _notice_to_dict(notice: Notice, country: str | None) -> dict[str, Any]:
    lines = [
        {"country": line.country, "name": line.name, "number": line.number, "how": line.how, "urgent": line.urgent}
        for line in in_order(notice.lines, country)
    ]
    return {"rule": notice.rule, "text": notice.text, "lines": lines}


def _help(answer: Answer, country: str | None) -> Iterator[str]:
    """Yield the notices that come before anything else, each with its help lines, those of one country first."""
    for notice in answer.notices:
        if _stops(notice, answer):
            yield _wrap(notice.text)
            if lines := in_order(notice.lines, country):
                width = max(len(line.number) for line in lines)
                yield "\n".join(f"  {for_terminal(f'{n.number:<{width}}  {n.name}, {n.country} ({n.how})')}" for n in lines)


def _stops(notice: Notice, answer: Answer) -> bool:
    return bool(notice.lines) or notice.rule == answer.outcome


def _about(answer: Answer) -> Iterator[str]:
    if answer.follows:
        yield _wrap(f"Read as a follow-up to: {answer.follows}")
    if answer.outcome is Outcome.ABSTAINED:
        lacking = f" Nothing here covers: {', '.join(answer.unsupported)}." if answer.unsupported else ""
        yield _wrap(f"No source here answers that.{lacking}")
    if only_marketing(answer):
        yield "Only clinic marketing supports this."


def _disagreement_text(disagreement: Disagreement, quotes: Sequence[Quote]) -> str:
    lines = [_wrap(f"SOURCES DISAGREE: {disagreement.topic}")]
    for side in disagreement.sides:
        number, there = side_card(side, quotes), asked_there(side)
        lines += [_wrap(f"Asked there: {there}", "  ")] if there else []
        name = f"[{number}] {side.citation.source.title}" if number else side.citation.source.title
        lines.append(_wrap(f"“{with_numbers(side)}”", "  "))
        lines.append(_wrap(f"{name} ({kind_label(side.citation.source)})", "    "))
        lines.extend(_wrap(line, "    ") for line in reference_lines(side))
    verdict = "Better supported: the first." if disagreement.better_supported else "Neither is better supported."
    return "\n".join([*lines, _wrap(f"{verdict} {disagreement.why}", "  ")])


def _quote_text(rank: int, quote: Quote) -> str:
    citation, source = quote.citation, quote.citation.source
    there = asked_there(quote)
    section = f" › {citation.section}" if citation.section and not there else ""
    about = (kind_label(source), dated(source, date.today()), f"for {source.jurisdiction}" if source.jurisdiction else "")
    lines = [_wrap(f"[{rank}] {source.title}{section}"), _wrap(", ".join(part for part in about if part), "    ")]
    lines += [_wrap(note, "    ") for note in (restatement(source), interest(source)) if note]
    words = [_wrap(line, "    ") for line in with_numbers(quote).splitlines() if line.strip()]
    page = f", page {citation.page}" if citation.page else ""
    where = for_terminal(f"    {citation.document} [{citation.span.start}, {citation.span.end}){page}")
    asked = [_wrap(f"Asked there: {there}", "    ")] if there else []
    return "\n".join([*lines, "", *asked, *words, "", *(_wrap(line, "    ") for line in reference_lines(quote)), where])


def _gathered_text(gathered: Gathered) -> str:
    lines = [gathered_title(gathered.what).upper()]
    for quote in gathered.quotes:
        source, there = quote.citation.source, asked_there(quote)
        lines += [_wrap(f"Asked there: {there}", "  ")] if there else []
        lines += [_wrap(f"“{with_numbers(quote)}”", "  "), _wrap(f"{source.title} ({kind_label(source)})", "    ")]
    return "\n".join(lines)


def _wrap(text: str, indent: str = "") -> str:
    return textwrap.fill(
        for_terminal(text),
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def for_terminal(text: str) -> str:
    """Replace what would steer a terminal or turn the text around: control characters and bidirectional controls."""
    return "".join("\ufffd" if c in _TURNS else c for c in showable(text))
