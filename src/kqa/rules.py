"""The reviewed file of rules, notices and help lines, ``safety.toml``: read, checked, compiled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from kqa.errors import RulesError
from kqa.phrases import Language, Pattern, Patterns, Speller, marked, shortened
from kqa.places import Place, read_toml
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
    "date": lambda value: type(value) is date,  # not a time of a day
    "list of texts": lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    "list of pairs": lambda value: isinstance(value, list) and all(_is_pair(item) for item in value),
    "table": lambda value: isinstance(value, dict),
    "tables": lambda value: isinstance(value, list) and all(isinstance(item, dict) for item in value),
}
_TOP = {"reviewed": "date", "forgiven": "list of texts", "words": "table", "spellings": "table"} | {
    "follow_up": "table", "amounts": "table", "notice": "tables", "line": "tables", "rule": "tables"
}  # fmt: skip
_EXAMPLES = {"fires_on": "list of texts", "silent_on": "list of texts"}
_RULE = {"id": "text", "outcome": "text", "why": "text", "any": "list of texts", "unless": "list of texts"} | _EXAMPLES
_FOLLOW_UP = {"why": "text", "any": "list of texts"} | dict.fromkeys(_EXAMPLES, "list of pairs")
_AMOUNTS_ID = "amounts"
_AMOUNTS = {key: kind for key, kind in _RULE.items() if key not in ("id", "outcome")}
_NOTICE = {"id": "text", "text": "text", "ask": "list of texts"}
_LINE = dict.fromkeys(["country", "name", "number", "how"], "text") | {"urgent": "yes or no", "checked": "date"}
_LINE |= {"for": "list of texts", "sources": "list of texts"}


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(item, str) for item in value)


@dataclass(frozen=True, slots=True)
class Rule:
    """One reviewed rule, compiled: it fires on a phrase in a sentence, or a ``clause``, that ``unless`` leaves alone."""

    id: str
    outcome: str
    phrase: Pattern
    joint: tuple[tuple[Pattern, ...], ...]
    unless: Pattern
    clause: Pattern

    def fires(self, sentences: Sequence[str]) -> bool:
        """Whether this rule fires on normalised sentences."""
        if not self._found(sentences):
            return False
        clauses = [self.clause.parts(sentence) for sentence in sentences]
        pairs = [first + second for parts in clauses for first, second in pairwise(parts)]
        heard = ([p for p in parts if not self.unless.found([p])] for parts in (sentences, chain(*clauses), pairs))
        return any(map(self._found, heard))

    def may_fire(self, standing: Collection[Pattern]) -> bool:
        """Whether so much stands in a message that this rule may fire on it."""
        return self.phrase in standing or any(all(part in standing for part in parts) for parts in self.joint)

    def _found(self, sentences: Sequence[str]) -> bool:
        said = marked(sentences)
        return self.phrase.stands_in(said) or any(all(part.stands_in(said) for part in parts) for parts in self.joint)


@dataclass(frozen=True, slots=True)
class Rules:
    """The whole reviewed file, compiled; ``rules`` in the order in which they are tried, ``countries`` as their lines stand.

    ``offers`` are questions that may be asked instead, by the notice that they stand with.
    """

    rules: tuple[Rule, ...]
    notices: Mapping[str, Notice]
    follow_up: Pattern
    amounts: Rule
    speller: Speller
    offers: Mapping[str, tuple[str, ...]]
    countries: tuple[str, ...]
    subject: Pattern
    patterns: Patterns

    def sentences(self, text: str) -> tuple[str, ...]:
        """Normalise a text into sentences of known words, a space after each word."""
        return self.speller.sentences(text)

    def plain(self, text: str) -> str:
        """Return a text as the triage reads it: in plain letters, misspelt words and slang as they are meant."""
        return self.speller.text(text)

    def fired(self, *texts: str) -> Rule | None:
        """Return the first rule that fires on texts that are read together."""
        said = tuple(sentence for text in texts for sentence in self.sentences(text))
        standing = self.patterns.standing(marked(said))
        return next((rule for rule in self.rules if rule.may_fire(standing) and rule.fires(said)), None)

    def joined(self, earlier: str, question: str) -> Rule | None:
        """Return the first rule of which one part stands in the earlier question and another in this one."""
        before, both = self.sentences(earlier), (*self.sentences(earlier), *self.sentences(question))
        return next((rule for rule in self.rules if rule.joint and rule.fires(both) and not rule.fires(before)), None)

    def names_subject(self, question: str) -> bool:
        """Whether a message has a word of what this page is about; without such a list, every message has."""
        return self.subject.empty or self.subject.found(self.sentences(question))

    def goes_on(self, question: str) -> bool:
        """Whether a question goes on where a referred one stopped."""
        return self.follow_up.found(self.sentences(question))

    def asks_amounts(self, text: str) -> bool:
        """Whether a text asks for an amount; an urgent question that does is shown no sources."""
        return self.amounts.fires(self.sentences(text))


@lru_cache(maxsize=4)
def load_rules(path: Path | None = None) -> Rules:
    """Read, check and compile a rules file; RulesError names the file, the line, the entry and the remedy."""
    raw, top = read_toml(path or RULES)
    _check_keys(raw, _TOP, top)
    _check_entries(raw, top)
    rules = _compiled(raw, top, at_once=path is not None)
    if path is not None:
        for entry, where in _entries(raw, top, "rule"):
            _check_examples(rules, next(rule for rule in rules.rules if rule.id == entry["id"]), entry, where)
        _check_examples(rules, rules.amounts, raw["amounts"], top.table("amounts").named("amounts"))
        _check_follow_up(rules, raw["follow_up"], top.table("follow_up").named("follow_up"))
    return rules


def _entries(raw: Mapping[str, Any], top: Place, table: str) -> list[tuple[Mapping[str, Any], Place]]:
    """Return the entries of a table, each with its place and what it is called."""
    name = "name" if table == "line" else "id"
    return [(e, top.table(table, at).named(f"{table} '{e.get(name, '?')}'")) for at, e in enumerate(raw[table])]


def _compiled(raw: Mapping[str, Any], top: Place, at_once: bool) -> Rules:
    spellings = {word.casefold(): meant for word, meant in raw["spellings"].items()}
    typos = {short: word for word in sorted(raw["forgiven"]) for short in shortened(word)}
    language = Language(raw["words"], Speller(spellings, {}), top.table("words"))
    rules = [_rule(entry, language, where) for entry, where in _entries(raw, top, "rule")]
    rules.sort(key=lambda rule: list(OUTCOMES).index(rule.outcome))
    follow_up = language.either(raw["follow_up"]["any"], top.table("follow_up").named("follow_up"))
    amounts = {"id": _AMOUNTS_ID, "outcome": _AMOUNTS_ID, **raw["amounts"]}
    asked = _rule(amounts, language, top.table("amounts").named("amounts"))
    speller = Speller(spellings, typos | {word: word for word in raw["forgiven"]})
    offers = {entry["id"]: tuple(entry["ask"]) for entry in raw["notice"]}
    countries = tuple(dict.fromkeys(entry["country"] for entry in raw["line"]))
    subject = language.either(language.lists.get("subject", ()), language.place)
    if at_once:
        for pattern in language.patterns:
            _ = pattern.compiled
    patterns = Patterns([pattern for rule in rules for pattern in (rule.phrase, *chain(*rule.joint))])
    return Rules(tuple(rules), _notices(raw), follow_up, asked, speller, offers, countries, subject, patterns)


def _rule(entry: Mapping[str, Any], language: Language, where: Place) -> Rule:
    phrases = [phrase.split(" & ") for phrase in entry["any"]]
    single = language.either([parts[0] for parts in phrases if len(parts) == 1], where)
    joint = tuple(tuple(language.either([part], where) for part in parts) for parts in phrases if len(parts) > 1)
    clause = language.either(language.lists.get(f"{entry['outcome']}_clause", ()), language.place)
    return Rule(entry["id"], entry["outcome"], single, joint, language.either(entry["unless"], where), clause)


def _notices(raw: Mapping[str, Any]) -> Mapping[str, Notice]:
    lines = [(entry["for"], HelpLine(*(entry[f.name] for f in fields(HelpLine)))) for entry in raw["line"]]
    texts = {entry["id"]: " ".join(entry["text"].split()) for entry in raw["notice"]}
    return {i: Notice(i, text, tuple(line for ids, line in lines if i in ids)) for i, text in texts.items()}


def _check_keys(entry: Mapping[str, Any], keys: Mapping[str, str], where: Place) -> None:
    """Refuse unknown, missing and mistyped keys."""
    if odd := sorted(entry.keys() - keys.keys()):
        raise RulesError(f"{where.key(odd[0])}: unknown key '{odd[0]}'; use {', '.join(keys)}")
    for key, kind in keys.items():
        if not _KINDS[kind](entry.get(key)):
            raise RulesError(f"{where.key(key)}: '{key}' is missing or wrong; give it a {kind}")


def _check_entries(raw: Mapping[str, Any], top: Place) -> None:
    """Check each table by itself, and what rules and lines say of notices."""
    for table, keys in (("notice", _NOTICE), ("line", _LINE), ("rule", _RULE)):
        for entry, where in _entries(raw, top, table):
            _check_keys(entry, keys, where)
    for name, keys in (("follow_up", _FOLLOW_UP), ("amounts", _AMOUNTS)):
        _check_keys(raw[name], keys, top.table(name).named(name))
    for name, kind in (("words", "list of texts"), ("spellings", "text")):
        _check_keys(raw[name], dict.fromkeys(raw[name], kind), top.table(name).named(name))
    _check_names(raw, top)
    known = ", ".join(OUTCOMES)
    for entry, where in _entries(raw, top, "rule"):
        if entry["outcome"] not in OUTCOMES:
            raise RulesError(f"{where.key('outcome')}: '{entry['outcome']}' is no outcome; use {known}")
    for entry, where in _entries(raw, top, "line"):
        if not entry["for"] or not set(entry["for"]) <= set(OUTCOMES):
            raise RulesError(f"{where.key('for')}: 'for' is empty or names no notice; use {known}")
        if sum(source.startswith("http") for source in entry["sources"]) < 2:
            raise RulesError(f"{where.key('sources')}: give two web addresses in 'sources' for its number")
    for name in (name for name, stop in OUTCOMES.items() if stop):
        if not any(entry["urgent"] and name in entry["for"] for entry in raw["line"]):
            where = top.table("line", max(0, len(raw["line"]) - 1))
            raise RulesError(f"{where}: no urgent line is for '{name}'; add a [[line]] for it with urgent = true")


def _check_names(raw: Mapping[str, Any], top: Place) -> None:
    """Refuse an id or a help line that stands twice, and a missing notice."""
    lines = [("line", (e["country"], e["name"], e["number"], e["how"]), where) for e, where in _entries(raw, top, "line")]
    named = [("id", (e["id"],), where) for table in ("notice", "rule") for e, where in _entries(raw, top, table)]
    first: dict[tuple[str, ...], Place] = {}
    for what, key, where in (*named, *lines):
        if key in first:
            said = f"the {what} '{', '.join(key)}' is used twice, first on line {first[key].line}"
            raise RulesError(f"{where}: {said}; rename one, or take it out")
        first[key] = where
    if missing := sorted({*OUTCOMES, STANDING} - {e["id"] for e in raw["notice"]}):
        where = top.table("notice", max(0, len(raw["notice"]) - 1))
        raise RulesError(f"{where}: notice '{missing[0]}' is missing; add a [[notice]] with this id and its text")


def _check_examples(rules: Rules, rule: Rule, entry: Mapping[str, Any], where: Place) -> None:
    """Refuse a rule without enough examples, or one that does not do to them what it says."""
    for key, fewest in (("fires_on", 3), ("silent_on", 2)):
        if len(entry[key]) < fewest:
            said = "an example is missing; give at least three in 'fires_on' and two in 'silent_on'"
            raise RulesError(f"{where.key(key)}: {said}")
    for key, verb, remedy in (("fires_on", "does not fire", "any"), ("silent_on", "fires", "unless")):
        for example in entry[key]:
            if rule.fires(rules.sentences(example)) != (key == "fires_on"):
                place = where.key(key).text(example)
                raise RulesError(f"{place}: {verb} on its own example '{example}'; change '{remedy}' or the example")


def _check_follow_up(rules: Rules, entry: Mapping[str, Any], where: Place) -> None:
    """Refuse follow-up words that do not do to their pairs of questions what they say."""
    for key in _EXAMPLES:
        for before, question in entry[key]:
            fired = [rules.fired(question), *([rules.fired(before)] if rules.goes_on(question) else [])]
            if any(rule and OUTCOMES[rule.outcome] for rule in fired) != (key == "fires_on"):
                place = where.key(key).text(question)
                raise RulesError(f"{place}: '{question}' after '{before}' belies '{key}'; change 'any' or the pair")
