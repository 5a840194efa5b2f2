"""The language of the reviewed phrases: messages and phrases → plain words → patterns.

It is explained at the top of ``safety.toml``. All of it is plain text matching, offline, in a fraction of a millisecond.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, groupby, pairwise
from typing import Any

from kqa.errors import RulesError
from kqa.places import Place

_WORD = r"[^ ‹›]+ "
_NUMBER = r"(?:[0-9][0-9.,]*|half|one|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty|thirty|fifty|hundred) "
_BEGINS, _ENDS = "‹ ", "› "  # stand before and after each sentence of a message; no word holds them
_MARKS = {"...": rf"(?:{_WORD}){{0,4}}", "^": _BEGINS, "$": _ENDS, "_": _WORD, "<number>": _NUMBER}
_MOST_MEMORY = 4 << 20  # bytes that RE2 may use for one pattern; it starts its tables anew when they are full
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´′＇", "'"))
_HOMOGLYPHS = str.maketrans(
    "аеорсухіїјѕԁһкмтвнԛԝӏгпαοορτυνικεϲχηγωμɡıɑⅼᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ",
    "aeopcyxiijsdhkmtbhqwlrnaooptuvikecxnywugialabcdefghijklmnoprstuvwyz",
)
_CAPITALS = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "abezhikmnoptyx")  # Greek; their small letters look like others: Η η, Ν ν
_MASKS = str.maketrans("!1|@4$5037", "iiiaassoet", "*#")
_MASKED = re.compile(r"(?<=[^\W\d_])[!1|@4$5037*#](?=[^\W\d_])")
_SPACED = re.compile(r"\b[a-z]([ .\-_*])[a-z]\1[a-z](?:\1[a-z])+\b")
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_SENTENCE = re.compile(r"[.!?;]+(?=\s|$)|\n+|\.{2,}")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class Speller:
    """Turns messages into plain words: ``spellings`` by their meaning, ``typos`` by the word one letter away."""

    spellings: Mapping[str, str]
    typos: Mapping[str, str]

    def sentences(self, text: str) -> tuple[str, ...]:
        """Normalise a text into sentences of known words, a space after each word.

        Sentences of one or two words in a row ("How. much. ketamine.") are given once more, joined, after all others.
        """
        said = list(_words(text))
        return tuple("".join(f"{self._respelled(word)} " for word in words) for words in (*said, *_joined(said)))

    def text(self, text: str) -> str:
        """Return a text in plain letters, each word as it is meant, all else as it stands."""
        return _TOKEN.sub(lambda found: self._respelled(found[0]), plain_letters(text))

    def _respelled(self, word: str) -> str:
        bare = word.replace("'", "")
        return self.spellings.get(word) or self.spellings.get(bare) or _forgiven(bare, self.typos)


class Pattern:
    """Phrases in one pattern, made when it is first needed; RE2 makes it fast and reads in time linear in the message."""

    def __init__(self, branches: Sequence[str], where: Place) -> None:
        self.empty = not branches
        self.source, self._where = f" (?:{'|'.join(branches)})", where

    def found(self, sentences: Sequence[str]) -> bool:
        """Whether any of the phrases stands in normalised sentences; none does when there are none."""
        return self.stands_in(marked(sentences))

    def stands_in(self, said: bytes) -> bool:
        """Whether any of the phrases stands in sentences that were ``marked``."""
        return not self.empty and self.compiled.search(said) is not None

    def parts(self, sentence: str) -> list[str]:
        """Cut a normalised sentence before each of the phrases."""
        text, at, cuts = f" {sentence}".encode(), 0, [1]
        while not self.empty and (match := self.compiled.search(text, at)):
            cuts.append(match.start() + 1)
            at = max(match.end() - 1, match.start() + 1)  # the blank behind a phrase stands before the next one
        return [text[start:end].decode() for start, end in pairwise((*cuts, len(text)))]

    @cached_property
    def compiled(self) -> Any:
        """The pattern, made when it is first needed; RulesError where the phrases are too many for one."""
        import re2

        try:
            return re2.compile(self.source, _options())
        except re2.error as error:
            raise RulesError(f"{self._where}: its phrases are too many for one pattern; split the entry") from error


class Patterns:
    """Many patterns sought at once: first the letters that each of them needs, then those of which all stand in a message.

    One after the other they take six times as long for a message that was not read before.
    """

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = [pattern for pattern in patterns if not pattern.empty]

    def standing(self, said: bytes) -> frozenset[Pattern]:
        """Return those that stand in sentences that were ``marked``."""
        found = self._filter.Match(said) or [None]
        if found[-1] == len(self._patterns):
            return frozenset(self._patterns[at] for at in found[:-1])
        return frozenset(pattern for pattern in self._patterns if pattern.stands_in(said))

    @cached_property
    def _filter(self) -> Any:
        """Made when it is first needed; the last pattern stands in every message: where RE2 found none, its memory was out."""
        import re2

        made = re2.Filter()
        for source in (*(pattern.source for pattern in self._patterns), " "):
            made.Add(source, _options())
        made.Compile()
        return made


def _options() -> Any:
    import re2

    options = re2.Options()
    options.max_mem, options.log_errors = _MOST_MEMORY, False
    return options


@dataclass(frozen=True, slots=True)
class Language:
    """Turns phrases into patterns; ``place`` is that of the lists.

    ``written`` keeps choices that many phrases share, ``patterns`` all that were made.
    """

    lists: Mapping[str, Sequence[str]]
    speller: Speller
    place: Place
    written: dict[str, str] = field(default_factory=dict)
    patterns: list[Pattern] = field(default_factory=list)

    def either(self, phrases: Sequence[str], where: Place) -> Pattern:
        """Return one pattern for any of the phrases; ``where`` is the place of the entry or key below which they stand."""
        self.patterns.append(Pattern([self._phrase(phrase, where, frozenset()) for phrase in phrases], where))
        return self.patterns[-1]

    def _phrase(self, phrase: str, where: Place, inside: frozenset[str]) -> str:
        tokens = ((token.removesuffix("?").split("|"), "?" * token.endswith("?")) for token in phrase.split())
        try:
            return "".join(f"(?:{'|'.join(self._choice(c, inside) for c in choices)}){end}" for choices, end in tokens)
        except ValueError as error:
            raise RulesError(f"{where.text(phrase)}: {error}") from error

    def _choice(self, choice: str, inside: frozenset[str]) -> str:
        if choice not in self.written:
            self.written[choice] = self._write(choice, inside)
        return self.written[choice]

    def _write(self, choice: str, inside: frozenset[str]) -> str:
        """Write a choice as a pattern; ValueError says what is wrong with it."""
        if choice in _MARKS:
            return _MARKS[choice]
        if choice.startswith("<"):
            name = choice.strip("<>")
            if name not in self.lists or name in inside:
                known = ", ".join(self.lists)
                raise ValueError(f"'{choice}' is no list, or holds itself; add it to [words] or use {known}")
            where = self.place.key(name).named(f"words: '{name}'")
            return "|".join(self._phrase(entry, where, inside | {name}) for entry in self.lists[name])
        words = re.escape("".join(self.speller.sentences(choice.removesuffix("*"))).strip()).replace(r"\ ", " ")
        if not words:
            raise ValueError(f"'{choice}' holds no word; use words and the signs that the file's top explains")
        return words + ("[^ ‹›]* " if choice.endswith("*") else " ")


def marked(sentences: Sequence[str]) -> bytes:
    """Return normalised sentences as a pattern reads them, with the signs of where each begins and ends."""
    return f" {''.join(f'{_BEGINS}{sentence}{_ENDS}' for sentence in sentences)}".encode()


def plain_letters(text: str) -> str:
    """Undo what hides words: capitals, accents, hidden letters, disguised, doubled and spaced ones."""
    text = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES))
    text = "".join(c for c in text if unicodedata.category(c) not in ("Mn", "Cf"))
    text = text.translate(_CAPITALS).casefold().translate(_HOMOGLYPHS)
    text = _STRETCHED.sub(r"\1", _MASKED.sub(lambda mask: mask[0].translate(_MASKS), text))
    return _SPACED.sub(lambda run: run[0].replace(run[1], ""), text)


def _words(text: str) -> Iterator[list[str]]:
    for sentence in _SENTENCE.split(plain_letters(text)):
        if words := _TOKEN.findall(sentence):
            yield words


def _joined(sentences: Sequence[list[str]]) -> Iterator[list[str]]:
    """Yield each run of two or more sentences that have one or two words, as one sentence."""
    for short, run in groupby(sentences, key=lambda words: len(words) <= 2):
        if short and len(parts := list(run)) > 1:
            yield list(chain(*parts))


def shortened(word: str) -> set[str]:
    """Return a word and what is left of it without one of its letters, the first but kept."""
    return {word[:i] + word[i + 1 :] for i in range(1, len(word))} | {word}


def _forgiven(word: str, typos: Mapping[str, str]) -> str:
    """Return the forgiven word one letter away (left out, added, changed, swapped; never the first), else the word."""
    if len(word) < 5 or typos.get(word) == word:
        return word
    near = {typos[short] for short in shortened(word) if short in typos}
    return min((n for n in near if not n.startswith(word) and not word.startswith(n)), default=word)
