"""What is said about a quote: its kind, whom it restates, its numbered references, its citation as JSON and as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from kqa.types import Answer, Citation, Disagreement, Gathering, Kind, Quote, Reference, Source

FOOTNOTE = re.compile(r"\[\^([^\]\s]{1,60})\]")
"""The mark of a footnote in Markdown."""
_MARKS = re.compile(rf"(?:{FOOTNOTE.pattern})+")
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_GATHERED = {
    Gathering.DURATIONS: "Lengths of time in these sources",
    Gathering.NUMBERS: "Numbers in these sources",
    Gathering.EXCLUSIONS: "Reasons not to, in these sources",
}
_DATE = re.compile(r"(\d{4})(?:-(\d{2})(?:-\d{2})?)?$")
_MEANINGS = {
    Kind.REFERENCE: "Written from primary sources, which each passage names.",
    Kind.REGULATOR: "Published by a regulator.",
    Kind.GUIDELINE: "Recommendations of a professional body.",
    Kind.LABEL: "The approved prescribing information.",
    Kind.REVIEW: "A review of the literature.",
    Kind.TRIAL: "The report of a trial.",
    Kind.UNSTATED: "The document does not say what kind of source it is.",
    Kind.CLINIC_MARKETING: "What clinics say to win patients. Not evidence.",
}
_KINDS = {
    Kind.REGULATOR: "Regulator",
    Kind.GUIDELINE: "Guideline",
    Kind.LABEL: "Label",
    Kind.REVIEW: "Review",
    Kind.TRIAL: "Trial",
    Kind.UNSTATED: "Kind not stated",
}


def quote_to_dict(rank: int, quote: Quote) -> dict[str, Any]:
    """Return one quote as the JSON object of the contract; ``kqa verify`` reads it back."""
    evidence = quote.hit.evidence if quote.hit else {}
    return {
        "rank": rank,
        "text": quote.text,
        "answer": {"start": quote.answer.start, "end": quote.answer.end, "text": quote.answer_text},
        "score": quote.hit.score if quote.hit else None,
        "evidence": {name: {"rank": e.rank, "score": e.score} for name, e in sorted(evidence.items())},
        "citation": citation_to_dict(quote.citation),
    }


def citation_to_dict(citation: Citation) -> dict[str, Any]:
    """Return one citation as the JSON object of the contract."""
    source = citation.source
    return {
        "document": citation.document,
        "sha256": citation.sha256,
        "start": citation.span.start,
        "end": citation.span.end,
        "page": citation.page,
        "title": source.title,
        "section": citation.section,
        "kind": source.kind.value,
        "publisher": source.publisher,
        "date": source.date,
        "reviewed": source.reviewed,
        "jurisdiction": source.jurisdiction,
        "url": source.url,
        "restates": source.restates,
        "references": [
            {"id": r.id, "org": r.org, "title": r.title, "year": r.year, "evidence": r.evidence, "locator": r.locator}
            for r in citation.references
        ],
    }


def disagreement_to_dict(disagreement: Disagreement) -> dict[str, Any]:
    """Return a disagreement as the JSON object of the contract."""
    return {
        "topic": disagreement.topic,
        "sides": [{"citation": citation_to_dict(side.citation), "text": side.text} for side in disagreement.sides],
        "better_supported": disagreement.better_supported,
        "why": disagreement.why,
    }


def citation_to_text(quote: Quote, contested: Sequence[Disagreement] = ()) -> str:
    """Return a quote with where it stands, for pasting into a letter; what contradicts it goes with it."""
    return "\n\n".join([_cited(quote), *(text for each in contested if (text := _contradiction(each, quote)))])


def _contradiction(disagreement: Disagreement, quote: Quote) -> str:
    """Say what contradicts a quote, and which of the two is better supported; empty where the quote holds both sides."""
    others = [side for side in disagreement.sides if not side_card(side, (quote,))]
    if len(others) != 1:
        return ""
    better = "the quote above" if others[0] is disagreement.sides[1] else "what contradicts it"
    verdict = f"Better supported: {better}." if disagreement.better_supported else "Neither is better supported."
    return f"Contradicted by: {_cited(others[0])}\n{verdict} {disagreement.why}"


def _cited(quote: Quote) -> str:
    citation, source = quote.citation, quote.citation.source
    day = f"{'reviewed ' if source.reviewed else ''}{source.date}"
    published = ", ".join(part for part in (source.publisher, day if source.date else "") if part)
    where = f"{citation.document}, characters {citation.span.start} to {citation.span.end}"
    lines = [
        f"“{with_numbers(quote)}”",
        f"{source.title}{f', “{citation.section}”' if citation.section else ''}. {f'{published}. ' if published else ''}"
        f"{kind_label(source)}. {where}{f', page {citation.page}' if citation.page else ''}, SHA-256 {citation.sha256}.",
    ]
    if note := restatement(source):
        lines.append(note)
    return "\n".join([*lines, *reference_lines(quote)])


def kind_label(source: Source) -> str:
    """Say in plain words what kind of source this is."""
    if source.kind is Kind.REFERENCE:
        return "Reference by kqa, sources named" if "kqa" in source.publisher.lower() else "Reference"
    if source.kind is Kind.CLINIC_MARKETING:
        return "Clinic marketing, restated" if source.restates else "Clinic marketing"
    return _KINDS[source.kind]


def kind_meaning(source: Source) -> str:
    """Say in plain words what a kind of source is worth."""
    return _MEANINGS[source.kind]


def restatement(source: Source) -> str | None:
    """Say whose article a document puts into other words, or None when it speaks for itself."""
    return f"kqa's restatement of the clinic article “{source.restates}” (not the clinic's words)." if source.restates else None


def interest(source: Source) -> str | None:
    """Say what a source earns by what it says, or None when nothing is known of it."""
    return "Written to sell this treatment." if source.kind is Kind.CLINIC_MARKETING else None


def dated(source: Source, today: date) -> str:
    """Say when a source was reviewed or published, and how long ago from one year on; empty where no date is given."""
    if not source.date:
        return ""
    found = _DATE.match(source.date)
    if not found:
        return source.date
    year, month = int(found[1]), int(found[2] or 12)
    months = 12 * (today.year - year) + today.month - month
    age = f", {months // 12} {'year' if months < 24 else 'years'} ago" if months >= 12 else ""
    return f"{'reviewed' if source.reviewed else 'dated'} {source.date}{age}"


def asked_there(quote: Quote) -> str:
    """Return the question that a quote beginning with yes or no answers, which may be the opposite of what was asked; or ''."""
    section = quote.citation.section
    return section if section.endswith("?") and re.match(r"\s*(?:Yes|No)\b", quote.text) else ""


def gathered_title(what: Gathering) -> str:
    """Return the heading of sentences that are shown together."""
    return _GATHERED[what]


def only_marketing(answer: Answer) -> bool:
    """Whether nothing but clinic marketing is quoted, on either side."""
    sides = [side for disagreement in answer.disagreements for side in disagreement.sides]
    quotes = [*answer.quotes, *(answer.gathered.quotes if answer.gathered else ()), *sides]
    return bool(answer.quotes) and all(quote.citation.source.kind is Kind.CLINIC_MARKETING for quote in quotes)


def numbered(quote: Quote) -> list[Reference]:
    """List the references that stand in a quote, in the order in which their marks do."""
    known = {reference.id: reference for reference in quote.citation.references}
    marks = dict.fromkeys(mark[1] for mark in FOOTNOTE.finditer(quote.text))
    return [known[name] for name in marks if name in known]


def side_card(side: Quote, quotes: Sequence[Quote]) -> int | None:
    """Return the number of the card that holds most of a side of a disagreement, or None when no card does."""
    at = side.citation
    held = (n for n, q in enumerate(quotes, 1) if q.citation.document == at.document and q.citation.span.covers(at.span))
    return next(held, None)


def with_numbers(quote: Quote) -> str:
    """Return the quote's words with small numbers for its footnote marks."""
    if not quote.citation.document.lower().endswith(".md"):
        return quote.text
    numbers = {reference.id: number for number, reference in enumerate(numbered(quote), 1)}

    def raised(marks: re.Match[str]) -> str:
        known = [superscript(numbers[name]) for name in FOOTNOTE.findall(marks[0]) if name in numbers]
        return "\u202f".join(known)  # a narrow space: 1 and 2 side by side are not 12

    return _MARKS.sub(raised, quote.text)


def reference_lines(quote: Quote) -> list[str]:
    """List a quote's references, one a line, each with its number."""
    return [
        f"{superscript(number)} {reference.org} ({reference.year}). {reference.title}. {reference.locator}"
        for number, reference in enumerate(numbered(quote), 1)
    ]


def superscript(number: int) -> str:
    """Write a number small and raised."""
    return str(number).translate(_SUPERSCRIPTS)
