"""The sentences that a careful reader wants together: every length of time, every number, every reason not to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kqa.amounts import holds_amount
from kqa.lexical import terms
from kqa.types import Gathered, Gathering, Hit, Quote

if TYPE_CHECKING:
    from kqa.index import Index, Reading

LOOKED_AT = 20  # hits at most whose sentences may be gathered
_FIRST = 10  # hits of which other sentences than reasons not to are taken: farther ones measure something else
_MOST, _LEAST = 8, 2
_BEHIND, _FAR_BEHIND = 0.2, 0.35  # how far a sentence's cosine may stand behind the best one's; a reason not to
_UNITS = r"(?:seconds?|minutes?|mins?|hours?|days?|nights?|weeks?|months?|years?)"
_NUMBER = (
    r"(?:\d[\d.,]*%?|half|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty"
    r"|sixty|ninety)"
)
_TREATED = r"(?:have|take|get|try|use|receive|start|be given|be treated)"
_ASKED = {
    Gathering.DURATIONS: rf"\bhow (?:long|soon|quickly|fast)\b|\bhow many {_UNITS}\b|\bhow much time\b",
    Gathering.NUMBERS: r"\bhow many (?!people\b|patients\b)\w+",
    Gathering.EXCLUSIONS: (
        rf"\bwho (?:should|can|may|must|could) ?(?:not|n[’']?t)\b|\bwho can(?:not|[’']?t)\b|\bcontra-?indicat"
        rf"|\bwho (?:is|are) (?:\w+ ){{0,3}}(?:not|un)(?: ?suitable| ?safe| ?eligible| for)\b|\bwho (?:\w+ ){{0,2}}avoid\b"
        rf"|\breasons? not to {_TREATED}|\brule[ds]? (?:\w+ )?out\b"
    ),
}
_HOLDS = {
    Gathering.DURATIONS: (
        rf"\b{_NUMBER}(?:(?:[ –-]|to|or|and|more|few|a)*{_NUMBER})?[ -]{_UNITS}\b|\bwithin (?:\w+ )?{_UNITS}\b"
    ),
    Gathering.NUMBERS: rf"\b{_NUMBER}(?!\w)",
    Gathering.EXCLUSIONS: (
        rf"\b(?:should|must|can) ?not {_TREATED}|\bshould (?:\w+ )?be avoided\b|\bcontra-?indicat|\breasons? not to {_TREATED}"
        r"|\bnot (?:recommended|suitable|advised|safe) (?:for|in|with|during)\b|(?:^|, )avoid\b"
        r"|\bnot for (?:people|anyone|those)\b"
    ),
}
_NOT_A_REASON = re.compile(r"\b(?:not|never|no) (?:\w+ ){0,3}reasons?\b", re.IGNORECASE)
_COUNTED = re.compile(r"\bhow many (\w+)", re.IGNORECASE)


def gathering(question: str) -> Gathering | None:
    """Return what a question asks to see together, or None."""
    return next((kind for kind, words in _ASKED.items() if re.search(words, question, re.IGNORECASE)), None)


def gathered(question: str, reading: Reading, hits: Sequence[Hit], index: Index) -> Gathered | None:
    """Return the sentences of the first hits that hold what the question asks to see together, nearest first.

    None where it asks for nothing of the kind, or fewer than two sentences hold it. A sentence with an amount of a drug is
    never gathered: a list of those would be a table of doses.
    """
    kind = gathering(question)
    if kind is None or not hits:
        return None
    deep, behind = (LOOKED_AT, _FAR_BEHIND) if kind is Gathering.EXCLUSIONS else (_FIRST, _BEHIND)
    found = index.dense.nearest_sentences(reading.vector, [hit.passage.number for hit in hits[:deep]])
    near = [(number, ordinal) for number, ordinal, cosine in found if cosine >= found[0][2] - behind]
    counted = set(terms(" ".join(_COUNTED.findall(question))))
    cut = (_sentence(number, ordinal, index) for number, ordinal in near)
    quotes = [quote for quote in cut if _holds(quote, kind) and counted <= set(terms(quote.text))]
    return Gathered(kind, tuple(quotes[:_MOST])) if len(quotes) >= _LEAST else None


def _sentence(number: int, ordinal: int, index: Index) -> Quote:
    passage = index.passages[number]
    return index.documents[passage.document].cut(passage.sentences[ordinal], passage.section)


def _holds(quote: Quote, kind: Gathering) -> bool:
    words = re.sub(r"\[\^[^\]]*\]", "", quote.text)
    held = re.search(_HOLDS[kind], words, re.IGNORECASE)
    return bool(held) and not holds_amount(words) and not (kind is Gathering.EXCLUSIONS and _NOT_A_REASON.search(words))
