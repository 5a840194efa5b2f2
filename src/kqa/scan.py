"""The rows nearest to a vector: all of them read, or a sketch of each and then the nearest of those exactly."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kqa.errors import IndexCorrupt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from kqa.types import Vectors

    Halves = NDArray[np.float16]

BLOCK = 16_384  # rows turned to single precision at once
_ROWS, _SKETCH = "dense.faiss", "sketch.faiss"
_WIDTH = 4  # dimensions that four bits of a sketch stand for: 48 bytes at 384 dimensions
_LEAST = 16  # rows that a sketch can be trained on: four bits tell sixteen apart
_TRAINED = 65_536  # rows, evenly spaced, that a sketch is trained on: of more, so many to twice as many
_RESCORED, _MORE, _MOST = 1000, 4, 16_000  # rows read exactly: at first, times as many where those may not do, and in the end
_NEAREST, _PART, _SURE = 10, 20, 4.0  # rows to be among them, or of those asked for one in so many; by how many deviations
_TOGETHER = 500  # rows whose cosines FAISS is asked for at once: it sorts them, which takes longer the more there are
_FEW = 10  # times the rows to read exactly: so few allowed rows are all read


class _Codes:
    """FAISS keeps half-precision rows as they are: numpy reads them in place, and this keeps them from being freed."""

    def __init__(self, index: Any) -> None:
        self._index = index
        data = {"data": (int(index.codes.data()), True), "shape": (index.ntotal, index.d), "typestr": "<f2", "version": 3}
        self.__array_interface__ = data


class Scan:
    """Finds the nearest rows of ``halves``, shape (n, d), half precision, mapped from disk.

    Without a sketch every row is read. A sketch is read whole, and of the rows it puts first ``rescored`` are read exactly, or
    more where those do not show that the ten nearest are among them.
    """

    def __init__(self, rows: Any, sketch: Any = None) -> None:
        if sketch is not None and sketch.ntotal != rows.ntotal:
            raise IndexCorrupt(f"dense: {sketch.ntotal} sketches but {rows.ntotal} rows; rebuild with: kqa build")
        self._rows, self._sketch = rows, sketch
        self.halves: Halves = np.asarray(_Codes(rows))

    @property
    def rescored(self) -> int:
        """How many rows a sketch leaves to be read exactly, at least: none where every row is."""
        return _RESCORED if self._sketch else 0

    @property
    def method(self) -> str:
        """What the manifest calls this, by FAISS's names."""
        return f"PQ{self._sketch.pq.M}x4fs, exact from SQfp16" if self._sketch else "SQfp16"

    @classmethod
    def build(cls, halves: Halves, sketch_from: int) -> Scan:
        """Build what finds rows, shape (n, d): with a sketch from so many rows on; the same rows give the same bytes.

        Fewer rows than sixteen, or of dimensions that four does not divide, get no sketch.
        """
        import faiss

        _alone()
        count, width = halves.shape
        rows, sketch = _empty(width), None
        if count >= max(sketch_from, _LEAST) and width % _WIDTH == 0:
            sketch = faiss.IndexPQFastScan(width, width // _WIDTH, 4, faiss.METRIC_INNER_PRODUCT)
            sketch.pq.cp.min_points_per_centroid = 1
            sketch.train(halves[:: max(1, count // _TRAINED)].astype(np.float32))
        for at in range(0, count, BLOCK):
            block = halves[at : at + BLOCK].astype(np.float32)
            rows.add(block)
            if sketch:
                sketch.add(block)
        return cls(rows, sketch)

    @classmethod
    def load(cls, folder: Path) -> Scan:
        """Map what ``save`` wrote; only after its hash was checked, for FAISS has no checksum of its own."""
        import faiss

        _alone()
        one_thread()
        paths = [path for path in (folder / _ROWS, folder / _SKETCH) if path.name == _ROWS or path.is_file()]
        try:
            return cls(*(faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC) for path in paths))
        except RuntimeError as error:
            raise IndexCorrupt(f"{' or '.join(path.name for path in paths)} does not load; rebuild with: kqa build") from error

    def save(self, folder: Path) -> None:
        """Write the rows and, where there is one, the sketch; raises OSError, which FAISS itself does not."""
        import faiss

        written = [(self._rows, folder / _ROWS), *([(self._sketch, folder / _SKETCH)] if self._sketch else [])]
        for index, path in written:
            try:
                faiss.write_index(index, str(path))
            except RuntimeError as error:
                raise OSError(errno.EIO, "FAISS could not write it", str(path)) from error

    def cosines(self, vector: Vectors, rows: NDArray[np.int64]) -> Vectors:
        """Return the cosines of some rows, by FAISS, which reads half precision as it is."""
        _alone()
        found = np.empty(len(rows), np.float32)
        for at in range(0, len(rows), _TOGETHER):
            some = _empty(self.halves.shape[1])
            some.add_sa_codes(self.halves[rows[at : at + _TOGETHER]].view(np.uint8))
            cosines, places = some.search(vector.reshape(1, -1), some.ntotal)
            found[at + places[0]] = cosines[0]
        return found

    def nearest(
        self, vector: Vectors, count: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], Vectors]:
        """Return at most ``count`` rows and their cosines, by (−cosine, row); of the ``allowed`` rows only, shape (n,)."""
        _alone()
        count = min(count, len(self.halves) if allowed is None else int(np.count_nonzero(allowed)))
        if not count:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        query = np.ascontiguousarray(vector.reshape(1, -1), np.float32)
        rows, cosines = self._sketched(query, count, allowed) if self._sketch else self._read(query, count, allowed)
        if len(rows) > count:
            near = cosines >= np.partition(cosines, -count)[-count]
            rows, cosines = rows[near], cosines[near]
        order = np.lexsort((rows, -cosines))[:count]
        return rows[order], cosines[order]

    def _read(self, query: Vectors, count: int, allowed: NDArray[np.bool_] | None) -> tuple[NDArray[np.int64], Vectors]:
        """Return the nearest of all rows and their cosines, each of them read."""
        import faiss

        if allowed is None:
            cosines, rows = self._rows.search(query, count)
            return rows[0], cosines[0]
        selector = faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))  # type: ignore[call-arg, arg-type]
        found = self._rows.search(query, count, params=faiss.SearchParameters(sel=selector))[1][0]  # type: ignore[call-arg]
        rows = np.sort(found[found >= 0])
        return rows, self.cosines(query, rows)

    def _sketched(self, query: Vectors, count: int, allowed: NDArray[np.bool_] | None) -> tuple[NDArray[np.int64], Vectors]:
        """Return rows that the sketch puts first and their cosines: so many that the nearest should be among them.

        These are ten, or a twentieth of those asked for, which are many where passages with many rows are sought. The rows read
        so far show by how much the sketch errs for this vector; more are read while the last of them could, with four
        deviations of that, be among the nearest. A sketch takes no filter, so more are taken from it and sifted.
        """
        total = len(self.halves)
        among = total if allowed is None else int(np.count_nonzero(allowed))
        wanted, most, nearest = max(2 * count, self.rescored), max(count, _MOST), max(_NEAREST, count // _PART)
        taken = wanted if allowed is None else 2 * wanted * total // among if among > _FEW * wanted else total
        while taken < total:
            rough, rows = (found[0] for found in self._sketch.search(query, taken))
            kept = (rows >= 0) & (True if allowed is None else allowed[rows])  # −1 where FAISS found fewer
            rough, rows = rough[kept][:most], rows[kept][:most]
            cosines = self.cosines(query, rows)
            if len(rows) >= count and (len(rows) >= most or _sure(rough, cosines, nearest)):
                return rows, cosines
            taken *= _MORE
        rows = np.arange(total) if allowed is None else np.flatnonzero(allowed)
        return rows, self.cosines(query, rows)


def _sure(rough: Vectors, cosines: Vectors, nearest: int) -> bool:
    """Whether no row after these, which a sketch put first, is likely to be among the ``nearest`` of them; n > 0."""
    errors = cosines - rough
    limit = np.partition(cosines, -nearest)[-nearest] if len(cosines) > nearest else -np.inf
    return bool(rough[-1] + errors.mean() + _SURE * errors.std() < limit)


def _empty(width: int) -> Any:
    """Return an empty index that keeps rows of so many dimensions in half precision."""
    import faiss

    return faiss.IndexScalarQuantizer(width, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)


def _alone() -> None:
    """Let FAISS use one thread for what this thread asks of it: OpenMP keeps that for each thread of its own."""
    import faiss

    faiss.omp_set_num_threads(1)


def one_thread() -> None:
    """Let numpy's products use one thread: a question is too small to share, threads would wait for each other, busily."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")


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
