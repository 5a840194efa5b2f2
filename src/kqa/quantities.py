"""Amounts that a text states, as ranges: how long, how often, what share, how much money, how many sessions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_TO_TWENTY = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty"
)
_NUMBERS = {word: float(number) for number, word in enumerate(_TO_TWENTY.split(), 1)} | {
    "a": 1.0, "an": 1.0, "half an": 0.5, "half a": 0.5, "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0,
    "ninety": 90.0, "hundred": 100.0,
}  # fmt: skip
_VAGUE = {"a couple of": (2.0, 3.0), "a few": (2.0, 6.0), "few": (2.0, 6.0), "several": (3.0, 10.0)}
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800, "month": 2_629_800, "year": 31_557_600}
_AT_MOST_BARE = {"second": 60.0, "minute": 60.0, "hour": 24.0, "day": 14.0, "week": 13.0, "month": 24.0, "year": math.inf}
_SHORT = {"sec": "second", "min": "minute", "hr": "hour"}
_OTHERS = {
    "%": "percent", "percent": "percent", "per cent": "percent", "infusion": "sessions", "session": "sessions",
    "dose": "sessions", "injection": "sessions", "dollar": "$", "euro": "€", "mg": "mg", "mg/kg": "mg/kg", "ml": "ml",
}  # fmt: skip
_MARGIN = 1.25  # “about 40 minutes” and “45 minutes” say the same


def _any_of(forms: Sequence[str] | dict[str, object]) -> str:
    return "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))


_NUMBER = rf"\d+(?:,\d{{3}})*(?:\.\d+)?|{_any_of([*_NUMBERS])}"
_AMOUNT = re.compile(
    rf"(?<![\w.,$£€])(?P<money>[$£€]\s?)?(?:(?P<vague>{_any_of([*_VAGUE])})"
    rf"|(?P<low>{_NUMBER})(?:\s*(?:-|–|to|or|and)\s*[$£€]?(?P<high>{_NUMBER}))?)(?P<more> or more)?"
    rf"(?:[\s-]*(?P<unit>{_any_of([*_SECONDS, *_SHORT, *_OTHERS])})s?(?![a-z/]))?"
)
_BARE = re.compile(rf"\b(?P<unit>{_any_of([*_SECONDS])})s\b")
_AT_MOST = re.compile(
    r"\b(?:up to|at most|within|(?:less|fewer|no more|no longer|not more|shorter) than|under|below|maximum of)"
    r"(?: about| around| the first)?\s*$"
)
_AT_LEAST = re.compile(r"\b(?:at least|(?:more|longer|no less) than|over|beyond|above|minimum of)(?: about| around)?\s*$")
_OR_MORE = re.compile(r"^\s*(?:\+|(?:or|and) (?:more|longer|beyond))")
_EVERY = re.compile(r"\b(?:every|each)\s*$")
_NO_AMOUNT_BEFORE = re.compile(r"\b(?:aged?|age of|times|once|twice|per|past|the last|recent|coming|these|those|the first)\s*$")
_NO_AMOUNT_AFTER = re.compile(r"^[\s-]*(?:old\b|of age\b|ago\b|(?:confidence|credible)\b|ci\b)")
_ONE_BEFORE = re.compile(r"\b(?:for|within|in|after|about|around|over|lasts?|lasting|under|than|least|up to|every)\s*$")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A range ``[low, high]`` of a kind, and its words; kinds are ``time`` and ``every`` in seconds, ``percent``, ``$``, …"""

    kind: str
    low: float
    high: float
    text: str = ""

    def overlaps(self, other: Quantity) -> bool:
        """Whether the two ranges, each widened by a quarter, have something in common."""
        return self.low / _MARGIN <= other.high * _MARGIN and other.low / _MARGIN <= self.high * _MARGIN


def quantities(text: str) -> tuple[Quantity, ...]:
    """Return the amounts that a text states, in order; ages, dates and time gone by are none.

    “A few” is 2 to 6, “for weeks” 2 weeks to the next longer unit's 3 months; “up to” starts at 0, “or more” has no end.
    """
    folded = text.casefold().replace("\u00a0", " ")
    stated = list(_AMOUNT.finditer(folded))
    taken = [match.span("unit") for match in stated if match["unit"]]
    found = [(match.start(), quantity) for match in stated if (quantity := _stated(match, folded))]
    for match in _BARE.finditer(folded):
        if not any(start <= match.start() < end for start, end in taken) and not _is_none(match, folded):
            size = _SECONDS[match["unit"]]
            found.append((match.start(), Quantity("time", 2.0 * size, _AT_MOST_BARE[match["unit"]] * size, match[0])))
    return tuple(quantity for _, quantity in sorted(found, key=lambda one: one[0]))


def apart(a: Sequence[Quantity], b: Sequence[Quantity]) -> Iterator[tuple[Quantity, Quantity]]:
    """Yield, for each kind that both state and of which no two ranges overlap, the first of each."""
    for kind in sorted({one.kind for one in a} & {one.kind for one in b}):
        one, other = ([quantity for quantity in stated if quantity.kind == kind] for stated in (a, b))
        if not any(x.overlaps(y) for x in one for y in other):
            yield one[0], other[0]


def _stated(match: re.Match[str], text: str) -> Quantity | None:
    unit = _SHORT.get(match["unit"] or "", match["unit"] or "")
    kind = (match["money"] or "").strip() or ("time" if unit in _SECONDS else _OTHERS.get(unit, ""))
    before, after = text[: match.start()], text[match.end() :]
    if not kind or _is_none(match, text) or (match["low"] in ("a", "an") and not _ONE_BEFORE.search(before)):
        return None
    low, high = _VAGUE[match["vague"]] if match["vague"] else (_number(match["low"]), _number(match["high"] or match["low"]))
    low = 0.0 if _AT_MOST.search(before) else low
    high = math.inf if match["more"] or _AT_LEAST.search(before) or _OR_MORE.search(after) else high
    if kind == "time" and _EVERY.search(before):
        kind = "every"
    size = _SECONDS.get(unit, 1)
    return Quantity(kind, min(low, high) * size, max(low, high) * size, match[0].strip())


def _is_none(match: re.Match[str], text: str) -> bool:
    return bool(_NO_AMOUNT_BEFORE.search(text[: match.start()]) or _NO_AMOUNT_AFTER.search(text[match.end() :]))


def _number(text: str) -> float:
    return _NUMBERS[text] if text in _NUMBERS else float(text.replace(",", ""))
