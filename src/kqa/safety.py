"""Questions that need help before an answer: reviewed phrases, notices and help lines, read from ``safety.toml``.

The phrase language is explained at the top of that file. Everything here is plain text matching, so the same question always
gets the same referral, offline and well under a millisecond.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from kqa.errors import RulesError
from kqa.types import HelpLine, Notice, Outcome

_RULES = Path(__file__).with_name("safety.toml")
_OUTCOMES: Mapping[str, Outcome | None] = {
    "emergency": Outcome.EMERGENCY,
    "crisis": Outcome.CRISIS,
    "self_dosing": Outcome.SELF_DOSING,
    "personal_advice": None,
}
"""In the order in which rules are tried; personal advice is a notice and stops nothing."""
_STANDING = "not-medical-advice"
_TURNS = 4
"""How many earlier questions a follow-up can lean on, one through the next."""
_FUZZY = 6
"""Shortest word of the rules for which one wrong letter is forgiven; shorter ones turn into ordinary words."""
_WORD = r"[^ ¶]+ "
_GAP = rf"(?:{_WORD}){{0,4}}"
_NUMBER = r"(?:[0-9][0-9.,]*|half|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|fifty|hundred) "
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´′＇", "'"))
_HOMOGLYPHS = str.maketrans(
    "аеорсухіїјѕԁһкмтвнԛԝӏгпαοορτυνικεϲχηγωμɡıɑⅼᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ",
    "aeopcyxiijsdhkmtbhqwlrnaooptuvikecxnywugialabcdefghijklmnoprstuvwyz",
)
_LEET = str.maketrans("!1|@4$5037", "iiiaassoet", "*#")
_MASKED = re.compile(r"(?<=[^\W\d_])[!1|@4$5037*#](?=[^\W\d_])")
_SPACED = re.compile(r"\b[a-z]([ .\-_*])[a-z]\1[a-z](?:\1[a-z])+\b")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_SENTENCE = re.compile(r"[.!?;\n]+(?=\s|$)")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*")
_Keys = Mapping[str, type]
_TOP: _Keys = {"reviewed": date, "words": dict, "spellings": dict, "follow_up": dict, "notice": list, "line": list, "rule": list}
_NOTICE: _Keys = {"id": str, "text": str}
_LINE: _Keys = {
    "country": str, "name": str, "number": str, "how": str, "urgent": bool, "for": list, "sources": list, "checked": date
}  # fmt: skip
_RULE: _Keys = {"id": str, "outcome": str, "why": str, "any": list, "unless": list, "fires_on": list, "silent_on": list}
_FOLLOW_UP: _Keys = {"why": str, "any": list, "fires_on": list, "silent_on": list}


@dataclass(frozen=True, slots=True)
class Referral:
    """What a question needs before an answer: ``outcome`` stops the answer, ``notice`` is shown, ``rule`` says which rule fired."""

    outcome: Outcome | None = None
    notice: Notice | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One reviewed rule, compiled: it fires when a phrase stands in a sentence that nothing in ``unless`` silences."""

    id: str
    outcome: str
    phrase: re.Pattern[str]
    joint: tuple[tuple[re.Pattern[str], ...], ...]
    unless: re.Pattern[str]

    def fires(self, sentences: Sequence[str]) -> bool:
        """Whether this rule fires on normalised sentences."""
        if not self._found("".join(sentences)):
            return False
        return self._found("¶ ".join(s for s in sentences if not self.unless.search(s)))

    def _found(self, text: str) -> bool:
        return bool(self.phrase.search(text)) or any(all(part.search(text) for part in parts) for parts in self.joint)


@dataclass(frozen=True, slots=True)
class Rules:
    """The whole reviewed file, compiled; ``rules`` in the order in which they are tried."""

    rules: tuple[Rule, ...]
    notices: Mapping[str, Notice]
    follow_up: re.Pattern[str]
    spellings: Mapping[str, str]
    typos: Mapping[str, str]

    def sentences(self, text: str) -> tuple[str, ...]:
        """Normalise a text into sentences of known words, each word followed by a space."""
        return tuple(self._respell(words) for words in _words(text))

    def _respell(self, words: Sequence[str]) -> str:
        out = []
        for word in words:
            bare = word.replace("'", "")
            known = self.spellings.get(word) or self.spellings.get(bare)
            out.append(known or _corrected(bare, self.typos))
        return "".join(f"{word} " for word in out)

    def fired(self, question: str, history: Sequence[str]) -> Rule | None:
        """Return the first rule that fires on a question, alone or as a follow-up to the questions before it."""
        asked = self.sentences(question)
        own = next((rule for rule in self.rules if rule.fires(asked)), None)
        if not history or (own and _OUTCOMES[own.outcome]):
            return own
        before = self.fired(history[-1], history[-_TURNS:-1])
        if before and _OUTCOMES[before.outcome] and self.follow_up.search("".join(asked)):
            return before
        earlier = self.sentences(history[-1])
        both = (r for r in self.rules if r.joint and r.fires((*earlier, *asked)) and not r.fires(earlier))
        return next(both, own)


