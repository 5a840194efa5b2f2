"""What a sentence affirms and denies, and the signals by which two sentences may contradict each other."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kqa.lexical import terms, words
from kqa.quantities import Quantity, apart, quantities

OPPOSITES = Path(__file__).with_name("opposites.toml")
_PUNCTUATION = re.compile(r"[,;:–—]| - ")  # a bracket says more of the same and parts nothing

Weigh = Callable[[str], float]
"""How telling a term is."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a sentence says that another sentence can contradict.

    ``terms`` are its terms, each with its word; ``affirmed`` and ``denied`` those outside and within the reach of a negation.
    ``poles`` says on which side of a pair of opposites it stands, 1 or -1, and by which word, with “not” where a negation
    turned it; of a pair on whose both sides it stands it says nothing. ``sure`` and ``unsure`` are the first words that leave
    no doubt and that doubt, or nothing.
    """

    terms: Mapping[str, str]
    affirmed: frozenset[str]
    denied: frozenset[str]
    poles: Mapping[str, tuple[int, str]]
    sure: str
    unsure: str
    quantities: tuple[Quantity, ...]


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for a contradiction of two sentences, each in [0, 1].

    shared     how much of what the sentence with less to say speaks of, the other speaks of too
    denied     how much of it one affirms and the other denies
    opposed    1 where they stand on the two sides of a pair of opposites
    apart      1 where amounts of one kind have nothing in common
    certainty  1 where one leaves no doubt and the other doubts
    """

    shared: float
    denied: float
    opposed: float
    apart: float
    certainty: float


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """``opposites.toml``, each list one pattern; ``oppositions`` has a name, the one side's pattern and that of both."""

    denying: re.Pattern[str]
    denying_all: re.Pattern[str]
    affirming: re.Pattern[str]
    beginning: re.Pattern[str]
    conditional: re.Pattern[str]
    sure: re.Pattern[str]
    unsure: re.Pattern[str]
    oppositions: tuple[tuple[str, re.Pattern[str], re.Pattern[str]], ...]


def read_statement(sentence: str) -> Statement:
    """Read a sentence, without marks. A condition affirms its terms and claims nothing."""
    lexicon = _lexicon()
    affirmed: dict[str, str] = {}
    denied: dict[str, str] = {}
    poles: dict[str, dict[int, str]] = {}
    clauses, claims = list(_clauses(sentence, lexicon)), []
    for clause in clauses:
        if lexicon.conditional.match(clause):
            affirmed.update(_terms(clause, lexicon))
            continue
        claims.append(clause)
        denials = list(_denials(clause, lexicon))
        reach = sorted(start for start, _ in denials)
        for depth, (start, end) in enumerate(zip([0, *reach], [*reach, len(clause)], strict=True)):
            (denied if depth % 2 else affirmed).update(_terms(clause[start:end], lexicon))
        for name, side, match in _sides(clause, lexicon):
            turned = sum(start <= match.start() and not match.start() <= at < match.end() for start, at in denials) % 2
            said = f"not {match[0]}" if turned else match[0]
            poles.setdefault(name, {}).setdefault(-side if turned else side, said)
    return Statement(
        terms=affirmed | denied,
        affirmed=frozenset(affirmed),
        denied=frozenset(denied),
        poles={name: next(iter(sides.items())) for name, sides in poles.items() if len(sides) == 1},
        sure=_first(lexicon.sure, claims),
        unsure=_first(lexicon.unsure, clauses),
        quantities=quantities(sentence),
    )


def differ(a: Statement, b: Statement) -> bool:
    """Whether anything speaks for a contradiction of two sentences, beyond what both speak of."""
    return bool(_denied(a, b) or any(_opposed(a, b)) or any(apart(a.quantities, b.quantities)) or _doubted(a, b))


def compare_statements(a: Statement, b: Statement, weigh: Weigh) -> Signals:
    """Return what speaks for a contradiction of two sentences; the same either way round."""
    less = min(_weight(a.terms, weigh), _weight(b.terms, weigh))
    return Signals(
        shared=_weight(a.terms.keys() & b.terms.keys(), weigh) / less if less else 0.0,
        denied=_weight(_denied(a, b), weigh) / less if less else 0.0,
        opposed=float(any(_opposed(a, b))),
        apart=float(any(apart(a.quantities, b.quantities))),
        certainty=float(bool(_doubted(a, b))),
    )


