"""The nearest passages: a row for each, for each of its sentences and for each question that it answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kqa.errors import IndexCorrupt
from kqa.scan import BLOCK, Scan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kqa.config import Config
    from kqa.types import Vectors

_ROWS_PER_PASSAGE = 20  # rows looked at for each passage asked for, at most: a passage has some sixteen, the best count
_FEW = 20_000  # rows that are kept in single precision, 30 MB at 384 dimensions: all are sooner multiplied than some sought
_MANY = 8  # one row in so many: these are sooner taken from the products of all than read apart
EXACT = 6
"""Digits of a product of unit vectors that are the same wherever a row stands; one more orders candidates."""
_OWNERS = ("owners.npy", "starts.npy")
WHOLE = -1  # the ordinal of a row that stands for the whole passage
ASK = -2  # the ordinal of a row that stands for a question which the passage's section answers


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean, shape (d,), and covariance, shape (d, d), of the vectors of all sentences: what is usual here."""

    mean: Vectors
    covariance: Vectors

    @classmethod
    def of(cls, vectors: Vectors | NDArray[np.float16]) -> Moments:
        """Return the moments of vectors, shape (n, d), n > 0, in blocks: no second copy of them all."""
        mean = vectors.mean(axis=0, dtype=np.float64)
        blocks = (vectors[at : at + BLOCK] - mean for at in range(0, len(vectors), BLOCK))
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

    def nearness(self, vector: Vectors, sentences: Vectors, asked: Vectors) -> tuple[float, float | None]:
        """Return the deviations of the best sentence and the best centred cosine of a listed question, None without one."""
        out = self.deviations(float((sentences @ vector).max()), vector)
        if not len(asked):
            return out, None
        listed, centred = asked - self.mean, vector - self.mean
        cosines = listed @ centred / (np.linalg.norm(listed, axis=1) * np.linalg.norm(centred) + 1e-9)
        return out, float(cosines.max())

    def deviations(self, cosine: float, vector: Vectors) -> float:
        """Return how many standard deviations a cosine with a vector stands above the mean over all sentences."""
        spread = math.sqrt(max(float(vector @ self.covariance @ vector), 1e-12))
        return (cosine - float(vector @ self.mean)) / spread


@dataclass(frozen=True, slots=True)
class Owners:
    """Whom each row stands for.

    ``rows`` has one (passage number, ordinal of the sentence, ``WHOLE`` or ``ASK``) for each row, int32, shape (n, 2), by
    passage; ``starts`` says where each passage's rows start, with the end of the last, int64, shape (passages + 1,).
    """

    rows: NDArray[np.int32]
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, rows: NDArray[np.int32]) -> Owners:
        """Find where each passage's rows start; raises IndexCorrupt for rows that do not stand in the passages' order."""
        if np.any(np.diff(rows[:, 0]) < 0):
            raise IndexCorrupt("dense: rows out of order; rebuild with: kqa build")
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows[:, 0]))])
        return cls(rows, starts.astype(np.int64))

    @classmethod
    def load(cls, folder: Path) -> Owners:
        """Map what ``save`` wrote."""
        rows, starts = (np.asarray(np.load(folder / name, mmap_mode="r", allow_pickle=False)) for name in _OWNERS)
        if rows.dtype != np.int32 or starts.dtype != np.int64 or rows.shape != (starts[-1], 2):
            raise IndexCorrupt(f"{' and '.join(_OWNERS)} do not belong together; rebuild with: kqa build")
        return cls(rows, starts)

    def save(self, folder: Path) -> None:
        """Write both arrays."""
        np.save(folder / _OWNERS[0], self.rows)
        np.save(folder / _OWNERS[1], self.starts)


