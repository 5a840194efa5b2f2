"""Nearest vectors with FAISS: a row in half precision for each passage, each of its sentences and each question it answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kqa.errors import IndexCorrupt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kqa.config import Config
    from kqa.types import Vectors

_ROWS_PER_PASSAGE = 20  # rows looked at for each passage asked for: a passage has some ten rows, the best of them count
_BLOCK = 16_384  # vectors whose spread is computed at once
WHOLE = -1  # the ordinal of a row that stands for the whole passage
ASK = -2  # the ordinal of a row that stands for a question which the passage's section answers


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean, shape (d,), and covariance, shape (d, d), of the vectors of all sentences: what is usual here."""

    mean: Vectors
    covariance: Vectors

    @classmethod
    def of(cls, vectors: Vectors) -> Moments:
        """Return the moments of vectors, shape (n, d), n > 0, in blocks: no second copy of them all."""
        mean = vectors.mean(axis=0, dtype=np.float64)
        blocks = (vectors[at : at + _BLOCK] - mean for at in range(0, len(vectors), _BLOCK))
        covariance = sum(block.T @ block for block in blocks) / len(vectors)
        return cls(mean.astype(np.float32), np.asarray(covariance, np.float32))

    @classmethod
    def load(cls, folder: Path) -> Moments:
        """Load what ``save`` wrote."""
        rows = np.load(folder / "moments.npy", allow_pickle=False)
        return cls(rows[0], rows[1:])

    def save(self, folder: Path) -> None:
        """Write one array, shape (1 + d, d): the mean, then the covariance."""
        np.save(folder / "moments.npy", np.concatenate([self.mean[None], self.covariance]))

    def centred(self, vectors: Vectors) -> Vectors:
        """Return vectors, shape (n, d), with the mean taken from each, as unit vectors: what they say beyond what all say."""
        beyond = vectors - self.mean
        return np.asarray(beyond / (np.linalg.norm(beyond, axis=1, keepdims=True) + 1e-9), np.float32)

    def deviations(self, cosine: float, vector: Vectors) -> float:
        """Return how many standard deviations a cosine with a vector stands above the mean over all sentences."""
        spread = math.sqrt(max(float(vector @ self.covariance @ vector), 1e-12))
        return (cosine - float(vector @ self.mean)) / spread


