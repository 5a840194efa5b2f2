"""The vectors of a build: what is encoded, what an earlier index already knows, what is written."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kqa import triage
from kqa.bulk import precision
from kqa.dense import ASK, WHOLE, Moments, build_index, index_from_bytes, index_to_bytes, measured_recall
from kqa.encoder import HASHING, export_encoder, is_current
from kqa.errors import UnusableIndex
from kqa.passages import plain, slug
from kqa.store import open_generation
from kqa.types import Document, Passage


def rows(documents: Mapping[str, Document], passages: Sequence[Passage]) -> tuple[list[tuple[int, int]], list[str]]:
    """Return what each vector stands for, (passage number, ordinal), and its text."""
    owners: list[tuple[int, int]] = []
    texts: list[str] = []
    for passage in passages:
        document = documents[passage.document]
        spans = [(WHOLE, passage.span), *enumerate(passage.sentences)]
        parts = [(ordinal, plain(document.text[span.start : span.end])) for ordinal, span in spans]
        parts += [(ASK, question) for question in document.asks.get(slug(passage.section), ())]
        owners.extend((passage.number, ordinal) for ordinal, _ in parts)
        texts.extend(text for _, text in parts)
    return owners, texts


def place_encoder(folder: Path, target: Path, name: str) -> dict[bytes, Any]:
    """Put the encoder into a new generation and return the vectors that the old one knows, by their text's digest."""
    try:
        old = open_generation(folder)
    except UnusableIndex:
        old = None
    if old is None or not is_current(name, old.folder / "encoder"):
        export_encoder(name, target)
        return {}
    shutil.copytree(old.folder / "encoder", target)
    if old.manifest["encoder"].get("bulk") != precision():
        return {}
    vectors = index_from_bytes((old.folder / "dense.faiss").read_bytes())
    digests = np.load(old.folder / "digests.npy", allow_pickle=False)
    return dict(zip((bytes(d) for d in digests), vectors.reconstruct_n(0, vectors.ntotal), strict=True))


def place_triage(folder: Path, target: Path, name: str) -> None:
    """Put the triage of messages into a new generation; the hashing encoder, which is for tests, comes without."""
    if name == HASHING:
        return
    try:
        old = open_generation(folder).folder / "triage"
    except UnusableIndex:
        old = target
    if triage.is_current(old):
        shutil.copytree(old, target)
    else:
        triage.export_triage(target)


def digest(text: str) -> bytes:
    """Name a text in 16 bytes, by which the next build finds its vector again."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def write_vectors(target: Path, owners: Sequence[tuple[int, int]], texts: Sequence[str], known: Mapping[bytes, Any]) -> float:
    """Write the rows in force, whom they stand for and the digests of their texts; return the measured recall@10."""
    vectors = np.array([known[digest(text)] for text in texts], np.float32)
    index = build_index(vectors)
    np.save(target / "owners.npy", np.array(owners, np.int32))
    np.save(target / "digests.npy", np.array([digest(text) for text in texts], "V16"))
    (target / "dense.faiss").write_bytes(index_to_bytes(index))
    # Of the rows as the index keeps them: encoded anew or taken over, the bytes are the same.
    Moments.of(index.reconstruct_n(0, len(texts))[[ordinal >= 0 for _, ordinal in owners]]).save(target)
    return measured_recall(index, vectors)
