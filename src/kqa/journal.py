"""Vectors by their text's digest, in one file that only grows: what a killed build leaves, the next one reads on from.

The first line says in JSON what made the vectors; then come records of one size, a digest, a vector in half precision and a
checksum over both. Reading stops at the first record that is damaged or cut off.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from kqa.errors import ShardError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kqa.types import Vectors

DIGEST = 16  # bytes
_CHECK = 4  # bytes of a CRC-32
_LONGEST_HEADER = 4096  # bytes


class Journal(Mapping[bytes, "NDArray[np.float16]"]):
    """A mapping from digests, 16 bytes each, to vectors, shape (dimensions,), kept in a file; one writer at a time."""

    def __init__(self, file: BinaryIO, facts: Mapping[str, Any], start: int) -> None:
        self.facts = facts
        self._file, self._start = file, start
        self._size = DIGEST + 2 * int(facts["dimensions"]) + _CHECK
        self._rows: dict[bytes, int] = {}
        self._count = 0  # of the records, which may be more than the digests
        for name in self._sound():
            self._rows[name] = self._count
            self._count += 1

    @classmethod
    def open(cls, path: Path, facts: Mapping[str, Any]) -> Journal:
        """Open a journal to read and add to; one that another encoder made, or none, is begun anew."""
        try:
            journal = cls.read(path, mode="r+b")
            if journal.facts == facts:
                journal._file.truncate(journal._offset(journal._count))
                return journal
            journal.close()
        except ShardError:
            pass
        header = json.dumps(facts, sort_keys=True).encode() + b"\n"
        file = path.open("w+b")
        file.write(header)
        return cls(file, facts, len(header))

    @classmethod
    def read(cls, path: Path, mode: str = "rb") -> Journal:
        """Open a journal that exists; raises ShardError for a file that is none."""
        try:
            file = path.open(mode)
        except OSError as error:
            raise ShardError(f"{path} cannot be read ({error.strerror}); name what kqa build --shard wrote") from error
        line = file.readline(_LONGEST_HEADER)
        try:
            facts = json.loads(line)
            known = line.endswith(b"\n") and 0 < int(facts["dimensions"]) <= 1 << 16
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            known = False
        if not known:
            file.close()
            raise ShardError(f"{path} holds no vectors; name what kqa build --shard wrote")
        return cls(file, facts, len(line))  # type: ignore[arg-type]

    def add(self, digests: Sequence[bytes], vectors: Vectors) -> None:
        """Append vectors, shape (len(digests), dimensions), to what is in the file."""
        halves = np.asarray(vectors, np.float16)
        self._file.seek(self._offset(self._count))
        for name, half in zip(digests, halves, strict=True):
            record = name + half.tobytes()
            self._file.write(record + zlib.crc32(record).to_bytes(_CHECK, "little"))
            self._rows[name] = self._count
            self._count += 1

    def keep(self) -> None:
        """Make sure that what was added outlives a crash."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; nothing can be read or added any more."""
        self._file.close()

    def __getitem__(self, name: bytes) -> NDArray[np.float16]:
        self._file.seek(self._offset(self._rows[name]))
        return np.frombuffer(self._file.read(self._size)[DIGEST:-_CHECK], np.float16)

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def _offset(self, row: int) -> int:
        return self._start + row * self._size

    def _sound(self) -> Iterator[bytes]:
        """Yield the digests of all records before the first that is not as it was written."""
        self._file.seek(self._start)
        while len(record := self._file.read(self._size)) == self._size:
            if zlib.crc32(record[:-_CHECK]).to_bytes(_CHECK, "little") != record[-_CHECK:]:
                return
            yield record[:DIGEST]
