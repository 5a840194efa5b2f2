"""Take in a corpus folder for an index: every document that can be read, and each that cannot with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kqa.corpus import no_document, read_noted, same_titles, told_apart
from kqa.errors import CorpusError, DocumentRefused
from kqa.folder import fingerprint, listed, place_free
from kqa.isolation import ISOLATED, Isolation
from kqa.passages import check_asks
from kqa.reading import check_text
from kqa.types import Document

Progress = Callable[[int, int], None]
"""Called with (files read, files to read), of those read in a process of their own."""


@dataclass(frozen=True, slots=True)
class Intake:
    """The documents in the order of their paths; by path, why others were refused, and what to know of how some were read.

    ``hashes`` has what a refused file is known again by: its SHA-256, or why it has none.
    """

    documents: tuple[Document, ...]
    refused: Mapping[str, str]
    notes: Mapping[str, tuple[str, ...]]
    hashes: Mapping[str, str]


def take_in(folder: Path, *, strict: bool = False, progress: Progress | None = None) -> Intake:
    """Read every document below a folder; what cannot be read is refused, and with ``strict`` the first of it raised.

    ``progress`` is called with the files read in a process of their own so far, and all of them. Raises CorpusError for a
    folder that is missing, unreadable or empty, and where every document is refused.
    """
    listing = listed(folder)
    refused = dict(listing.refused)
    _stop_at_first(refused, strict)
    read = [*_read(folder, listing.paths, refused, strict, progress)]
    documents = told_apart([document for document, _ in read])
    same = same_titles(documents)
    refused.update(same)
    _stop_at_first(refused, strict)
    kept = tuple(document for document in documents if document.path not in same)
    if not kept:
        raise _none_left(folder, refused)
    hashes = {
        path: place_free(folder, listing.refused[path]) if path in listing.refused else fingerprint(folder, path)
        for path in sorted(refused)
    }
    notes = {document.path: said for document, said in read if said and document.path not in same}
    return Intake(kept, dict(sorted(refused.items())), notes, hashes)


def _read(
    folder: Path, paths: Sequence[str], refused: dict[str, str], strict: bool, progress: Progress | None
) -> Iterator[tuple[Document, tuple[str, ...]]]:
    """Yield each document that can be read with what is said of it, and add the others to ``refused``."""
    isolated = [path for path in paths if Path(path).suffix.lower() in ISOLATED]
    order = {path: number for number, path in enumerate(isolated, 1)}
    with Isolation() as isolation:
        for path in paths:
            try:
                document, said = read_noted(folder, path, isolation)
                check_text(document.text[document.body :], path)
                check_asks(document)
            except CorpusError as error:
                refused[path] = str(error)
                _stop_at_first(refused, strict)
            else:
                yield document, said
            if progress and path in order:
                progress(order[path], len(order))


def _stop_at_first(refused: Mapping[str, str], strict: bool) -> None:
    for reason in refused.values() if strict else ():
        raise DocumentRefused(reason)


def _none_left(folder: Path, refused: Mapping[str, str]) -> CorpusError:
    if not refused:
        return no_document(folder)
    first = next(iter(refused.values()))
    return CorpusError(f"none of the {len(refused)} documents in {folder} can be read; the first: {first}")