def screen(question: str, history: Sequence[str] = ()) -> Referral:
    """Return what a question needs before it is answered; ``history`` holds the earlier questions, oldest first."""
    rules = load_rules()
    rule = rules.fired(question, history[-_TURNS:])
    if rule is None:
        return Referral()
    return Referral(_OUTCOMES[rule.outcome], rules.notices[rule.outcome], rule.id)


def standing_notice() -> Notice:
    """Return the notice that stands on every answer."""
    return load_rules().notices[_STANDING]


@lru_cache(maxsize=4)
def load_rules(path: Path | None = None) -> Rules:
    """Read, check and compile a rules file, once; raises RulesError that names the file, the entry and the remedy."""
    where = path or _RULES
    try:
        raw = tomllib.loads(where.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RulesError(f"{where} cannot be read as TOML ({error}); correct it there") from error
    _check_keys(raw, _TOP, f"{where}")
    rules = _compile(raw, where)
    for entry in raw["rule"]:
        _check_examples(rules, entry, f"{where}: rule '{entry['id']}'")
    _check_follow_up(rules, raw["follow_up"], f"{where}: follow_up")
    return rules


def _words(text: str) -> Iterator[list[str]]:
    """Yield the plain words of each sentence: compatibility forms, case, accents, hidden and disguised letters undone."""
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).casefold().translate(_HOMOGLYPHS)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) not in ("Mn", "Cf"))
    text = _STRETCHED.sub(r"\1", _MASKED.sub(lambda m: m[0].translate(_LEET), text))
    text = _SPACED.sub(lambda m: m[0].replace(m[1], ""), text)
    for sentence in _SENTENCE.split(text):
        if words := _TOKEN.findall(sentence):
            yield words


def _shortened(word: str) -> set[str]:
    return {word[:i] + word[i + 1 :] for i in range(1, len(word))} | {word}


def _corrected(word: str, typos: Mapping[str, str]) -> str:
    """Return the rules' word that differs by one letter (left out, added, changed or swapped), else the word itself."""
    if len(word) < _FUZZY - 1 or word in typos and typos[word] == word:
        return word
    near = {typos[short] for short in _shortened(word) if short in typos}
    return min((n for n in near if abs(len(n) - len(word)) <= 1), default=word)


def _compile(raw: Mapping[str, Any], where: Path) -> Rules:
    spellings = {word.casefold(): meant for word, meant in raw["spellings"].items()}
    language = _Language(raw["words"], Rules((), {}, re.compile(""), spellings, {}))
    for entry in raw["rule"]:
        _check_keys(entry, _RULE, f"{where}: rule '{entry.get('id', '?')}'")
    _check_keys(raw["follow_up"], _FOLLOW_UP, f"{where}: follow_up")
    _check_names(where, raw)
    order = list(_OUTCOMES)
    rules = tuple(_rule(e, language, where) for e in sorted(raw["rule"], key=lambda e: order.index(e["outcome"])))
    follow_up = language.either(raw["follow_up"]["any"], f"{where}: follow_up")
    return Rules(rules, _notices(raw, where), follow_up, spellings, language.typos())


@dataclass(frozen=True, slots=True)
class _Language:
    """Turns phrases into patterns, and remembers their words."""

    lists: Mapping[str, Sequence[str]]
    plain: Rules
    words: set[str] = field(default_factory=set)

    def either(self, phrases: Sequence[str], where: str) -> re.Pattern[str]:
        """Compile phrases into one pattern that matches any of them (and never, when there are none)."""
        branches = [self.regex(phrase.split(), where, frozenset()) for phrase in phrases]
        return re.compile(rf"(?<![^ ])(?:{'|'.join(branches)})" if branches else r"(?!)")

    def regex(self, phrase: Sequence[str], where: str, open_lists: frozenset[str]) -> str:
        """Translate the tokens of one phrase; ``open_lists`` are the named lists that this phrase stands in."""
        return "".join(self._token(token, where, open_lists) for token in phrase)

    def _token(self, token: str, where: str, open_lists: frozenset[str]) -> str:
        if token == "...":
            return _GAP
        optional = token.endswith("?")
        choices = (self._choice(c, where, open_lists) for c in token.removesuffix("?").split("|"))
        return f"(?:{'|'.join(choices)})" + "?" * optional

    def _choice(self, choice: str, where: str, open_lists: frozenset[str]) -> str:
        if choice in ("_", "<number>"):
            return _WORD if choice == "_" else _NUMBER
        if choice.startswith("<"):
            name = choice.strip("<>")
            if name not in self.lists or name in open_lists:
                raise RulesError(f"{where}: '{choice}' is no list of [words], or holds itself; the lists are {', '.join(self.lists)}")
            return "|".join(self.regex(entry.split(), where, open_lists | {name}) for entry in self.lists[name])
        words = "".join(self.plain.sentences(choice.removesuffix("*")))
        if not words:
            raise RulesError(f"{where}: '{choice}' holds no word; use letters, digits or one of * | ? _ ... & <list>")
        if choice.endswith("*"):
            return words.strip() + r"[^ ¶]* "
        self.words.update(word for word in words.split() if len(word) >= _FUZZY)
        return words

    def typos(self) -> Mapping[str, str]:
        """Map each word of the rules, and each form of it with one letter left out, to that word."""
        forms = {short: word for word in sorted(self.words, reverse=True) for short in _shortened(word)}
        return forms | {word: word for word in self.words}


