"""One function a format: the bytes of a file → its text. ``READERS`` says which suffix has which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kqa.errors import CorpusError


@dataclass(frozen=True, slots=True)
class Reading:
    """A file's text, the offset at which each page starts (empty without pages)."""

    text: str
    pages: tuple[int, ...] = ()


def read_text(data: bytes, path: str) -> Reading:
    """Decode UTF-8 with line endings untouched, so that spans count the code points of the file itself."""
    try:
        return Reading(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path} is not UTF-8 (byte {error.start} is 0x{data[error.start]:02x}); save it as UTF-8 or move it away"
        ) from error


READERS: dict[str, Callable[[bytes, str], Reading]] = {".md": read_text, ".txt": read_text}