class Dense:
    """Ranks passages by a mix of three cosines: the whole passage's, its best sentence's, its best listed question's."""

    def __init__(self, scan: Scan, owners: Owners, config: Config, moments: Moments) -> None:
        if len(scan.halves) != len(owners.rows):
            found = f"dense: {len(scan.halves)} vectors but {len(owners.rows)} owners"
            raise IndexCorrupt(f"{found}; rebuild with: kqa build")
        self._scan, self._config, self._moments = scan, config, moments
        self._owners, self._starts = owners.rows, owners.starts
        whole = not scan.rescored and len(scan.halves) <= _FEW and bool(np.all(np.diff(owners.starts) > 0))
        self._vectors = scan.halves.astype(np.float32) if whole else None
        self._rows_per_passage = min(_ROWS_PER_PASSAGE, int(np.diff(owners.starts).max(initial=1)))

    def search(self, vector: Vectors, k: int, allowed: NDArray[np.bool_] | None = None) -> list[int]:
        """Return up to k passage numbers, those with the nearest rows first; only ``allowed`` ones, shape (passages,)."""
        if self._vectors is not None:
            nearest = np.maximum.reduceat((self._vectors @ vector).round(EXACT + 1), self._starts[:-1])
            numbers = np.arange(len(nearest)) if allowed is None else np.flatnonzero(allowed)
            if len(numbers) > k:
                numbers = numbers[nearest[numbers] >= np.partition(nearest[numbers], -k)[-k]]
            return [int(number) for number in numbers[np.lexsort((numbers, -nearest[numbers]))][:k]]
        rows = None if allowed is None else np.repeat(allowed, np.diff(self._starts))
        found, _ = self._scan.nearest(vector, k * self._rows_per_passage, rows)
        passages, places = self._owners[found, 0], np.arange(len(found))
        first = np.empty(len(self._starts) - 1, np.int64)
        first[passages[::-1]] = places[::-1]  # what is written last stays: where a passage stands first
        return [int(number) for number in passages[first[passages] == places][:k]]

    def score(self, vector: Vectors, passages: Sequence[int]) -> tuple[Vectors, NDArray[np.int32]]:
        """Return each passage's score and the ordinal of its best sentence, exact over all of its rows."""
        rows, counts = self._rows_of(passages)
        return mixed(self._cosines(vector, rows), self._owners[rows, 1], np.cumsum(counts) - counts, self._config)

    def nearest_sentences(self, vector: Vectors, passages: Sequence[int]) -> list[tuple[int, int, float]]:
        """Return (passage, ordinal, cosine) of the passages' sentences, nearest first, then in the order of the passages."""
        rows = self._rows_of(passages)[0]
        rows = rows[self._owners[rows, 1] >= 0]
        cosines = self._cosines(vector, rows).round(4)
        order = np.argsort(-cosines, kind="stable")
        return [
            (int(self._owners[row, 0]), int(self._owners[row, 1]), float(near))
            for row, near in zip(rows[order], cosines[order], strict=True)
        ]

    def _rows_of(self, passages: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return all rows of passages, and how many are each passage's."""
        numbers = np.asarray(passages, np.int64)
        counts = self._starts[numbers + 1] - self._starts[numbers]
        before = np.cumsum(counts) - counts
        return np.repeat(self._starts[numbers] - before, counts) + np.arange(counts.sum()), counts

    def _cosines(self, vector: Vectors, rows: NDArray[np.int64]) -> Vectors:
        """Return the cosines of rows, the same whatever others are asked for beside them."""
        if self._vectors is None or _MANY * len(rows) < len(self._vectors):
            return relied_on(self._scan.cosines(vector, rows))
        return relied_on(self._vectors @ vector)[rows]

    def sentences(self) -> tuple[list[tuple[int, int]], Vectors]:
        """Return each sentence's passage number and ordinal, in the order of both, and its centred vector, shape (n, d)."""
        rows = np.flatnonzero(self._owners[:, 1] >= 0)
        rows = rows[np.lexsort((self._owners[rows, 1], self._owners[rows, 0]))]
        owners = [(int(number), int(ordinal)) for number, ordinal in self._owners[rows]]
        return owners, self._moments.centred(self._scan.halves[rows].astype(np.float32))

    def nearness(self, vector: Vectors, passages: Sequence[int]) -> tuple[float, float | None]:
        """Return how far the passages' best sentence stands out from all sentences, and how near their best listed question is.

        The first in standard deviations of a sentence's cosine; the second a cosine after the mean sentence was taken from
        both, so that naming the subject that everything here is about makes nothing near; None where no question is listed.
        """
        rows = self._rows_of(passages)[0]
        vectors = self._scan.halves[rows].astype(np.float32) if self._vectors is None else self._vectors[rows]
        ordinals = self._owners[rows, 1]
        return self._moments.nearness(vector, vectors[ordinals >= 0], vectors[ordinals == ASK])


def relied_on(cosines: Vectors) -> Vectors:
    """Return cosines rounded: numpy gives equal rows different last digits, by where they stand."""
    return np.asarray(cosines.round(EXACT), np.float32)


def mixed(
    cosines: Vectors, ordinals: NDArray[np.int32], starts: NDArray[np.int64], config: Config
) -> tuple[Vectors, NDArray[np.int32]]:
    """Return each passage's score and the ordinal of its best sentence; the rows of the i-th passage begin at ``starts[i]``."""
    whole = np.maximum.reduceat(np.where(ordinals == WHOLE, cosines, -1), starts)
    sentence = np.maximum.reduceat(np.where(ordinals >= 0, cosines, -1), starts)
    asked = np.maximum.reduceat(np.where(ordinals == ASK, cosines, -1), starts)
    scores = whole + config.sentence_weight * (sentence - whole)
    scores += np.where(asked > -1, config.asks_weight * (asked - scores), 0)
    counts = np.diff([*starts, len(ordinals)])
    telling = np.flatnonzero((ordinals >= 0) & (cosines == np.repeat(sentence, counts)))
    owners, first = np.unique(np.repeat(np.arange(len(starts)), counts)[telling], return_index=True)
    best = np.zeros(len(starts), np.int32)
    best[owners] = ordinals[telling[first]]  # of equal sentences the first
    return scores.astype(np.float32), best
