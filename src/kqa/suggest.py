"""Questions that have answers here: where to start, and what to ask next.

They are the headings of sections that list the questions they answer; the listed ones themselves are as people type them,
misspelt and all, and serve finding.
"""

from __future__ import annotations

from collections.abc import Iterator

from kqa.answer import ask
from kqa.index import Index
from kqa.passages import slug
from kqa.rules import load_rules
from kqa.types import Answer, Outcome

_LONGEST = 48  # characters: what fits a phone in one line


def starters(index: Index, most: int = 6) -> tuple[str, ...]:
    """Return questions spread evenly over the documents, the first answered one of each; fewer where there are fewer."""
    documents = [path for path, document in index.documents.items() if document.asks]
    step = max(1, len(documents) // max(1, most))
    chosen: list[str] = []
    for path in documents[step // 2 :: step]:
        answered = (q for q in _questions(index, path) if ask(q, index).outcome is Outcome.ANSWERED)
        chosen.extend(question for question in [next(answered, None)] if question)
    return tuple(dict.fromkeys(chosen))[:most]


def related(answer: Answer, index: Index, most: int = 3) -> tuple[str, ...]:
    """Return the next questions of the documents that an answer quotes, those of its first quote first."""
    quoted = {slug(quote.citation.section) for quote in answer.quotes}
    paths = dict.fromkeys(quote.citation.document for quote in answer.quotes)
    asked = slug(answer.question)
    found = [q for path in paths for q in _questions(index, path) if slug(q) not in quoted | {asked}]
    return tuple(dict.fromkeys(found))[:most]


def offers(index: Index) -> tuple[str, ...]:
    """Return the reviewed questions on harm and supervised care, of those that this index answers."""
    return tuple(q for q in load_rules().offers[Outcome.SELF_DOSING] if ask(q, index).outcome is Outcome.ANSWERED)


def _questions(index: Index, path: str) -> Iterator[str]:
    listed = index.documents[path].asks
    for section in dict.fromkeys(passage.section for passage in index.passages if passage.document == path):
        if slug(section) in listed and section.endswith("?") and len(section) <= _LONGEST:
            yield section