def _rule(entry: Mapping[str, Any], language: _Language, where: Path) -> Rule:
    name = f"{where}: rule '{entry['id']}'"
    joint = [phrase.split(" & ") for phrase in entry["any"] if " & " in phrase]
    single = language.either([phrase for phrase in entry["any"] if " & " not in phrase], name)
    parts = tuple(tuple(language.either([part], name) for part in phrase) for phrase in joint)
    return Rule(entry["id"], entry["outcome"], single, parts, language.either(entry["unless"], name))


def _notices(raw: Mapping[str, Any], where: Path) -> Mapping[str, Notice]:
    lines = [(frozenset(e["for"]), HelpLine(*(e[f.name] for f in fields(HelpLine)))) for e in raw["line"]]
    return {
        e["id"]: Notice(e["id"], " ".join(e["text"].split()), tuple(line for ids, line in lines if e["id"] in ids))
        for e in raw["notice"]
    }


def _check_names(where: Path, raw: Mapping[str, Any]) -> None:
    """Check what notices, lines and rules say of each other."""
    for entry in raw["notice"]:
        _check_keys(entry, _NOTICE, f"{where}: notice '{entry.get('id', '?')}'")
    known = [entry["id"] for entry in raw["notice"]]
    if missing := {*_OUTCOMES, _STANDING} - set(known):
        raise RulesError(f"{where}: notice '{min(missing)}' is missing; add a [[notice]] with this id and its text")
    for entry in raw["line"]:
        name = f"{where}: line '{entry.get('name', '?')}'"
        _check_keys(entry, _LINE, name)
        if not entry["for"] or set(entry["for"]) - set(known):
            raise RulesError(f"{name}: 'for' names no notice or an unknown one; use {', '.join(known)}")
        if len({s for s in entry["sources"] if s.startswith("http")}) < 2:
            raise RulesError(f"{name}: give at least two web addresses in 'sources' that confirm {entry['number']}")
    for entry in raw["rule"]:
        if entry["outcome"] not in _OUTCOMES:
            raise RulesError(f"{where}: rule '{entry['id']}': unknown outcome; use one of {', '.join(_OUTCOMES)}")
    ids = [entry["id"] for entry in raw["rule"]]
    if twice := [name for name in [*ids, *known] if [*ids, *known].count(name) > 1]:
        raise RulesError(f"{where}: '{twice[0]}' is used as an id twice; rename one")


def _check_keys(entry: Mapping[str, Any], keys: _Keys, where: str) -> None:
    """Refuse unknown, missing and mistyped keys, and lists that hold anything but text (or tables, at the top)."""
    if odd := sorted(entry.keys() - keys.keys()):
        raise RulesError(f"{where}: unknown key '{odd[0]}'; the keys are {', '.join(keys)}")
    for key, kind in keys.items():
        value = entry.get(key)
        if not isinstance(value, kind):
            raise RulesError(f"{where}: '{key}' is missing or not a {kind.__name__}; add it")
        inner = dict if keys is _TOP else str | list
        if isinstance(value, list) and not all(isinstance(item, inner) for item in value):
            raise RulesError(f"{where}: '{key}' holds something that is not text; put it in quotation marks")


def _check_examples(rules: Rules, entry: Mapping[str, Any], where: str) -> None:
    """Refuse a rule without enough examples, or one that does not do to them what it says."""
    fires, silent = entry["fires_on"], entry["silent_on"]
    if len(fires) < 3 or len(silent) < 2:
        raise RulesError(f"{where}: give at least three examples in 'fires_on' and two in 'silent_on'")
    rule = next(rule for rule in rules.rules if rule.id == entry["id"])
    for example in [*fires, *silent]:
        if rule.fires(rules.sentences(example)) != (example in fires):
            state, key = ("stays silent", "any") if example in fires else ("fires", "unless")
            raise RulesError(f"{where} {state} on its own example '{example}'; change '{key}' or the example")


def _check_follow_up(rules: Rules, entry: Mapping[str, Any], where: str) -> None:
    """Refuse follow-up words that do not do to their pairs of questions what they say."""
    for before, question in [*entry["fires_on"], *entry["silent_on"]]:
        rule = rules.fired(question, (before,))
        stops = rule is not None and _OUTCOMES[rule.outcome] is not None
        if stops != ([before, question] in entry["fires_on"]):
            raise RulesError(f"{where}: '{question}' after '{before}' {'is' if stops else 'is not'} referred; change 'any' or the pair")
