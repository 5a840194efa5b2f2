"""The files of a corpus folder: which are documents, their bytes, and what may not be read of them."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kqa.errors import CorpusError, DocumentRefused
from kqa.readers import READERS
from kqa.reading import LARGEST_FILE

TABLE = "disagreements.toml"  # the corpus's table of contested claims, read by kqa.trust
_NOT_DOCUMENTS = {"readme.md", "readme.txt"}


@dataclass(frozen=True, slots=True)
class Listing:
    """The documents of a corpus folder by path, sorted, and what of it cannot be listed, each with the reason."""

    paths: tuple[str, ...]
    refused: Mapping[str, str]


def listed(folder: Path) -> Listing:
    """List a corpus folder's documents, and what of it cannot be: folders that are shut, names that are no text."""
    if not folder.is_dir():
        raise CorpusError(f"no corpus folder {folder}; name one with: kqa build FOLDER")
    found: list[str] = []
    refused: dict[str, str] = {}

    def refuse(error: OSError) -> None:
        shut = Path(error.filename)
        if shut == folder:
            raise CorpusError(_unreadable(shut, error)) from error
        refused[_name(shut.relative_to(folder).as_posix())] = _unreadable(shut, error)

    for directory, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if name.startswith(".") or name.lower() in _NOT_DOCUMENTS or Path(name).suffix.lower() not in READERS:
                continue
            path = (Path(directory) / name).relative_to(folder).as_posix()
            if path.isprintable():
                found.append(path)
            else:
                named = _name(path)
                refused[named] = f"{named}: the name is not UTF-8 or holds control characters; rename the file"
    return Listing(tuple(sorted(found)), dict(sorted(refused.items())))


def passed_over(folder: Path) -> dict[str, str]:
    """Return what of a corpus folder is no document, by path, and why: a suffix without a reader, a link to a folder."""
    listing = listed(folder)
    known = {*listing.paths, *listing.refused, TABLE}
    unread = f"kqa reads {', '.join(sorted(READERS))}; convert it, or leave it"
    found: dict[str, str] = {}
    for directory, folders, files in os.walk(folder):
        below = Path(directory).relative_to(folder)
        folders[:] = [name for name in folders if not name.startswith(".")]
        links = [name for name in folders if (Path(directory) / name).is_symlink()]
        found |= {_name((below / name).as_posix()): "a link to a folder; put the folder there, or leave it" for name in links}
        names = [name for name in files if not name.startswith(".") and name.lower() not in _NOT_DOCUMENTS]
        found |= {_name((below / name).as_posix()): unread for name in names}
    return {path: found[path] for path in sorted({*found} - known)}


def corpus_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every document's bytes by path: what staleness is judged by.

    What cannot be read has in its place why; a file beyond the limit, its size.
    """
    listing = listed(folder)
    hashes = {path: fingerprint(folder, path) for path in listing.paths}
    return dict(sorted({**hashes, **{path: place_free(folder, reason) for path, reason in listing.refused.items()}}.items()))


def fingerprint(folder: Path, path: str) -> str:
    """Return the SHA-256 of a file's bytes, or why there is none."""
    try:
        return hashlib.sha256(read_bytes(folder, path)).hexdigest()
    except DocumentRefused as error:
        return place_free(folder, str(error))


def place_free(folder: Path, reason: str) -> str:
    """Return a reason without where the corpus folder is, which may be named otherwise the next time."""
    return reason.replace(f"{folder}{os.sep}", "")


def read_bytes(folder: Path, path: str) -> bytes:
    """Return a file's bytes; raises DocumentRefused for what is no file of this folder, cannot be read, or is too large."""
    place = folder / path
    try:
        if not place.resolve(strict=True).is_relative_to(folder.resolve()):
            raise DocumentRefused(f"{place} is a link out of the corpus folder; put a copy there instead")
        with open(place, "rb", opener=_without_waiting) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise DocumentRefused(f"{place} is a pipe, socket or device, not a file; take it away")
            if found.st_size > LARGEST_FILE:
                raise DocumentRefused(f"{place} has {found.st_size:,} bytes, more than {LARGEST_FILE:,}; divide it")
            return file.read(LARGEST_FILE + 1)
    except (OSError, RuntimeError) as error:  # a RuntimeError is a link that leads to itself
        raise DocumentRefused(_unreadable(place, error)) from error


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe would wait for its writer


def _unreadable(place: Path, error: OSError | RuntimeError) -> str:
    why = (error.strerror if isinstance(error, OSError) else None) or error
    return f"{place} cannot be read ({why}); allow it or move it away"


def _name(path: str) -> str:
    return path if path.isprintable() else ascii(path)
