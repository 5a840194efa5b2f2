"""What must be shown beside a quote: the other side of a contested claim, from a reviewed table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kqa.errors import RulesError
from kqa.folder import TABLE
from kqa.places import Place, read_toml
from kqa.records import passages_of
from kqa.seam import ByNumber
from kqa.types import Disagreement, Document, Kind, Quote, Span

_ENTRY = "disagreement"
_KEYS = {"topic", "better", "other", "better_supported", "why", "shows_on", "silent_on"}
_SIDE_KEYS = {"document", "text"}


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a contested claim: the place of its sentence."""

    document: str
    span: Span


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A row of the table, its texts found: two sides, the better supported first (1), or neither better (0), and why.

    ``shows_on`` is a question whose answer must show it, ``silent_on`` one whose answer must not.
    """

    topic: str
    sides: tuple[Side, Side]
    better_supported: int
    why: str
    shows_on: str
    silent_on: str


def read_contradictions(corpus: Path, documents: Sequence[Document]) -> list[Contradiction]:
    """Read a corpus's table of disagreements and find each text in its document; no table, no contradictions.

    Raises RulesError naming the line when a key is missing, or a text does not stand exactly once in its document.
    """
    path = corpus / TABLE
    if not path.is_file():
        return []
    table, top = read_toml(path)
    entries = table.get(_ENTRY, [])
    if odd := sorted(set(table) - {_ENTRY}):
        raise RulesError(f"{top.key(odd[0])}: '{odd[0]}' is no entry; write nothing but [[{_ENTRY}]] entries")
    if not isinstance(entries, list):
        raise RulesError(f"{top.key(_ENTRY)}: '{_ENTRY}' is no table; write [[{_ENTRY}]] above each entry")
    by_path = {document.path: document for document in documents}
    places = [top.table(_ENTRY, at).named(f"entry {at + 1}") for at in range(len(entries))]
    found = [_contradiction(entry, by_path, where) for entry, where in zip(entries, places, strict=True)]
    for number, (contradiction, where) in enumerate(zip(found, places, strict=True)):
        if (first := found.index(contradiction)) < number:
            raise RulesError(f"{where}: this entry stands on line {places[first].line} already; take one of the two out")
    return found


def contradiction_from_json(data: Mapping[str, Any]) -> Contradiction:
    """Read back what an index stored."""
    sides = [Side(side["document"], Span(**side["span"])) for side in data["sides"]]
    return Contradiction(**{**data, "sides": (sides[0], sides[1])})


def disagreements(
    quotes: Sequence[Quote],
    contradictions: Sequence[Contradiction],
    documents: Mapping[str, Document],
    passages: ByNumber,
) -> tuple[Disagreement, ...]:
    """Return the contradictions of which a quote holds a side, in the order of the quotes, those of its answer first.

    A quote holds a side when it covers more than half of that sentence. A sentence that already stands beside a source which
    contradicts it brings no second contradiction, so that one sentence which answers five adverts does not bring five.
    """
    found: list[Contradiction] = []
    shown: set[Side] = set()
    within: dict[str, list[Contradiction]] = defaultdict(list)
    quoted = {quote.citation.document for quote in quotes}
    for contradiction in contradictions:
        for path in quoted.intersection(side.document for side in contradiction.sides):
            within[path].append(contradiction)
    for quote in quotes:
        holding = [(c, [side for side in c.sides if _holds(quote, side)]) for c in within[quote.citation.document]]
        held_by = [(c, held) for c, held in holding if held]
        held_by.sort(key=lambda one: (not any(_answers(quote, s) for s in one[0].sides), _advert(one[0], documents)))
        for contradiction, held in held_by:
            if contradiction not in found and not shown.issuperset(held):
                # Beside another advert a sentence still lacks the source that contradicts it.
                shown.update(held if _advert(contradiction, documents) else contradiction.sides)
                found.append(contradiction)
    return tuple(_disagreement(contradiction, documents, passages) for contradiction in found)


def _advert(contradiction: Contradiction, documents: Mapping[str, Document]) -> bool:
    return documents[contradiction.sides[0].document].source.kind is Kind.CLINIC_MARKETING


def _answers(quote: Quote, side: Side) -> bool:
    return (
        quote.citation.document == side.document and side.span.start < quote.answer.end and quote.answer.start < side.span.end
    )


def _holds(quote: Quote, side: Side) -> bool:
    return quote.citation.document == side.document and quote.citation.span.covers(side.span)


def _disagreement(contradiction: Contradiction, documents: Mapping[str, Document], passages: ByNumber) -> Disagreement:
    cut = [documents[side.document].cut(side.span, _section(side, passages)) for side in contradiction.sides]
    return Disagreement(contradiction.topic, (cut[0], cut[1]), contradiction.better_supported, contradiction.why)


def _section(side: Side, passages: ByNumber) -> str:
    own = passages_of(passages, side.document)
    return next((p.section for p in own if p.start <= side.span.start < p.end), "")


def _contradiction(entry: object, documents: Mapping[str, Document], where: Place) -> Contradiction:
    if not isinstance(entry, dict):
        raise RulesError(f"{where} is no table; write [[{_ENTRY}]] above it")
    if missing := sorted(_KEYS - set(entry)):
        raise RulesError(f"{where}: missing {', '.join(missing)}; add it below [[{_ENTRY}]]")
    if unknown := sorted(set(entry) - _KEYS):
        raise RulesError(f"{where.key(unknown[0])}: unknown {', '.join(unknown)}; correct its name, or take it out")
    if not isinstance(entry["better_supported"], bool):
        said = "better_supported is true when “better” is better supported, false when neither is"
        raise RulesError(f"{where.key('better_supported')}: {said}")
    sides = tuple(_side(entry[key], documents, where.key(key)) for key in ("better", "other"))
    if sides[0] == sides[1]:
        raise RulesError(f"{where.key('other')}: both sides are the same words; copy the sentence that contradicts the first")
    texts = {key: entry[key] for key in ("topic", "why", "shows_on", "silent_on")}
    for key, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            raise RulesError(f"{where.key(key)}: {key} is {text!r}; write it out in words, or take the entry out")
    return Contradiction(sides=(sides[0], sides[1]), better_supported=int(entry["better_supported"]), **texts)


def _side(entry: object, documents: Mapping[str, Document], where: Place) -> Side:
    if not isinstance(entry, dict) or set(entry) != _SIDE_KEYS:
        raise RulesError(f'{where}: a side is {{document = "…", text = "…"}}; write it so')
    path, text = entry["document"], entry["text"]
    for key, value in (("document", path), ("text", text)):
        if not isinstance(value, str):
            raise RulesError(f"{where.key(key)}: {key} is {value!r}; write it out in straight quotes")
    document = documents.get(path)
    if document is None:
        raise RulesError(f"{where.text(path)}: no document {path}; correct its path")
    count = document.text.count(text) if text else 0
    if count != 1:
        said = f"{document.path} holds the text {count} times: “{text[:60]}”; copy it again, exactly"
        raise RulesError(f"{where.text(text)}: {' '.join(said.split())}")
    start = document.text.index(text)
    return Side(document.path, Span(start, start + len(text)))
