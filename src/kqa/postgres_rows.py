"""How documents, passages and vectors are written in the tables of PostgreSQL, and read back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from kqa.records import document_to_json, passage_from_json
from kqa.types import Document, Passage

if TYPE_CHECKING:
    from kqa.types import Vectors


def from_halves(rows: Sequence[bytes]) -> Vectors:
    """Read vectors as pgvector sends them, two bytes of length, two unused, then halves, the higher byte first."""
    if not rows:
        return np.zeros((0, 0), np.float32)
    data = np.frombuffer(b"".join(rows), ">u2").reshape(len(rows), -1)
    return data[:, 2:].astype(np.uint16).view(np.float16).astype(np.float32)


def to_halves(vectors: Vectors) -> list[bytes]:
    """Return what pgvector reads as vectors in half precision."""
    halves = np.ascontiguousarray(vectors, np.float16).view(np.uint16).astype(">u2")
    head = np.array([vectors.shape[1], 0], ">u2").tobytes()
    return [head + row.tobytes() for row in halves]


def literal(vector: Vectors) -> str:
    """Return a vector as pgvector reads it in text, exact to the last bit."""
    return "[" + ",".join(f"{value:.9g}" for value in vector.tolist()) + "]"


def passage_of(number: int, document: str, record: str) -> Passage:
    """Return a passage from its number, its document's path and its record."""
    return passage_from_json({**json.loads(record), "number": number, "document": document})


def record_of(passage: Passage) -> str:
    """Return what ``passage_of`` reads: a passage without its number, which a later build may change."""
    fields = asdict(passage)
    return to_json({name: fields[name] for name in ("start", "end", "section", "sentences")})


def fingerprint(document: Document, passages: Sequence[Passage], analysis: str) -> bytes:
    """Name a document as it was read, split and analysed, in 16 bytes."""
    told = to_json([document_to_json(document), [record_of(passage) for passage in passages], analysis])
    return hashlib.blake2b(told.encode(), digest_size=16).digest()


def to_json(data: object) -> str:
    """Return JSON with sorted keys: of equal data the same."""
    return json.dumps(data, ensure_ascii=False, sort_keys=True)
