"""Candidates for the table of disagreements: to read, to review as entries of the table, as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kqa.candidates import SIGNS, Candidate
from kqa.cite import citation_to_dict, kind_label
from kqa.render import for_terminal
from kqa.types import Document, Quote

_NONE = "No two sentences here look as if they contradict each other."
_GUESS = "Pairs that may contradict each other, guessed from their words; most do not. Read both sides, then decide."
_REVIEW = (
    "Pairs that may contradict each other, guessed from their words; most do not. Take out those that do not. Into the others\n"
    "write topic, why, shows_on and silent_on (until then kqa build refuses them); put the better supported side under better."
)
_WIDTH = 80  # columns
_DIGITS = 4


def candidates_to_text(candidates: Sequence[Candidate]) -> str:
    """Return candidates as a list to read: both sentences, where they stand, and what spoke for a contradiction."""
    found = [_to_text(rank, candidate) for rank, candidate in enumerate(candidates, 1)]
    return "\n\n".join([_GUESS, *found] if found else [_NONE]) + "\n"


def candidates_to_toml(candidates: Sequence[Candidate], documents: Mapping[str, Document]) -> str:
    """Return candidates as entries of a table of disagreements that a person must complete before ``kqa build`` takes them."""
    found = ["\n".join(_entry(rank, candidate, documents)) for rank, candidate in enumerate(candidates, 1)]
    return "\n\n".join([_comment(_REVIEW), *found] if found else [_comment(_NONE)]) + "\n"


def candidates_to_json(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Return candidates as JSON objects, best first; ``kqa verify`` reads their sides."""
    return [
        {
            "rank": rank,
            "score": candidate.score,
            "signals": list(candidate.signals),
            "signs": {name: round(sign, _DIGITS) for name, sign in zip(SIGNS, candidate.signs, strict=True)},
            "sides": [{"citation": citation_to_dict(side.citation), "text": side.text} for side in candidate.sides],
        }
        for rank, candidate in enumerate(candidates, 1)
    ]


def _to_text(rank: int, candidate: Candidate) -> str:
    lines = [f"{rank}. {'; '.join(candidate.signals)} (score {candidate.score:.2f})"]
    for side in candidate.sides:
        wrapped = textwrap.wrap(f"“{side.text}”", _WIDTH - 3, break_long_words=False, break_on_hyphens=False)
        lines += ["", *(f"   {line}" for line in wrapped), f"     {_where(side)} ({kind_label(side.citation.source)})"]
    return for_terminal("\n".join(lines))


def _entry(rank: int, candidate: Candidate, documents: Mapping[str, Document]) -> Iterator[str]:
    yield _comment(f"review: candidate {rank}, score {candidate.score:.2f}; {'; '.join(candidate.signals)}")
    for name, side in zip(("better", "other"), candidate.sides, strict=True):
        yield _comment(f"review: {name} is {_where(side)}, {kind_label(side.citation.source)}")
        count = documents[side.citation.document].text.count(side.text)
        if count > 1:
            yield _comment(f"review: the text of {name} stands there {count} times; lengthen it until it stands once")
    yield "[[disagreement]]"
    yield 'topic = ""'
    for name, side in zip(("better", "other"), candidate.sides, strict=True):
        yield f"{name} = {{document = {_string(side.citation.document)}, text = {_string(side.text)}}}"
    yield from ("better_supported = false", 'why = ""', 'shows_on = ""', 'silent_on = ""')


def _where(side: Quote) -> str:
    citation = side.citation
    section = f", “{citation.section}”" if citation.section else ""
    return f"{citation.document} [{citation.span.start}, {citation.span.end}){section}"


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in for_terminal(text).splitlines())


def _string(text: str) -> str:
    """Write a TOML string: JSON's, but for DEL, which TOML wants escaped as well."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