class Dense:
    """Ranks passages by a mix of three cosines: the whole passage's, its best sentence's, its best listed question's.

    ``owners`` has one row (passage number, ordinal of the sentence, ``WHOLE`` or ``ASK``) for each vector, int32, shape (n, 2).
    """

    def __init__(self, index: Any, owners: NDArray[np.int32], config: Config, moments: Moments) -> None:
        if index.ntotal != len(owners):
            raise IndexCorrupt(f"dense: {index.ntotal} vectors but {len(owners)} owners; rebuild with: kqa build")
        import faiss

        self._index, self._owners, self._config, self._moments = index, owners, config, moments
        # FAISS keeps half-precision rows as they are; reading them here spares its decoder, three times as slow.
        self._halves = faiss.vector_to_array(index.codes).view(np.float16).reshape(index.ntotal, index.d)
        self._order = np.argsort(owners[:, 0], kind="stable")
        count = int(owners[:, 0].max()) + 1 if len(owners) else 0
        self._starts = np.searchsorted(owners[self._order, 0], np.arange(count + 1))

    def search(self, vector: Vectors, k: int) -> list[int]:
        """Return up to k passage numbers, those with the nearest rows first."""
        rows = min(self._index.ntotal, k * _ROWS_PER_PASSAGE)
        scores, found = self._index.search(vector.reshape(1, -1), rows)
        order = np.lexsort((found[0], -scores[0]))
        passages = self._owners[found[0][order], 0]
        _, first = np.unique(passages, return_index=True)
        return [int(passages[i]) for i in np.sort(first)[:k]]

    def score(self, vector: Vectors, passages: Sequence[int]) -> tuple[Vectors, NDArray[np.int32]]:
        """Return each passage's score and the ordinal of its best sentence, exact over all of its rows."""
        rows = [self._order[self._starts[passage] : self._starts[passage + 1]] for passage in passages]
        cosines = self._halves[np.concatenate(rows)].astype(np.float32) @ vector
        ordinals = self._owners[np.concatenate(rows), 1]
        starts = np.cumsum([0, *(len(row) for row in rows[:-1])])
        whole = np.maximum.reduceat(np.where(ordinals == WHOLE, cosines, -1), starts)
        sentence = np.maximum.reduceat(np.where(ordinals >= 0, cosines, -1), starts)
        asked = np.maximum.reduceat(np.where(ordinals == ASK, cosines, -1), starts)
        scores = whole + self._config.sentence_weight * (sentence - whole)
        scores += np.where(asked > -1, self._config.asks_weight * (asked - scores), 0)
        best = np.zeros(len(rows), np.int32)
        telling = (ordinals >= 0) & (cosines == np.repeat(sentence, [len(row) for row in rows]))
        for at in np.flatnonzero(telling)[::-1]:  # backwards: of equal sentences the first stays
            best[np.searchsorted(starts, at, side="right") - 1] = ordinals[at]
        return scores.astype(np.float32), best

    def nearest_sentences(self, vector: Vectors, passages: Sequence[int]) -> list[tuple[int, int, float]]:
        """Return (passage, ordinal, cosine) of the passages' sentences, nearest first, then in the order of the passages."""
        rows = np.concatenate([self._order[self._starts[passage] : self._starts[passage + 1]] for passage in passages])
        rows = rows[self._owners[rows, 1] >= 0]
        cosines = (self._halves[rows].astype(np.float32) @ vector).round(4)
        order = np.argsort(-cosines, kind="stable")
        return [(int(self._owners[rows[at], 0]), int(self._owners[rows[at], 1]), float(cosines[at])) for at in order]

    def sentences(self) -> tuple[list[tuple[int, int]], Vectors]:
        """Return each sentence's passage number and ordinal, in the order of both, and its centred vector, shape (n, d)."""
        rows = np.flatnonzero(self._owners[:, 1] >= 0)
        rows = rows[np.lexsort((self._owners[rows, 1], self._owners[rows, 0]))]
        owners = [(int(number), int(ordinal)) for number, ordinal in self._owners[rows]]
        return owners, self._moments.centred(self._halves[rows].astype(np.float32))

    def nearness(self, vector: Vectors, passages: Sequence[int]) -> tuple[float, float | None]:
        """Return how far the passages' best sentence stands out from all sentences, and how near their best listed question is.

        The first in standard deviations of a sentence's cosine; the second a cosine after the mean sentence was taken from
        both, so that naming the subject that everything here is about makes nothing near; None where no question is listed.
        """
        rows = np.concatenate([self._order[self._starts[passage] : self._starts[passage + 1]] for passage in passages])
        vectors, ordinals = self._halves[rows].astype(np.float32), self._owners[rows, 1]
        best = float((vectors[ordinals >= 0] @ vector).max())
        asked = vectors[ordinals == ASK] - self._moments.mean
        if not len(asked):
            return self._moments.deviations(best, vector), None
        centred = vector - self._moments.mean
        cosines = asked @ centred / (np.linalg.norm(asked, axis=1) * np.linalg.norm(centred) + 1e-9)
        return self._moments.deviations(best, vector), float(cosines.max())


def build_index(vectors: Vectors) -> Any:
    """Build an exhaustive inner-product index in half precision: 768 bytes a row at 384 dimensions, recall 1 (see tests)."""
    import faiss

    index = faiss.IndexScalarQuantizer(vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(np.ascontiguousarray(vectors, np.float32))
    return index


def index_to_bytes(index: Any) -> bytes:
    """Return the bytes of an index, the same as FAISS writes to a file."""
    import faiss

    return bytes(faiss.serialize_index(index).tobytes())


def index_from_bytes(data: bytes) -> Any:
    """Read an index back; only after its hash was checked, for FAISS has no checksum of its own."""
    import faiss

    faiss.omp_set_num_threads(1)
    try:
        return faiss.deserialize_index(np.frombuffer(data, np.uint8))
    except RuntimeError as error:
        raise IndexCorrupt("dense.faiss does not load; rebuild with: kqa build") from error


def measured_recall(index: Any, vectors: Vectors, k: int = 10, sample: int = 50) -> float:
    """Return the share of the exact k nearest rows that the index finds, for evenly spaced rows as queries."""
    queries = vectors[:: max(1, len(vectors) // sample)][:sample]
    k = min(k, len(vectors))
    exact = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k]
    found = index.search(np.ascontiguousarray(queries), k)[1]
    # A row as near as the k-th exact one counts: equal vectors have no order.
    limits = np.take_along_axis(queries @ vectors.T, exact, 1)[:, -1] - 1e-3
    near: list[bool] = [
        float(q @ vectors[row]) >= float(limit) for q, rows, limit in zip(queries, found, limits, strict=True) for row in rows
    ]
    return round(sum(near) / len(near), 4)
