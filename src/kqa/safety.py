"""Questions that need help before an answer: reviewed phrases, notices and help lines, read from ``safety.toml``.

The phrase language is explained at the top of that file. Everything here is plain text matching: the same question
always gets the same referral, offline and well under a millisecond.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from functools import lru_cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from kqa.errors import RulesError
from kqa.types import HelpLine, Notice, Outcome

RULES = Path(__file__).with_name("safety.toml")
_OUTCOMES: Mapping[str, Outcome | None] = {  # in the order in which rules are tried; personal advice stops nothing
    "emergency": Outcome.EMERGENCY,
    "crisis": Outcome.CRISIS,
    "self_dosing": Outcome.SELF_DOSING,
    "personal_advice": None,
}
_DOSES, _STANDING = "self_dosing", "not-medical-advice"
_TURNS = 4  # how many earlier questions a follow-up can lean on, one through the next
_WORD = r"[^ ¶]+ "
_NUMBER = r"(?:[0-9][0-9.,]*|half|one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|fifty|hundred) "
_MARKS = {"...": rf"(?:{_WORD}){{0,4}}", "^": r"(?:(?<=¶ )|(?<![^¶]))", "$": r"(?![^¶])", "_": _WORD, "<number>": _NUMBER}
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´′＇", "'"))
_HOMOGLYPHS = str.maketrans(
    "аеорсухіїјѕԁһкмтвнԛԝӏгпαοορτυνικεϲχηγωμɡıɑⅼᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ",
    "aeopcyxiijsdhkmtbhqwlrnaooptuvikecxnywugialabcdefghijklmnoprstuvwyz",
)
_MASKS = str.maketrans("!1|@4$5037", "iiiaassoet", "*#")
_MASKED = re.compile(r"(?<=[^\W\d_])[!1|@4$5037*#](?=[^\W\d_])")
_SPACED = re.compile(r"\b[a-z]([ .\-_*])[a-z]\1[a-z](?:\1[a-z])+\b")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_SENTENCE = re.compile(r"[.!?;]+(?=\s|$)|\n+|\.{2,}")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*")

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
_NOTICE = {"id": "text", "text": "text"}
_LINE = dict.fromkeys(["country", "name", "number", "how"], "text") | {"urgent": "yes or no", "checked": "date"}
_LINE |= {"for": "list of texts", "sources": "list of texts"}


@dataclass(frozen=True, slots=True)
class Referral:
    """What a question needs before an answer: ``outcome`` stops it, ``notice`` is shown, ``rule`` fired, ``doses`` asked."""

    outcome: Outcome | None = None
    notice: Notice | None = None
    rule: str | None = None
    doses: bool = False


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
    """The whole reviewed file, compiled; ``rules`` in the order in which they are tried."""

    rules: tuple[Rule, ...]
    notices: Mapping[str, Notice]
    follow_up: re.Pattern[str]
    spellings: Mapping[str, str]
    typos: Mapping[str, str]

    def sentences(self, text: str) -> tuple[str, ...]:
        """Normalise a text into sentences of known words, a space after each word."""
        return tuple("".join(f"{self._respelled(word)} " for word in words) for words in _words(text))

    def _respelled(self, word: str) -> str:
        bare = word.replace("'", "")
        return self.spellings.get(word) or self.spellings.get(bare) or _forgiven(bare, self.typos)

    def fired(self, question: str, history: Sequence[str] = ()) -> Rule | None:
        """Return the first rule that fires on a question, alone or as a follow-up to the questions before it."""
        asked = self.sentences(question)
        own = next((rule for rule in self.rules if rule.fires(asked)), None)
        if not history or (own and _OUTCOMES[own.outcome]):
            return own
        before = self.fired(history[-1], history[:-1])
        if before and _OUTCOMES[before.outcome] and self.follow_up.search("¶ ".join(asked)):
            return before
        earlier = self.sentences(history[-1])
        both = (r for r in self.rules if r.joint and r.fires((*earlier, *asked)) and not r.fires(earlier))
        return next(both, own)


def screen(question: str, history: Sequence[str] = ()) -> Referral:
    """Return what a question needs before it is answered; ``history`` holds the earlier questions, oldest first."""
    rules, turns = load_rules(), history[-_TURNS:]
    if not (rule := rules.fired(question, turns)):
        return Referral()
    doses = any(r.outcome == _DOSES and r.fires(rules.sentences(text)) for r in rules.rules for text in (question, *turns))
    return Referral(_OUTCOMES[rule.outcome], rules.notices[rule.outcome], rule.id, doses or rule.outcome == _DOSES)


def standing_notice() -> Notice:
    """Return the notice that stands beside every answer."""
    return load_rules().notices[_STANDING]


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


def _words(text: str) -> Iterator[list[str]]:
    """Yield the plain words of each sentence: case, accents, hidden letters and disguised letters undone."""
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).casefold().translate(_HOMOGLYPHS)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) not in ("Mn", "Cf"))
    text = _STRETCHED.sub(r"\1", _MASKED.sub(lambda mask: mask[0].translate(_MASKS), text))
    text = _SPACED.sub(lambda run: run[0].replace(run[1], ""), text)
    for sentence in _SENTENCE.split(text):
        if words := _TOKEN.findall(sentence):
            yield words


def _shortened(word: str) -> set[str]:
    return {word[:i] + word[i + 1 :] for i in range(1, len(word))} | {word}


def _forgiven(word: str, typos: Mapping[str, str]) -> str:
    """Return the forgiven word one letter away (left out, added, changed, swapped; never the first), else the word."""
    if len(word) < 5 or typos.get(word) == word:
        return word
    near = {typos[short] for short in _shortened(word) if short in typos}
    return min((n for n in near if not n.startswith(word) and not word.startswith(n)), default=word)


@dataclass(frozen=True, slots=True)
class _Language:
    """Turns phrases into patterns; ``written`` keeps choices for the thousands of phrases that share them."""

    lists: Mapping[str, Sequence[str]]
    plain: Rules
    written: dict[str, str] = field(default_factory=dict)

    def either(self, phrases: Sequence[str], where: str) -> re.Pattern[str]:
        """Compile phrases into one pattern that matches any of them, and never when there are none."""
        branches = [self._phrase(phrase, where, frozenset()) for phrase in phrases]
        return re.compile(rf"(?<![^ ])(?:{'|'.join(branches)})" if branches else r"(?!)")

    def _phrase(self, phrase: str, where: str, inside: frozenset[str]) -> str:
        tokens = ((token.removesuffix("?").split("|"), "?" * token.endswith("?")) for token in phrase.split())
        return "".join(f"(?:{'|'.join(self._choice(c, where, inside) for c in choices)}){end}" for choices, end in tokens)

    def _choice(self, choice: str, where: str, inside: frozenset[str]) -> str:
        if choice not in self.written:
            self.written[choice] = self._write(choice, where, inside)
        return self.written[choice]

    def _write(self, choice: str, where: str, inside: frozenset[str]) -> str:
        if choice in _MARKS:
            return _MARKS[choice]
        if choice.startswith("<"):
            name = choice.strip("<>")
            if name not in self.lists or name in inside:
                known = ", ".join(self.lists)
                raise RulesError(f"{where}: '{choice}' is no list, or holds itself; add it to [words] or use {known}")
            return "|".join(self._phrase(entry, where, inside | {name}) for entry in self.lists[name])
        words = "".join(self.plain.sentences(choice.removesuffix("*")))
        if not words:
            raise RulesError(f"{where}: '{choice}' holds no word; use words and the signs that the file's top explains")
        return words.strip() + r"[^ ¶]* " if choice.endswith("*") else words


def _compiled(raw: Mapping[str, Any], where: Path) -> Rules:
    spellings = {word.casefold(): meant for word, meant in raw["spellings"].items()}
    typos = {short: word for word in sorted(raw["forgiven"]) for short in _shortened(word)}
    language = _Language(raw["words"], Rules((), {}, re.compile(""), spellings, {}))
    order = list(_OUTCOMES)
    rules = tuple(_rule(e, language, where) for e in sorted(raw["rule"], key=lambda e: order.index(e["outcome"])))
    follow_up = language.either(raw["follow_up"]["any"], f"{where}: follow_up")
    return Rules(rules, _notices(raw), follow_up, spellings, typos | {word: word for word in raw["forgiven"]})


def _rule(entry: Mapping[str, Any], language: _Language, where: Path) -> Rule:
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
    if missing := sorted({*_OUTCOMES, _STANDING} - set(ids)):
        raise RulesError(f"{where}: notice '{missing[0]}' is missing; add a [[notice]] with this id and its text")
    known = ", ".join(_OUTCOMES)
    for entry in raw["rule"]:
        if entry["outcome"] not in _OUTCOMES:
            raise RulesError(f"{where}: rule '{entry['id']}': '{entry['outcome']}' is no outcome; use {known}")
    for entry in raw["line"]:
        if not entry["for"] or not set(entry["for"]) <= set(_OUTCOMES):
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
            rule = rules.fired(question, (before,))
            stops = rule is not None and _OUTCOMES[rule.outcome] is not None
            if stops != (key == "fires_on"):
                raise RulesError(f"{where}: '{question}' after '{before}' belies '{key}'; change 'any' or the pair")
