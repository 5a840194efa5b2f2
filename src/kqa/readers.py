"""One function a format: the bytes of a file → its text. ``READERS`` says which suffix has which."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kqa.encodings import decode
from kqa.isolation import ISOLATED, Isolation
from kqa.reading import Reading


def read_text(data: bytes, path: str) -> Reading:
    """Decode a text with line endings untouched, so that spans count the code points of the file itself."""
    text, notes = decode(data, path)
    return Reading(text, notes=notes)


def read_isolated(data: bytes, path: str) -> Reading:
    """Read one file in a process of its own; to read many, ``read`` them with one ``Isolation``."""
    with Isolation() as isolation:
        return isolation.read(data, path)


READERS: dict[str, Callable[[bytes, str], Reading]] = {
    ".md": read_text,
    ".txt": read_text,
    **dict.fromkeys(ISOLATED, read_isolated),
}


def read(data: bytes, path: str, isolation: Isolation | None = None) -> Reading:
    """Read a file by its suffix, one without a reader as plain text; raises DocumentRefused for one that cannot be read."""
    suffix = Path(path).suffix.lower()
    if isolation and suffix in ISOLATED:
        return isolation.read(data, path)
    return READERS.get(suffix, read_text)(data, path)
