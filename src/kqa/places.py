"""Where an entry of a TOML file stands: its line, for errors that a person can follow in a text editor."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kqa.errors import RulesError

_TEXT = re.compile(
    r"#[^\n]*|\"{3}(?:\\.|[^\\])*?\"{3}|'{3}.*?'{3}|(?<!\")\"(?!\"\")(?:\\.|[^\"\\\n])*\"|(?<!')'(?!'')[^'\n]*'", re.DOTALL
)
_HEADER = re.compile(r"[ \t]*\[\[?[ \t]*([\w-]+)(\.[\w. -]+)?[ \t]*\]\]?[ \t]*(?:#.*)?")
_SWALLOWED = re.compile(r"\n[ \t]*(?:\[\[?[\w.-]+\]\]?[ \t]*|[\w-]+[ \t]*=[ \t]*)(?:\n|$)")
_FAULT = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)
_CURLY = re.compile(r"[=\[,{][ \t]*[“”„‘’]|[“”„‘’][ \t]*(?:[\],}#]|$)")
_STRAIGHT = 'use straight quotes (") around a text, not the curly ones (“ ”) of word processors'
_REMEDIES = {  # how tomllib's sentences begin → what is most often wrong, and what to do
    "Illegal character '\\n'": 'a closing quote is missing; put a straight quote (") at the end of the text',
    "Unterminated string": 'a closing quote is missing; close the text as it was opened, with " or with """',
    "Unclosed array": "the comma between two texts, or the closing ], is missing here or on the line before; add it",
    "Invalid value": 'a text needs straight quotes (") around it, a list its ] at the end; true and false stand bare',
    "Cannot overwrite": "the key on this line stands twice in its entry; take one of the two out",
    "Cannot declare": "this table stands twice; put both into one",
    "Expected newline": "something follows the value; within a text write ' and not \", and take out what else follows it",
    "Expected '='": "this is no key with its value; close the text above it, or put # before a remark",
    "Unescaped '\\": "a text holds a \\; write it twice",
    "Expected ']": "the name of a table is not closed; write [name] or [[name]], as above the others",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a TOML file, counted from 1, in an entry that ends before the line ``end``; its text begins an error.

    ``lines`` are the file's; in ``bare`` texts of several lines are blank; ``headers`` are lines, names and whether the
    table lies within another. ``entry`` says in words what stands there.
    """

    path: Path
    lines: Sequence[str]
    bare: Sequence[str]
    headers: Sequence[tuple[int, str, bool]]
    line: int
    end: int
    entry: str = ""

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}" + (f": {self.entry}" if self.entry else "")

    def table(self, name: str, number: int = 0) -> Place:
        """Return the place of the ``number``-th table of a name, counted from 0, or of its key where it has no header."""
        starts = [at for at, table, inner in self.headers if table == name and not inner]
        if number >= len(starts):
            return self.key(name)
        start = starts[number]
        ends = (at for at, table, inner in self.headers if at > start and not (table == name and inner))
        return replace(self, line=start, end=next(ends, len(self.bare) + 1))

    def key(self, name: str) -> Place:
        """Return the first place from here on of a key or table of a name, or this place where there is none."""
        sought = re.compile(rf"[ \t]*(?:\[\[?[ \t]*(?:[\w-]+\.)?)?[\"']?{re.escape(name)}[\"']?[ \t]*[=.\]]")
        return self._first(lambda at: sought.match(self.bare[at]) is not None) or self

    def text(self, *texts: str) -> Place:
        """Return the first place from here on of the first of some texts that stands there, or this place."""
        for text in texts:
            start = text.strip().split("\n")[0]
            escaped = start.replace("\\", "\\\\").replace('"', '\\"')
            for form in (f'"{escaped}"', f"'{start}'", escaped, start):
                if start and (found := self._holding(form)):
                    return found
        return self

    def named(self, entry: str) -> Place:
        """Return this place with what stands there in words."""
        return replace(self, entry=entry)

    def _holding(self, text: str) -> Place | None:
        return self._first(lambda at: text in self.lines[at])

    def _first(self, holds: Callable[[int], bool]) -> Place | None:
        found = next((at for at in range(self.line, self.end) if holds(at - 1)), None)
        return replace(self, line=found) if found else None


def read_toml(path: Path) -> tuple[dict[str, Any], Place]:
    """Read a TOML file; return what it holds and the place of its first line.

    Raises RulesError with the line and the remedy when it is no TOML, or is not saved as UTF-8.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-8").replace("\r\n", "\n")
    except OSError as error:
        raise RulesError(f"{path}: cannot be read ({error.strerror or error}); name a file that is there") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RulesError(f"{path}, line {line}: this is not saved as UTF-8; save the file as UTF-8, without BOM") from error
    if text.startswith("\ufeff"):
        raise RulesError(f"{path}, line 1: an invisible mark (BOM) stands before the text; save the file as UTF-8, without BOM")
    try:
        raw = tomllib.loads(text)
        repr(raw)  # what cannot be written out, nested or long, could not be told of in an error either
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"{path}, {_fault(text, str(error))}") from error
    except RecursionError as error:
        line = _most(text, r"[\[{.]")
        raise RulesError(f"{path}, line {line}: this goes deeper than kqa reads; take out what is nested") from error
    except ValueError as error:  # of int()
        line = _most(text, r"[0-9a-fA-F]")
        raise RulesError(f"{path}, line {line}: this number is longer than kqa reads; shorten it") from error
    bare = _TEXT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]) if "\n" in found[0] else found[0], text).split("\n")
    headers = [(at, m[1], bool(m[2])) for at, line in enumerate(bare, 1) if (m := _HEADER.fullmatch(line))]
    return raw, Place(path, text.split("\n"), bare, headers, 1, len(bare) + 1)


def _most(text: str, sign: str) -> int:
    """Return the line on which a sign stands most often."""
    counts = [len(re.findall(sign, line)) for line in text.split("\n")]
    return counts.index(max(counts)) + 1


def _fault(text: str, error: str) -> str:
    """Return the line of a fault in TOML, with what is wrong there and what to do."""
    if unclosed := _unclosed(text):
        return f'line {unclosed}: the text that opens here is not closed; put """ after its last line'
    fault = _FAULT.fullmatch(error)
    said = fault[1] if fault else error
    line = int(fault[2]) if fault and fault[2] else text.rstrip().count("\n") + 1
    column = f", column {fault[3]}" if fault and fault[3] else ""
    curly = _CURLY.search(text.split("\n")[line - 1]) and not said.startswith("Cannot")
    remedy = next((words for start, words in _REMEDIES.items() if said.startswith(start)), "correct this line")
    return f"line {line}{column}: {_STRAIGHT if curly else remedy} ({said})"


def _unclosed(text: str) -> int | None:
    """Return the line of a text of several lines that swallows entries, or never ends."""
    for found in _TEXT.finditer(text):
        if found[0].startswith(('"""', "'''")) and _SWALLOWED.search(found[0][3:-3]):
            return text.count("\n", 0, found.start()) + 1
    rest = re.search("\"{3}|'{3}", _TEXT.sub(lambda found: " " * len(found[0]), text))
    return text.count("\n", 0, rest.start()) + 1 if rest else None
