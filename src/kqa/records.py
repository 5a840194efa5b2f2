"""Documents and passages as lines of JSON, as an index stores them: a line is read when it is asked for."""

from __future__ import annotations

import json
import mmap
import os
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kqa.errors import IndexCorrupt
from kqa.seam import ByDocument, ByNumber
from kqa.types import Document, Kind, Passage, Reference, Source, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DOCUMENTS_KEPT, _PASSAGES_KEPT = 128, 4096  # in memory, those asked for last: what a few questions need


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8", newline="")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read what ``write_lines`` wrote."""
    with path.open(encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]


def write_records(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line, and in an array of the same name where each line starts, with the end of the last."""
    starts = [0]
    with path.open("wb") as file:
        for row in rows:
            starts.append(starts[-1] + file.write((json.dumps(row, ensure_ascii=False) + "\n").encode()))
    np.save(path.with_suffix(".npy"), np.array(starts, np.int64))


class Records:
    """What ``write_records`` wrote, mapped: nothing is read before it is asked for, and a removed file stays readable."""

    def __init__(self, path: Path) -> None:
        starts = np.load(path.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if starts.dtype != np.int64 or starts.ndim != 1 or not len(starts) or starts[-1] != size:
                raise IndexCorrupt(f"{path} is not as long as {path.stem}.npy says; rebuild with: kqa build")
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        self._path, self._starts = path, np.asarray(starts)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def read(self, row: int) -> dict[str, Any]:
        """Return one record; raises IndexCorrupt where there is no JSON object."""
        try:
            found: dict[str, Any] = json.loads(self._data[self._starts[row] : self._starts[row + 1]])
        except ValueError as error:
            raise self.broken(row) from error
        return found

    def broken(self, row: int) -> IndexCorrupt:
        """Return the error that names a record which is not what it should be."""
        return IndexCorrupt(f"{self._path} holds something else on line {row + 1}; rebuild with: kqa build")


class Documents(Mapping[str, Document]):
    """The documents of an index by their paths, each read when it is asked for; one for many threads."""

    def __init__(self, records: Records, paths: Sequence[str]) -> None:
        if len(records) != len(paths):
            raise IndexCorrupt(f"{len(records)} documents but {len(paths)} paths; rebuild with: kqa build")
        self._records, self._rows = records, {path: row for row, path in enumerate(paths)}
        self._read = lru_cache(_DOCUMENTS_KEPT)(self._parsed)

    def __getitem__(self, path: str) -> Document:
        return self._read(path)

    def __contains__(self, path: object) -> bool:
        return path in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def _parsed(self, path: str) -> Document:
        row = self._rows[path]
        try:
            document = document_from_json(self._records.read(row))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._records.broken(row) from error
        if document.path != path:
            raise self._records.broken(row)
        return document


class Passages(Sequence[Passage]):
    """The passages of an index by their numbers, each read when it is asked for; one for many threads."""

    def __init__(self, records: Records) -> None:
        self._records, self._read = records, lru_cache(_PASSAGES_KEPT)(self._parsed)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return [self[number] for number in range(*at.indices(len(self)))]
        number = int(at) + (len(self) if at < 0 else 0)
        if not 0 <= number < len(self):
            raise IndexError(at)
        return self._read(number)

    def __len__(self) -> int:
        return len(self._records)

    def marked(self, paths: Collection[str]) -> NDArray[np.bool_]:
        """Mark the passages of documents, shape (passages,): what a search may be kept to."""
        marked = np.zeros(len(self), np.bool_)
        for path in paths:
            for passage in passages_of(self, path):
                marked[passage.number] = True
        return marked

    def _parsed(self, number: int) -> Passage:
        try:
            passage = passage_from_json(self._records.read(number))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._records.broken(number) from error
        if passage.number != number:
            raise self._records.broken(number)
        return passage


def passages_of(passages: ByNumber, path: str) -> Iterator[Passage]:
    """Yield the passages of one document, in their order; they stand together, and those of all documents by path."""
    if isinstance(passages, ByDocument):
        yield from passages.of(path)
        return
    at = bisect_left(passages, path, key=lambda passage: passage.document)
    while at < len(passages) and passages[at].document == path:
        yield passages[at]
        at += 1


def document_to_json(document: Document) -> dict[str, Any]:
    """Return a document field by field; headings only where its format declares them."""
    row = asdict(document)
    if document.headings is None:
        del row["headings"]
    return row


def document_from_json(data: dict[str, Any]) -> Document:
    """Read back a document that was written field by field."""
    source = Source(**{**data["source"], "kind": Kind(data["source"]["kind"])})
    references = tuple(Reference(**reference) for reference in data["references"])
    asks = {section: tuple(listed) for section, listed in data["asks"].items()}
    headings = tuple(Span(**span) for span in data["headings"]) if data.get("headings") is not None else None
    read = {"source": source, "references": references, "asks": asks, "pages": tuple(data["pages"]), "headings": headings}
    return Document(**{**data, **read})


def passage_from_json(data: dict[str, Any]) -> Passage:
    """Read back a passage that was written field by field."""
    return Passage(**{**data, "sentences": tuple(Span(**span) for span in data["sentences"])})
