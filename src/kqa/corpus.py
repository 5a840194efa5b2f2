"""Read a corpus folder into documents: front matter, kinds of source, references."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent

from kqa.errors import CorpusError, DocumentRefused
from kqa.folder import read_bytes
from kqa.isolation import Isolation
from kqa.readers import READERS, read
from kqa.types import Document, Kind, Reference, Source

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_HALF = re.compile(r"\\(?:u|U0{4})[dD][89a-fA-F][0-9a-fA-F]{2}")  # no file can hold it
_NOT_YAML = (YAMLError, ValueError, LookupError, ArithmeticError, TypeError, AttributeError, RecursionError)  # what it raises
_KEYS = {"title", "kind", "publisher", "reviewed", "date", "jurisdiction", "url", "restates", "references", "asks"}
_REFERENCE_KEYS = {"org", "title", "year", "class", "locator"}
_LARGEST_FRONT = 200_000  # characters; YAML is read slowly
TITLE_WORDS = 16  # a first line of more words than this is a sentence, not a title


def no_document(folder: Path) -> CorpusError:
    """Return the error of a corpus folder without documents."""
    return CorpusError(f"no document in {folder}; put {' or '.join(sorted(READERS))} files there")


def told_apart(documents: Sequence[Document]) -> list[Document]:
    """Add the path to a title that several documents share, where the format has no front matter to give it another."""
    counted = Counter(document.source.title.casefold() for document in documents)
    return [
        replace(document, source=replace(document.source, title=f"{document.source.title} ({document.path})"))
        if counted[document.source.title.casefold()] > 1 and not document.path.lower().endswith(".md")
        else document
        for document in documents
    ]


def same_titles(documents: Sequence[Document]) -> dict[str, str]:
    """Return why each document cannot stand whose title an earlier one has."""
    titles: dict[str, str] = {}
    found = {}
    for document in documents:
        other = titles.setdefault(document.source.title.casefold(), document.path)
        if other != document.path:
            found[document.path] = (
                f"{document.path} and {other} have the same title “{document.source.title}”; "
                "give one of them another (front matter: title), so that citations can tell them apart"
            )
    return found


def read_noted(folder: Path, path: str, isolation: Isolation | None = None) -> tuple[Document, tuple[str, ...]]:
    """Read one document of a corpus folder, and what should be said of how it was read; raises CorpusError."""
    data = read_bytes(folder, path)
    reading = read(data, path, isolation)
    match = _FRONT_MATTER.match(reading.text) if path.lower().endswith(".md") else None
    front = _parse_front_matter(match.group(1), path) if match else {}
    body = match.end() if match else 0
    title = _words(front.get("title"), f"{path}: title") or reading.title or _title_from_text(reading.text[body:])
    document = Document(
        path=path,
        text=reading.text,
        sha256=hashlib.sha256(data).hexdigest(),
        source=_source(front, title or Path(path).stem, path),
        body=body,
        references=_references(front.get("references") or {}, path),
        asks=_asks(front.get("asks") or {}, path),
        pages=reading.pages,
        headings=reading.headings,
    )
    return document, reading.notes


def _parse_front_matter(text: str, path: str) -> dict[str, Any]:
    if len(text) > _LARGEST_FRONT:
        raise DocumentRefused(f"{path}: front matter of {len(text):,} characters, more than {_LARGEST_FRONT:,}; shorten it")
    if half := _HALF.search(text):
        raise DocumentRefused(f"{path}: front matter holds {half[0]}, half a character; write the character itself")
    try:
        yaml = YAML(typ="safe", pure=True)
        if "*" in text and any(isinstance(event, AliasEvent) for event in yaml.parse(text)):
            raise DocumentRefused(f"{path}: front matter holds an alias (*…); write out what it stands for, or quote the *")
        front = yaml.load(text) or {}
    except _NOT_YAML as error:
        marked = error if isinstance(error, MarkedYAMLError) else None
        line = f", line {marked.problem_mark.line + 2}" if marked and marked.problem_mark else ""
        problem = (marked and marked.problem) or str(error).partition("\n")[0]
        raise DocumentRefused(f"{path}{line}: front matter is not YAML ({problem}); quote values with a colon") from error
    if not isinstance(front, dict):
        raise DocumentRefused(f"{path}: front matter is no list of settings; write “title: …” and so on")
    unknown = sorted(_words(key, f"{path}: a key of the front matter") for key in front if key not in _KEYS)
    if unknown:
        raise DocumentRefused(f"{path}: front matter has unknown keys {', '.join(unknown)}; known: {', '.join(sorted(_KEYS))}")
    return front


def _words(value: object, what: str) -> str:
    """Return a setting as text, "" for none; a list or table is refused, for written out it may grow beyond measure."""
    if isinstance(value, Mapping | Sequence | Set) and not isinstance(value, str):
        raise DocumentRefused(f"{what} is no text; put it in quotation marks")
    return "" if value is None else str(value)


def _source(front: Mapping[str, Any], title: str, path: str) -> Source:
    said = {key: _words(front.get(key), f"{path}: {key}") for key in _KEYS - {"references", "asks"}}
    try:
        kind = Kind(said["kind"] or Kind.UNSTATED)
    except ValueError as error:
        raise DocumentRefused(f"{path}: kind “{said['kind']}” is not known; use one of {', '.join(Kind)}") from error
    return Source(
        title=" ".join(title.split()),
        kind=kind,
        publisher=said["publisher"],
        date=said["reviewed"] or said["date"],
        jurisdiction=said["jurisdiction"],
        url=said["url"] or None,
        restates=said["restates"] or None,
        reviewed=bool(said["reviewed"]),
    )


def _references(entries: object, path: str) -> tuple[Reference, ...]:
    if not isinstance(entries, dict):
        raise DocumentRefused(f"{path}: references must be “id: {{org, title, year, class, locator}}”")
    found = []
    for key, entry in entries.items():
        name = _words(key, f"{path}: the name of a reference")
        if not isinstance(entry, dict) or set(entry) != _REFERENCE_KEYS:
            raise DocumentRefused(f"{path}: reference {name} needs exactly {', '.join(sorted(_REFERENCE_KEYS))}")
        said = {key: _words(entry[key], f"{path}: reference {name}: {key}") for key in _REFERENCE_KEYS}
        try:
            year = int(said["year"])
        except ValueError as error:
            raise DocumentRefused(f"{path}: reference {name}: year {said['year']!r} is no number") from error
        found.append(Reference(name, said["org"], said["title"], year, said["class"], said["locator"]))
    return tuple(found)


def _asks(entries: object, path: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(entries, dict) or not all(isinstance(listed, list) for listed in entries.values()):
        raise DocumentRefused(f"{path}: asks must be “section: [question, …]”, the section as its heading's slug")
    what = f"{path}: a section or question in asks"
    return {_words(key, what): tuple(_words(question, what) for question in listed) for key, listed in entries.items()}


def _title_from_text(text: str) -> str:
    """Take the first Markdown heading, or the first of the opening lines that looks like one, else nothing."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines() if line.strip()][:6]
    for line in lines:
        if line.startswith("#") and line.strip("# "):
            return line.strip("# ")
    for line in lines:
        if len(line.split()) <= TITLE_WORDS and line[-1] not in ".!,;:":
            return line
    return ""
