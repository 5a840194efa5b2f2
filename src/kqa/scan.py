"""The rows nearest to a vector: all of them read, or a sketch of each and then the nearest of those exactly."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kqa.errors import IndexCorrupt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kqa.types import Vectors

    Halves = NDArray[np.float16]

BLOCK = 16_384  # rows turned to single precision at once
_SCANNED, _ROWS = "dense.faiss", "rows.npy"
_WIDTH = 4  # dimensions that four bits of a sketch stand for: 48 bytes at 384 dimensions
_LEAST = 16  # rows that a sketch can be trained on: four bits tell sixteen apart
_TRAINED = 65_536  # rows at most, evenly spaced, that a sketch is trained on
_RESCORED, _GROWTH = 400, 10 / 6  # rows re-scored exactly: at least so many, and so many times √rows (see docs/performance.md)
_FEW = 10  # times the rows to re-score: so few allowed rows are all read exactly


class _Codes:
    """FAISS keeps half-precision rows as they are: numpy reads them in place, and this keeps them from being freed."""

    def __init__(self, index: Any) -> None:
        self._index = index
        data = {"data": (int(index.codes.data()), True), "shape": (index.ntotal, index.d), "typestr": "<f2", "version": 3}
        self.__array_interface__ = data


class Scan:
    """Finds the nearest rows of ``halves``, shape (n, d), half precision, mapped from disk.

    Without a sketch every row is read. A sketch is read whole, and of the rows it puts first ``rescored`` are read exactly.
    """

    def __init__(self, index: Any, halves: Halves | None = None) -> None:
        self._index = index
        self.sketched = halves is not None
        self.halves: Halves = np.asarray(_Codes(index)) if halves is None else halves
        if index.ntotal != len(self.halves):
            raise IndexCorrupt(f"dense: {index.ntotal} sketches but {len(self.halves)} rows; rebuild with: kqa build")

    @property
    def rescored(self) -> int:
        """How many rows are re-scored at least: none where every row is read."""
        return max(_RESCORED, round(_GROWTH * math.sqrt(len(self.halves)))) if self.sketched else 0

    @property
    def method(self) -> str:
        """What the manifest calls this, by FAISS's names."""
        return f"PQ{self._index.pq.M}x4fs, exact from fp16" if self.sketched else "SQfp16"

    @classmethod
    def build(cls, halves: Halves, sketch_from: int) -> Scan:
        """Build what finds rows, shape (n, d): with a sketch from so many rows on; the same rows give the same bytes.

        Fewer rows than sixteen, or of dimensions that four does not divide, get no sketch.
        """
        import faiss

        faiss.omp_set_num_threads(1)
        count, width = halves.shape
        sketched = count >= max(sketch_from, _LEAST) and width % _WIDTH == 0
        index: Any
        if sketched:
            index = faiss.IndexPQFastScan(width, width // _WIDTH, 4, faiss.METRIC_INNER_PRODUCT)
            index.pq.cp.min_points_per_centroid = 1
            index.train(halves[:: max(1, count // _TRAINED)].astype(np.float32))
        else:
            index = faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        for at in range(0, count, BLOCK):
            index.add(halves[at : at + BLOCK].astype(np.float32))
        return cls(index, halves if sketched else None)

    @classmethod
    def load(cls, folder: Path) -> Scan:
        """Map what ``save`` wrote; only after its hash was checked, for FAISS has no checksum of its own."""
        import faiss

        faiss.omp_set_num_threads(1)
        try:
            index = faiss.read_index(str(folder / _SCANNED), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise IndexCorrupt(f"{_SCANNED} does not load; rebuild with: kqa build") from error
        rows = folder / _ROWS
        return cls(index, np.asarray(np.load(rows, mmap_mode="r", allow_pickle=False)) if rows.is_file() else None)

    def save(self, folder: Path) -> None:
        """Write what FAISS scans and, beside a sketch, the rows themselves."""
        import faiss

        faiss.write_index(self._index, str(folder / _SCANNED))
        if self.sketched:
            np.save(folder / _ROWS, self.halves)

    def nearest(
        self, vector: Vectors, count: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], Vectors]:
        """Return at most ``count`` rows and their cosines, by (−cosine, row); of the ``allowed`` rows only, shape (n,)."""
        count = min(count, len(self.halves) if allowed is None else int(np.count_nonzero(allowed)))
        if not count:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if self.sketched:
            rows = np.sort(self._sketched(vector, max(count, self.rescored), allowed))
            cosines = self.halves[rows].astype(np.float32) @ vector
        else:
            rows, cosines = self._exhaustive(vector, count, allowed)
        order = np.lexsort((rows, -cosines))[:count]
        return rows[order], cosines[order]

    def _exhaustive(self, vector: Vectors, count: int, allowed: NDArray[np.bool_] | None) -> tuple[NDArray[np.int64], Vectors]:
        import faiss

        query = np.ascontiguousarray(vector.reshape(1, -1), np.float32)
        if allowed is None:
            scores, found = self._index.search(query, count)
        else:
            selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))  # type: ignore[call-arg, arg-type]
            parameters = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
            scores, found = self._index.search(query, count, params=parameters)
        return found[0], scores[0]

    def _sketched(self, vector: Vectors, count: int, allowed: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        """Return the rows to re-score; of allowed rows as many: a sketch takes no filter, so more are taken and sifted."""
        total = len(self.halves)
        if allowed is None:
            return self._first(vector, count) if count < total else np.arange(total)
        among = int(np.count_nonzero(allowed))
        taken = 2 * count * total // max(1, among)
        while among > _FEW * count and taken < total:
            found = self._first(vector, taken)
            kept = found[allowed[found]][:count]
            if len(kept) == count:
                return kept
            taken *= 4
        return np.flatnonzero(allowed)

    def _first(self, vector: Vectors, count: int) -> NDArray[np.int64]:
        """Return the rows whose sketches are nearest, nearest first; FAISS may find fewer, and says −1 for the others."""
        found: NDArray[np.int64] = self._index.search(np.ascontiguousarray(vector.reshape(1, -1), np.float32), count)[1][0]
        return found[found >= 0]


def measured_recall(scan: Scan, k: int = 10, sample: int = 50) -> float:
    """Return the share of the exact k nearest rows that a scan finds, for evenly spaced rows as queries."""
    queries = scan.halves[:: max(1, len(scan.halves) // sample)][:sample].astype(np.float32)
    k = min(k, len(scan.halves))
    limits = exact_nearest(scan.halves, queries, k)[:, -1]
    near = []
    for query, limit in zip(queries, limits, strict=True):
        found = scan.halves[scan.nearest(query, k)[0]].astype(np.float32)
        near.append(found @ query >= limit - 1e-5)  # a row as near as the k-th one counts: equal vectors have no order
    return round(float(np.mean(near)), 4)


def exact_nearest(halves: Halves, queries: Vectors, k: int) -> Vectors:
    """Return the cosines of each query's k nearest rows, falling, shape (len(queries), k), by reading every row."""
    best = np.empty((len(queries), 0), np.float32)
    for at in range(0, len(halves), BLOCK):
        cosines = queries @ halves[at : at + BLOCK].astype(np.float32).T
        best = -np.sort(-np.concatenate([best, cosines], axis=1), axis=1)[:, :k]
    return best
