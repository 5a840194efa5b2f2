"""Questions that have answers here: where to start, and what to ask next.

They are the headings of sections that list the questions they answer. The listed ones are as people type them, misspelt and
all, and serve finding; only those that read as written with care complete what is being typed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from kqa.answer import ask
from kqa.index import Index
from kqa.lexical import terms
from kqa.passages import slug
from kqa.records import passages_of
from kqa.rules import load_rules
from kqa.safety import Referral, screen
from kqa.types import Answer, Outcome

_LONGEST = 48  # characters: what fits a phone in one line
_LONGEST_TYPED = 80  # characters of a question that completes what is typed
_MOST, _BYTES = 600, 40_000  # of the questions that a page carries, as JSON
_READ = 600  # documents, beside those that list questions, whose words are known to be spelt so
_FEWEST_WORDS = 4  # fewer are keywords
_WORD = re.compile(r"[^\W_]+(?:[’'-][^\W_]+)*")
_DOSES = re.compile(r"\b(?:over)?dos(?:e[sd]?|ages?|ings?)\b", re.IGNORECASE)
_OPENING = frozenset(
    "are can could did do does has have how is should was were what when where which who why will would".split()
)
_LEANING = frozenset(  # on a speaker, or on something said before
    "he her him his i i'm it its me mine my one our same she that their them then there these they this those us we".split()
)


def starters(index: Index, most: int = 6) -> tuple[str, ...]:
    """Return questions spread evenly over the documents, the first answered one of each; fewer where there are fewer."""
    documents = index.catalogue.asking
    step = max(1, len(documents) // max(1, most))
    chosen: list[str] = []
    for path in documents[step // 2 :: step]:
        answered = (q for q in _questions(index, path) if ask(q, index).outcome is Outcome.ANSWERED)
        chosen.extend(question for question in [next(answered, None)] if question)
    return tuple(dict.fromkeys(chosen))[:most]


def completions(index: Index) -> tuple[str, ...]:
    """Return the questions that complete what is typed, by document: at most 600, and 40 kB as JSON.

    They are headings and carefully written listed questions; none that would be referred to help.
    """
    read = [path for path, _ in zip(index.documents, range(_READ), strict=False)]
    read = list(dict.fromkeys((*read, *index.catalogue.asking)))
    passages = (passage for path in read for passage in passages_of(index.passages, path))
    texts = (f"{p.section} {index.documents[p.document].text[p.start : p.end]}" for p in passages)
    known = frozenset(word for text in texts for word in _WORD.findall(text))
    ranked: list[tuple[int, int, str]] = []
    for place, path in enumerate(index.catalogue.asking):
        own = dict.fromkeys((*_questions(index, path, _LONGEST_TYPED), *_listed(index, path, known)))
        ranked += [(rank, place, question) for rank, question in enumerate(own)]
    chosen: dict[str, tuple[int, int, str]] = {}
    size = 0
    for entry in sorted(ranked):  # every document's first ones before any document's last
        if slug(entry[2]) in chosen or screen(entry[2], (), index.triage) != Referral():
            continue
        size += len(json.dumps(entry[2])) + 2
        if len(chosen) == _MOST or size > _BYTES:
            break
        chosen[slug(entry[2])] = entry
    return tuple(question for _, _, question in sorted(chosen.values(), key=lambda entry: (entry[1], entry[0])))


def related(answer: Answer, index: Index, most: int = 3) -> tuple[str, ...]:
    """Return the next questions of the documents that an answer quotes, those of its first quote first."""
    quoted = {slug(quote.citation.section) for quote in answer.quotes}
    paths = dict.fromkeys(quote.citation.document for quote in answer.quotes)  # a build since may have taken some out
    asked = slug(answer.question)
    found = [q for path in paths if path in index.documents for q in _questions(index, path) if slug(q) not in quoted | {asked}]
    return tuple(dict.fromkeys(found))[:most]


def nearest(answer: Answer, index: Index, usual: Sequence[str] = (), most: int = 6) -> tuple[str, ...]:
    """Return what to ask instead of a question that nothing answers: the questions of the closest sections, then the usual.

    None of the closest for a question about something else, none that is referred or advised on, and none about doses.
    """
    near: list[str] = []
    if load_rules().names_subject(f"{answer.follows or ''} {answer.question}"):
        closest = dict.fromkeys((quote.citation.document, quote.citation.section) for quote in answer.closest)
        near = [q for path, q in closest if q in _questions(index, path) and screen(q, (), index.triage) == Referral()]
    asked = slug(answer.question)
    return tuple(q for q in dict.fromkeys((*near, *usual)) if slug(q) != asked and not _asks_doses(q))[:most]


def _asks_doses(question: str) -> bool:
    return bool(_DOSES.search(question)) or load_rules().asks_amounts(question)


def offers(index: Index) -> tuple[str, ...]:
    """Return the reviewed questions on harm and supervised care, of those that this index answers."""
    return tuple(q for q in load_rules().offers[Outcome.SELF_DOSING] if ask(q, index).outcome is Outcome.ANSWERED)


def _listed(index: Index, path: str, known: frozenset[str]) -> Iterator[str]:
    """Yield a document's listed questions that stand by themselves, each word spelt as somewhere in the documents."""
    document = index.documents[path]
    for section, listed in document.asks.items():
        about = set(terms(f"{document.source.title} {section.replace('-', ' ')}"))
        for question in listed:
            if _well_put(question, known) and about & set(terms(question)):
                yield f"{question[0].upper()}{question[1:].removesuffix('?')}?"


def _well_put(question: str, known: frozenset[str]) -> bool:
    """Whether a question is one sentence that leans on nothing, its words spelt as the documents spell them."""
    first, *others = _WORD.findall(question) or [""]
    whole = first.lower() in _OPENING and not first.isupper() and len(others) + 1 >= _FEWEST_WORDS
    short = len(question) < _LONGEST_TYPED and not re.search(r"[.,;:!?].", question)
    return whole and short and known.issuperset(others) and _LEANING.isdisjoint(word.lower() for word in others)


def _questions(index: Index, path: str, longest: int = _LONGEST) -> Iterator[str]:
    listed = index.documents[path].asks
    for section in dict.fromkeys(passage.section for passage in passages_of(index.passages, path)):
        if slug(section) in listed and section.endswith("?") and len(section) <= longest:
            yield section
