"""Read a corpus folder into documents: front matter, kinds of source, references."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from kqa.errors import CorpusError
from kqa.readers import READERS
from kqa.types import Document, Kind, Reference, Source

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_KEYS = {"title", "kind", "publisher", "reviewed", "date", "jurisdiction", "url", "restates", "references", "asks"}
_REFERENCE_KEYS = {"org", "title", "year", "class", "locator"}
TABLE = "disagreements.toml"  # the corpus's table of contested claims, read by kqa.trust
_NOT_DOCUMENTS = {"readme.md", "readme.txt"}
TITLE_WORDS = 16  # a first line of more words than this is a sentence, not a title


def read_corpus(folder: Path) -> list[Document]:
    """Read every document below a folder, in the order of their paths.

    Hidden files, README files and suffixes without a reader are passed over. Raises CorpusError for a folder that is
    missing, unreadable or empty, a file that cannot be read, and two documents of the same title.
    """
    documents = [read_document(folder, path) for path in list_documents(folder)]
    if not documents:
        raise CorpusError(f"no document in {folder}; put {' or '.join(sorted(READERS))} files there")
    titles: dict[str, str] = {}
    for document in documents:
        other = titles.setdefault(document.source.title.casefold(), document.path)
        if other != document.path:
            raise CorpusError(
                f"{document.path} and {other} have the same title “{document.source.title}”; "
                "give one of them another (front matter: title), so that citations can tell them apart"
            )
    return documents


def list_documents(folder: Path) -> list[str]:
    """List the paths of a corpus folder's documents, relative to it, with forward slashes, sorted."""
    if not folder.is_dir():
        raise CorpusError(f"no corpus folder {folder}; name one with: kqa build FOLDER")
    found = []
    for directory, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if name.startswith(".") or name.lower() in _NOT_DOCUMENTS or Path(name).suffix.lower() not in READERS:
                continue
            path = (Path(directory) / name).relative_to(folder).as_posix()
            if not path.isprintable():
                raise CorpusError(f"{ascii(path)}: the name is not UTF-8 or holds control characters; rename the file")
            found.append(path)
    return sorted(found)


def passed_over(folder: Path) -> list[str]:
    """List the files of a corpus folder that are no documents because their suffix has no reader."""
    listed = {*list_documents(folder), TABLE}
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    visible = (path for path in found if not any(part.startswith(".") for part in path.parts))
    return sorted(p.as_posix() for p in visible if p.as_posix() not in listed and p.name.lower() not in _NOT_DOCUMENTS)


def corpus_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every document's bytes by path: what staleness is judged by."""
    return {path: hashlib.sha256(_read_bytes(folder, path)).hexdigest() for path in list_documents(folder)}


def read_document(folder: Path, path: str) -> Document:
    """Read one document of a corpus folder."""
    data = _read_bytes(folder, path)
    reading = READERS[Path(path).suffix.lower()](data, path)
    match = _FRONT_MATTER.match(reading.text) if path.lower().endswith(".md") else None
    front = _parse_front_matter(match.group(1), path) if match else {}
    body = match.end() if match else 0
    title = str(front.get("title") or _title_from_text(reading.text[body:]) or Path(path).stem)
    return Document(
        path=path,
        text=reading.text,
        sha256=hashlib.sha256(data).hexdigest(),
        source=_source(front, title, path),
        body=body,
        references=_references(front.get("references") or {}, path),
        asks=_asks(front.get("asks") or {}, path),
        pages=reading.pages,
    )


def _refuse(error: OSError) -> None:
    raise CorpusError(f"{error.filename} cannot be read ({error.strerror}); allow it or move it away") from error


def _read_bytes(folder: Path, path: str) -> bytes:
    try:
        return (folder / path).read_bytes()
    except OSError as error:
        raise CorpusError(f"{folder / path} cannot be read ({error.strerror}); allow it or move it away") from error


def _parse_front_matter(text: str, path: str) -> dict[str, Any]:
    try:
        front = YAML(typ="safe", pure=True).load(text) or {}
    except (YAMLError, ValueError, RecursionError) as error:
        marked = error if isinstance(error, MarkedYAMLError) else None
        line = f", line {marked.problem_mark.line + 2}" if marked and marked.problem_mark else ""
        problem = (marked and marked.problem) or str(error).partition("\n")[0]
        raise CorpusError(f"{path}{line}: front matter is not YAML ({problem}); quote values with a colon") from error
    if not isinstance(front, dict):
        raise CorpusError(f"{path}: front matter is no list of settings; write “title: …” and so on")
    unknown = sorted(str(key) for key in front if key not in _KEYS)
    if unknown:
        raise CorpusError(f"{path}: front matter has unknown keys {', '.join(unknown)}; known: {', '.join(sorted(_KEYS))}")
    return front


def _source(front: Mapping[str, Any], title: str, path: str) -> Source:
    try:
        kind = Kind(str(front.get("kind", Kind.UNSTATED)))
    except ValueError as error:
        raise CorpusError(f"{path}: kind “{front['kind']}” is not known; use one of {', '.join(Kind)}") from error
    return Source(
        title=" ".join(title.split()),
        kind=kind,
        publisher=str(front.get("publisher") or ""),
        date=str(front.get("reviewed") or front.get("date") or ""),
        jurisdiction=str(front.get("jurisdiction") or ""),
        url=str(front["url"]) if front.get("url") else None,
        restates=str(front["restates"]) if front.get("restates") else None,
    )


def _references(entries: object, path: str) -> tuple[Reference, ...]:
    if not isinstance(entries, dict):
        raise CorpusError(f"{path}: references must be “id: {{org, title, year, class, locator}}”")
    found = []
    for name, entry in entries.items():
        if not isinstance(entry, dict) or set(entry) != _REFERENCE_KEYS:
            raise CorpusError(f"{path}: reference {name} needs exactly {', '.join(sorted(_REFERENCE_KEYS))}")
        try:
            year = int(entry["year"])
        except (TypeError, ValueError, OverflowError) as error:
            raise CorpusError(f"{path}: reference {name}: year {entry['year']!r} is no number") from error
        found.append(
            Reference(str(name), str(entry["org"]), str(entry["title"]), year, str(entry["class"]), str(entry["locator"]))
        )
    return tuple(found)


def _asks(entries: object, path: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(entries, dict) or not all(isinstance(listed, list) for listed in entries.values()):
        raise CorpusError(f"{path}: asks must be “section: [question, …]”, the section as its heading's slug")
    return {str(section): tuple(str(question) for question in listed) for section, listed in entries.items()}


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
