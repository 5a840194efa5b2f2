"""One question, one answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from kqa.amounts import holds_amount
from kqa.confidence import confidence, unsupported
from kqa.errors import QuestionError, QuoteMismatch
from kqa.gather import LOOKED_AT, gathered
from kqa.index import Index
from kqa.question import bounded, clean, earlier_question, leans
from kqa.safety import Referral, screen, standing_notice, unreferred
from kqa.trust import disagreements
from kqa.types import Answer, Hit, Outcome, Quote

if TYPE_CHECKING:
    from kqa.index import Reading

MOST_QUOTES = 50
_SURER = 0.1  # than together with the earlier question: then a question that seemed to lean on it stands alone


def ask(question: str, index: Index, history: Sequence[str] = (), k: int = 5, *, despite: bool = False) -> Answer:
    """Answer a question with at most k quotes, or abstain, or refer to help first.

    ``history`` holds the earlier questions of the conversation, oldest first; ``despite`` shows what the sources say although
    the question was referred to help in an emergency or a crisis, unless it also asks for doses. Raises QuestionError for a
    question that cannot be asked and QuoteMismatch when a quote is not word for word in its document.
    """
    return index.consistently(lambda held: _answer(question, held, history, k, despite))


def _answer(question: str, index: Index, history: Sequence[str], k: int, despite: bool) -> Answer:
    asked = clean(question)
    referral, read = _screened(question, history, index)
    notices = (*((referral.notice,) if referral.notice else ()), standing_notice())
    if referral.outcome and (referral.doses or not despite):
        return Answer(asked, referral.outcome, 0.0, notices, (), (), (), index.manifest)
    reading, hits, sure, follows = _found(read(), index, k)
    quotes = tuple(_quote(hit, index) for hit in hits[:k])
    abstains = sure < index.config.threshold
    if abstains:  # whoever asks for doses in words that nobody foresaw gets no amounts as what lies closest
        quotes = tuple(quote for quote in quotes if not holds_amount(quote.text))
    together = None if abstains else gathered(asked, reading, hits, index)
    listed = together.quotes if together else ()
    contested = disagreements((*quotes, *listed), index.contradictions, index.documents, index.passages)
    _check_verbatim((*quotes, *listed, *(side for d in contested for side in d.sides)), index)
    if abstains:
        lacking = unsupported(asked, hits, index)
        return Answer(asked, Outcome.ABSTAINED, sure, notices, (), contested, lacking, index.manifest, follows, quotes)
    return Answer(asked, Outcome.ANSWERED, sure, notices, quotes, contested, (), index.manifest, follows, (), together)


def search(question: str, index: Index, history: Sequence[str] = (), k: int = 5) -> list[Hit]:
    """Return at most k hits for a question, best first: the ranking that ``ask`` quotes, without threshold or referral."""
    asked = bounded(question)
    earlier = earlier_question(asked, history)
    if earlier is None:
        return index.search(asked, _most(k))[:k]
    return index.consistently(lambda held: _found(_Read(held.read(asked, earlier), earlier), held, k).hits)[:k]


def read_with(question: str, history: Sequence[str], index: Index) -> str | None:
    """Return the earlier question that this one is read with, or None; raises QuestionError for one that cannot be asked.

    A question that was referred is never repeated back, not even as what a later one follows.
    """
    return index.consistently(lambda held: _found(_read(question, history, held), held, LOOKED_AT).follows)


class _Read(NamedTuple):
    """The readings of a question, and the earlier question that the first of them holds too."""

    readings: tuple[Reading, ...]
    earlier: str | None


class _Found(NamedTuple):
    """How a question was read, what was found so, how sure it is to answer, and the earlier question it was read with."""

    reading: Reading
    hits: list[Hit]
    sure: float
    follows: str | None


def _screened(question: str, history: Sequence[str], index: Index) -> tuple[Referral, Callable[[], _Read]]:
    """Return what a question needs first, and how it reads; what reading raises is heard only when it is called for.

    The encoder and the triage read it on two cores at once. Help waits for no database: one is asked after the screening.
    """
    read: Callable[[], _Read] = partial(_read, question, history, index)
    with ThreadPoolExecutor(1) as aside:
        if index.home is None:
            with suppress(RuntimeError):  # no thread is to be had: then one after the other
                read = aside.submit(read).result
        return screen(question, history, index.triage), read


def _read(question: str, history: Sequence[str], index: Index) -> _Read:
    asked = bounded(question)
    earlier = earlier_question(asked, unreferred(history, index.triage)) if history and leans(asked) else None
    return _Read(index.read(asked, earlier), earlier)


def _found(read: _Read, index: Index, k: int) -> _Found:
    """Search for a question together with the earlier one that it may lean on, or alone, where that is clearly surer."""
    readings, earlier = read
    hits = index.rank(readings, _most(k))
    together = _Found(readings[0], hits, confidence(readings[0], hits, index), earlier)
    if earlier is None:
        return together
    hits = index.rank(readings[1:], _most(k))
    alone = _Found(readings[1], hits, confidence(readings[1], hits, index), None)
    return alone if alone.sure > together.sure + _SURER else together


def _most(k: int) -> int:
    if not 1 <= k <= MOST_QUOTES:
        raise QuestionError(f"{k} quotes cannot be shown; ask for 1 to {MOST_QUOTES}")
    return max(k, LOOKED_AT)


def _quote(hit: Hit, index: Index) -> Quote:
    passage = hit.passage
    return index.documents[passage.document].cut(passage.span, passage.section, hit.answer, hit)


def _check_verbatim(quotes: Sequence[Quote], index: Index) -> None:
    for quote in quotes:
        span = quote.citation.span
        document = index.documents[quote.citation.document]
        if document.text[span.start : span.end] != quote.text or document.sha256 != quote.citation.sha256:
            raise QuoteMismatch(f"a quote is not word for word in {document.path}; rebuild with: kqa build")
