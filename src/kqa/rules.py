"""The reviewed file of rules, notices and help lines, ``safety.toml``: read, checked, compiled."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from kqa.errors import RulesError
from kqa.phrases import Language, Speller, shortened
from kqa.types import HelpLine, Notice, Outcome

RULES = Path(__file__).with_name("safety.toml")
OUTCOMES: Mapping[str, Outcome | None] = {  # in the order in which rules are tried; personal advice stops nothing
    "emergency": Outcome.EMERGENCY,
    "crisis": Outcome.CRISIS,
    "self_dosing": Outcome.SELF_DOSING,
    "personal_advice": None,
}
STANDING = "not-medical-advice"
"""The notice that stands beside every answer."""
_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str) and bool(value.strip()),
    "yes or no": lambda value: isinstance(value, bool),
    "date": lambda value: isinstance(value, date),
    "list of texts": lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    "list of pairs": lambda value: isinstance(value, list) and all(isinstance(i, list) and len(i) == 2 for i in value),
    "table": lambda value: isinstance(value, dict),
    "tables": lambda value: isinstance(value, list) and all(isinstance(item, dict) for item in value),
}
_TOP = {"reviewed": "date", "forgiven": "list of texts", "words": "table", "spellings": "table"} | {
    "follow_up": "table", "notice": "tables", "line": "tables", "rule": "tables"
}  # fmt: skip
_EXAMPLES = {"fires_on": "list of texts", "silent_on": "list of texts"}
_RULE = {"id": "text", "outcome": "text", "why": "text", "any": "list of texts", "unless": "list of texts"} | _EXAMPLES
_FOLLOW_UP = {"why": "text", "any": "list of texts"} | dict.fromkeys(_EXAMPLES, "list of pairs")
_NOTICE = {"id": "text", "text": "text", "ask": "list of texts"}
_LINE = dict.fromkeys(["country", "name", "number", "how"], "text") | {"urgent": "yes or no", "checked": "date"}
_LINE |= {"for": "list of texts", "sources": "list of texts"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One reviewed rule, compiled: it fires on a phrase in a sentence, or a ``clause``, that ``unless`` leaves alone."""

    id: str
    outcome: str
    phrase: re.Pattern[str]
    joint: tuple[tuple[re.Pattern[str], ...], ...]
    unless: re.Pattern[str]
    clause: re.Pattern[str]

    def fires(self, sentences: Sequence[str]) -> bool:
        """Whether this rule fires on normalised sentences."""
        clauses = [self.clause.sub(r"¶ \g<0>", sentence).split("¶ ") for sentence in sentences]
        pairs = [first + second for parts in clauses for first, second in pairwise(parts)]
        heard = ([p for p in parts if not self.unless.search(p)] for parts in (sentences, chain(*clauses), pairs))
        return self._found(sentences) and any(map(self._found, heard))

    def _found(self, sentences: Sequence[str]) -> bool:
        text = "¶ ".join(sentences)
        return bool(self.phrase.search(text)) or any(all(part.search(text) for part in parts) for parts in self.joint)


@dataclass(frozen=True, slots=True)
class Rules:
    """The whole reviewed file, compiled; ``rules`` in the order in which they are tried, ``countries`` as their lines stand.

    ``offers`` are questions that may be asked instead, by the notice that they stand with.
    """

    rules: tuple[Rule, ...]
    notices: Mapping[str, Notice]
    follow_up: re.Pattern[str]
    speller: Speller
    offers: Mapping[str, tuple[str, ...]]
    countries: tuple[str, ...]

    def sentences(self, text: str) -> tuple[str, ...]:
        """Normalise a text into sentences of known words, a space after each word."""
        return self.speller.sentences(text)

    def fired(self, *texts: str) -> Rule | None:
        """Return the first rule that fires on texts that are read together."""
        said = tuple(sentence for text in texts for sentence in self.sentences(text))
        return next((rule for rule in self.rules if rule.fires(said)), None)

    def joined(self, earlier: str, question: str) -> Rule | None:
        """Return the first rule of which one part stands in the earlier question and another in this one."""
        before, both = self.sentences(earlier), (*self.sentences(earlier), *self.sentences(question))
        return next((rule for rule in self.rules if rule.joint and rule.fires(both) and not rule.fires(before)), None)

    def goes_on(self, question: str) -> bool:
        """Whether a question goes on where a referred one stopped."""
        return bool(self.follow_up.search("¶ ".join(self.sentences(question))))