def explain(a: Statement, b: Statement) -> tuple[str, ...]:
    """Name the signals that spoke, each with its words, those of ``a`` first."""
    amounts = [f"“{x.text}” / “{y.text}”" for x, y in apart(a.quantities, b.quantities)]
    spoken = {
        "denied by one alone": sorted(a.terms[term] for term in _denied(a, b)),
        "opposites": list(_opposed(a, b)),
        "amounts": amounts,
        "certainty": _doubted(a, b),
    }
    return tuple(f"{name}: {', '.join(words)}" for name, words in spoken.items() if words)


def _denied(a: Statement, b: Statement) -> list[str]:
    return [term for term in a.terms.keys() & b.terms.keys() if _stance(a, term) * _stance(b, term) < 0]


def _doubted(a: Statement, b: Statement) -> list[str]:
    """Return the words where one leaves no doubt and the other doubts; a sentence with both doubts."""
    if a.unsure and b.sure and not b.unsure:
        return [f"“{a.unsure}” / “{b.sure}”"]
    return [f"“{a.sure}” / “{b.unsure}”"] if b.unsure and a.sure and not a.unsure else []


def _opposed(a: Statement, b: Statement) -> Iterator[str]:
    """Yield the words of each pair of opposites on whose two sides the sentences stand."""
    for name in sorted(a.poles.keys() & b.poles.keys()):
        if a.poles[name][0] != b.poles[name][0]:
            yield f"{a.poles[name][1]} / {b.poles[name][1]}"


def _stance(statement: Statement, term: str) -> int:
    return (term in statement.affirmed) - (term in statement.denied)


def _weight(found: Iterable[str], weigh: Weigh) -> float:
    return math.fsum(map(weigh, found))  # the same in any order


def _first(pattern: re.Pattern[str], clauses: Iterable[str]) -> str:
    return next((match[0] for clause in clauses for match in pattern.finditer(clause)), "")


def _terms(text: str, lexicon: _Lexicon) -> dict[str, str]:
    """Return each term with its word; what denies is none."""
    return {term: word for word in lexicon.denying.sub(" ", text).split() for term in terms(word)}


def _denials(clause: str, lexicon: _Lexicon) -> Iterator[tuple[int, int]]:
    """Yield where each denial in a clause begins to reach, and where it stands."""
    for match in lexicon.denying.finditer(clause):
        yield (0 if lexicon.denying_all.fullmatch(match[0]) else match.end()), match.start()


def _sides(clause: str, lexicon: _Lexicon) -> Iterator[tuple[str, int, re.Match[str]]]:
    for name, one, either in lexicon.oppositions:
        for match in either.finditer(clause):
            yield name, 1 if one.fullmatch(match[0]) else -1, match


def _clauses(sentence: str, lexicon: _Lexicon) -> Iterator[str]:
    for part in _PUNCTUATION.split(sentence):
        joined = lexicon.affirming.sub(" ", " ".join(words(part)))
        starts = [0, *(match.start() for match in lexicon.beginning.finditer(joined)), len(joined)]
        pieces = (joined[start:end].strip() for start, end in zip(starts, starts[1:], strict=False))
        yield from filter(None, pieces)


@lru_cache(maxsize=1)
def _lexicon() -> _Lexicon:
    data = tomllib.loads(OPPOSITES.read_text(encoding="utf-8"))
    pairs = data["opposites"].items()
    return _Lexicon(
        denying=_pattern([*data["denying"], *data["denying_all"]]),
        denying_all=_pattern(data["denying_all"]),
        affirming=_pattern(data["affirming"]),
        beginning=_pattern([*data["parting"], *data["conditional"]]),
        conditional=_pattern(data["conditional"]),
        sure=_pattern(data["certainty"]["sure"]),
        unsure=_pattern(data["certainty"]["unsure"]),
        oppositions=tuple((name, _pattern(pair["one"]), _pattern([*pair["one"], *pair["other"]])) for name, pair in pairs),
    )


def _pattern(forms: Iterable[str]) -> re.Pattern[str]:
    longest_first = "|".join(sorted(forms, key=len, reverse=True))
    return re.compile(rf"\b(?:{longest_first})\b".replace("*", r"\w*"))