@lru_cache(maxsize=4)
def load_rules(path: Path | None = None) -> Rules:
    """Read, check and compile a rules file; RulesError names the file, the entry and the remedy."""
    where = path or RULES
    try:
        raw = tomllib.loads(where.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RulesError(f"{where}: cannot be read as TOML ({error}); correct it there") from error
    _check_keys(raw, _TOP, f"{where}")
    _check_entries(raw, where)
    rules = _compiled(raw, where)
    if path is not None:
        for entry in raw["rule"]:
            _check_examples(rules, entry, f"{where}: rule '{entry['id']}'")
        _check_follow_up(rules, raw["follow_up"], f"{where}: follow_up")
    return rules


def _compiled(raw: Mapping[str, Any], where: Path) -> Rules:
    spellings = {word.casefold(): meant for word, meant in raw["spellings"].items()}
    typos = {short: word for word in sorted(raw["forgiven"]) for short in shortened(word)}
    language = Language(raw["words"], Speller(spellings, {}))
    order = list(OUTCOMES)
    rules = tuple(_rule(e, language, where) for e in sorted(raw["rule"], key=lambda e: order.index(e["outcome"])))
    follow_up = language.either(raw["follow_up"]["any"], f"{where}: follow_up")
    speller = Speller(spellings, typos | {word: word for word in raw["forgiven"]})
    offers = {entry["id"]: tuple(entry["ask"]) for entry in raw["notice"]}
    countries = tuple(dict.fromkeys(entry["country"] for entry in raw["line"]))
    return Rules(rules, _notices(raw), follow_up, speller, offers, countries)


def _rule(entry: Mapping[str, Any], language: Language, where: Path) -> Rule:
    name = f"{where}: rule '{entry['id']}'"
    phrases = [phrase.split(" & ") for phrase in entry["any"]]
    single = language.either([parts[0] for parts in phrases if len(parts) == 1], name)
    joint = tuple(tuple(language.either([part], name) for part in parts) for parts in phrases if len(parts) > 1)
    clause = language.either(language.lists.get(f"{entry['outcome']}_clause", ()), name)
    return Rule(entry["id"], entry["outcome"], single, joint, language.either(entry["unless"], name), clause)


def _notices(raw: Mapping[str, Any]) -> Mapping[str, Notice]:
    lines = [(entry["for"], HelpLine(*(entry[f.name] for f in fields(HelpLine)))) for entry in raw["line"]]
    texts = {entry["id"]: " ".join(entry["text"].split()) for entry in raw["notice"]}
    return {i: Notice(i, text, tuple(line for ids, line in lines if i in ids)) for i, text in texts.items()}


def _check_keys(entry: Mapping[str, Any], keys: Mapping[str, str], where: str) -> None:
    """Refuse unknown, missing and mistyped keys."""
    if odd := sorted(entry.keys() - keys.keys()):
        raise RulesError(f"{where}: unknown key '{odd[0]}'; use {', '.join(keys)}")
    for key, kind in keys.items():
        if not _KINDS[kind](entry.get(key)):
            raise RulesError(f"{where}: '{key}' is missing or wrong; give it a {kind}")


def _check_entries(raw: Mapping[str, Any], where: Path) -> None:
    """Check each table by itself, and what rules and lines say of notices."""
    for table, keys, name in (("notice", _NOTICE, "id"), ("line", _LINE, "name"), ("rule", _RULE, "id")):
        for entry in raw[table]:
            _check_keys(entry, keys, f"{where}: {table} '{entry.get(name, '?')}'")
    _check_keys(raw["follow_up"], _FOLLOW_UP, f"{where}: follow_up")
    _check_keys(raw["words"], dict.fromkeys(raw["words"], "list of texts"), f"{where}: words")
    _check_keys(raw["spellings"], dict.fromkeys(raw["spellings"], "text"), f"{where}: spellings")
    ids = [entry["id"] for entry in (*raw["notice"], *raw["rule"])]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise RulesError(f"{where}: the id '{twice[0]}' is used twice; rename one")
    if missing := sorted({*OUTCOMES, STANDING} - set(ids)):
        raise RulesError(f"{where}: notice '{missing[0]}' is missing; add a [[notice]] with this id and its text")
    known = ", ".join(OUTCOMES)
    for entry in raw["rule"]:
        if entry["outcome"] not in OUTCOMES:
            raise RulesError(f"{where}: rule '{entry['id']}': '{entry['outcome']}' is no outcome; use {known}")
    for entry in raw["line"]:
        if not entry["for"] or not set(entry["for"]) <= set(OUTCOMES):
            raise RulesError(f"{where}: line '{entry['name']}': 'for' is empty or names no notice; use {known}")
        if sum(source.startswith("http") for source in entry["sources"]) < 2:
            raise RulesError(f"{where}: line '{entry['name']}': give two web addresses in 'sources' for its number")


def _check_examples(rules: Rules, entry: Mapping[str, Any], where: str) -> None:
    """Refuse a rule without enough examples, or one that does not do to them what it says."""
    if len(entry["fires_on"]) < 3 or len(entry["silent_on"]) < 2:
        raise RulesError(f"{where}: an example is missing; give at least three in 'fires_on' and two in 'silent_on'")
    rule = next(rule for rule in rules.rules if rule.id == entry["id"])
    for key, verb, remedy in (("fires_on", "does not fire", "any"), ("silent_on", "fires", "unless")):
        for example in entry[key]:
            if rule.fires(rules.sentences(example)) != (key == "fires_on"):
                raise RulesError(f"{where}: {verb} on its own example '{example}'; change '{remedy}' or the example")


def _check_follow_up(rules: Rules, entry: Mapping[str, Any], where: str) -> None:
    """Refuse follow-up words that do not do to their pairs of questions what they say."""
    for key in _EXAMPLES:
        for before, question in entry[key]:
            fired = [rules.fired(question), *([rules.fired(before)] if rules.goes_on(question) else [])]
            if any(rule and OUTCOMES[rule.outcome] for rule in fired) != (key == "fires_on"):
                raise RulesError(f"{where}: '{question}' after '{before}' belies '{key}'; change 'any' or the pair")
