from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kqa.errors import IndexCorrupt
from kqa.scan import Scan, exact_nearest, measured_recall

EVERY, SKETCH = 10**9, 1  # from how many rows on there is a sketch
WAYS = pytest.mark.parametrize("sketch_from", [EVERY, SKETCH])


def unit(count: int, width: int = 64, seed: int = 5) -> np.ndarray:
    """Return rows that lie in groups, as texts do, not evenly spread."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(max(1, count // 20), width))
    vectors = centres[random.integers(0, len(centres), count)] + random.normal(size=(count, width)) * 0.7
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def near(halves: np.ndarray, queries: int = 40, seed: int = 6) -> np.ndarray:
    """Return queries near some rows, none of them a row."""
    random = np.random.default_rng(seed)
    vectors = halves[:: len(halves) // queries][:queries].astype(np.float32)
    vectors += random.normal(size=vectors.shape).astype(np.float32) * 0.05
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def by_numpy(halves: np.ndarray, query: np.ndarray, k: int, allowed: np.ndarray | None = None) -> list[int]:
    cosines = halves.astype(np.float32) @ query
    order = [row for row in np.lexsort((np.arange(len(halves)), -cosines)).tolist() if allowed is None or allowed[row]]
    return order[:k]


def found(scan: Scan, query: np.ndarray, k: int, allowed: np.ndarray | None = None) -> list[int]:
    rows, cosines = scan.nearest(query, k, allowed)
    assert list(zip(-cosines, rows, strict=True)) == sorted(zip(-cosines, rows, strict=True))
    np.testing.assert_allclose(cosines, scan.halves[rows].astype(np.float32) @ query, atol=1e-5)
    return [int(row) for row in rows]


@WAYS
def test_few_rows_are_all_found_in_their_order(sketch_from: int) -> None:
    """So few are all read exactly: the sketch decides nothing."""
    halves = unit(300)
    scan = Scan.build(halves, sketch_from)
    assert (scan.rescored > 0) == (sketch_from == SKETCH)
    for query in near(halves):
        for k in (1, 10, 300, 999):
            assert found(scan, query, k) == by_numpy(halves, query, k)


def test_recall_of_the_sketch_of_a_few_thousand_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    halves = unit(12_000)
    scan = Scan.build(halves, SKETCH)
    assert (scan.method, scan.rescored) == ("PQ16x4fs, exact from SQfp16", 1000)
    hits = [len(set(found(scan, query, 10)) & set(by_numpy(halves, query, 10))) for query in near(halves, 100)]
    assert sum(hits) / 1000 >= 0.998
    assert measured_recall(scan) >= 0.998
    poor = Scan(scan._rows, Scan.build(halves[::-1], SKETCH)._sketch)  # sketches that stand for other rows
    assert measured_recall(poor) > 0.8  # nearly all rows are read, for those that were show how wrong it is
    monkeypatch.setattr("kqa.scan._MOST", 1000)
    assert measured_recall(poor) < 0.5


def test_more_rows_are_read_where_the_first_do_not_show_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hundreds of rows lie so close that the sketch cannot tell them apart, a fixed number would miss some."""
    random = np.random.default_rng(3)
    centres = random.normal(size=(10, 64)).astype(np.float32)
    close = centres[random.integers(0, 10, 40_000)] + random.normal(size=(40_000, 64)).astype(np.float32) * 0.2
    close = (close / np.linalg.norm(close, axis=1, keepdims=True)).astype(np.float16)
    read: list[int] = []
    exactly = Scan.cosines
    monkeypatch.setattr(Scan, "cosines", lambda scan, query, rows: read.append(len(rows)) or exactly(scan, query, rows))
    for halves, most in ((unit(40_000), 1000), (close, 4000)):
        scan = Scan.build(halves, SKETCH)
        read.clear()
        hits = [len(set(found(scan, query, 10)) & set(by_numpy(halves, query, 10))) for query in near(halves)]
        assert sum(hits) / 400 >= 0.998
        assert np.median(read) <= most
    assert max(read) >= 4000


@WAYS
@pytest.mark.parametrize("share", [0.0, 0.002, 0.1, 0.5, 0.98, 1.0])
def test_only_allowed_rows_are_found(sketch_from: int, share: float) -> None:
    halves = unit(24_000)
    scan = Scan.build(halves, sketch_from)
    allowed = np.random.default_rng(9).random(24_000) < share
    got = wanted = 0
    for query in near(halves):
        rows = found(scan, query, 10, allowed)
        expected = by_numpy(halves, query, 10, allowed)
        assert all(allowed[row] for row in rows)
        assert len(rows) == len(expected) == min(10, int(allowed.sum()))
        got, wanted = got + len(set(rows) & set(expected)), wanted + len(expected)
    assert got >= 0.995 * wanted


def test_a_filter_that_leaves_only_far_rows() -> None:
    """What the sketch puts first is all gone; it is asked for more until there are enough, or all are read."""
    halves = unit(24_000)
    scan = Scan.build(halves, SKETCH)
    query = near(halves)[0]
    allowed = np.ones(24_000, np.bool_)
    allowed[by_numpy(halves, query, 3900)] = False
    assert len(set(found(scan, query, 10, allowed)) & set(by_numpy(halves, query, 10, allowed))) >= 6  # far rows are all alike


@WAYS
def test_equal_rows_come_in_their_order(sketch_from: int) -> None:
    halves = np.repeat(unit(1), 50, axis=0)
    assert found(Scan.build(halves, sketch_from), halves[0].astype(np.float32), 50) == list(range(50))


@pytest.mark.parametrize(("rows", "width"), [(15, 64), (100, 6), (1, 4)])
def test_too_few_rows_or_an_odd_width_get_no_sketch(rows: int, width: int) -> None:
    halves = unit(rows, width)
    scan = Scan.build(halves, SKETCH)
    assert (scan.rescored, scan.method) == (0, "SQfp16")
    assert found(scan, halves[0].astype(np.float32), rows)[0] == 0


@WAYS
def test_the_same_rows_give_the_same_bytes_and_come_back(sketch_from: int, tmp_path: Path) -> None:
    halves = unit(2000)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Scan.build(halves.copy(), sketch_from).save(tmp_path / name)
    files = {path.name: path.read_bytes() for path in sorted((tmp_path / "a").iterdir())}
    assert files == {path.name: path.read_bytes() for path in sorted((tmp_path / "b").iterdir())}
    assert list(files) == (["dense.faiss", "sketch.faiss"] if sketch_from == SKETCH else ["dense.faiss"])
    loaded, built = Scan.load(tmp_path / "a"), Scan.build(halves, sketch_from)
    np.testing.assert_array_equal(loaded.halves, halves)
    for path in (tmp_path / "a").iterdir():
        path.unlink()  # mapped: what is open stays readable
    for query in near(halves):
        assert found(loaded, query, 10) == found(built, query, 10)


def test_half_precision_is_rounded_as_numpy_does() -> None:
    vectors = np.random.default_rng(1).normal(size=(500, 32)).astype(np.float32)
    halves = vectors.astype(np.float16)
    np.testing.assert_array_equal(Scan.build(halves, EVERY).halves, halves)  # which outlive the scan


@pytest.mark.parametrize("data", [b"", b"garbage", b"IxSQ" + b"\0" * 8])
def test_a_file_that_is_no_index(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "dense.faiss").write_bytes(data)
    with pytest.raises(IndexCorrupt, match=r"dense\.faiss does not load; rebuild with: kqa build"):
        Scan.load(tmp_path)


def test_a_sketch_of_fewer_rows(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    Scan.build(unit(100), SKETCH).save(tmp_path)
    Scan.build(unit(99), SKETCH).save(tmp_path / "other")
    (tmp_path / "other" / "sketch.faiss").replace(tmp_path / "sketch.faiss")
    with pytest.raises(IndexCorrupt, match=r"dense: 99 sketches but 100 rows; rebuild with: kqa build"):
        Scan.load(tmp_path)
    (tmp_path / "sketch.faiss").write_bytes(b"garbage")
    with pytest.raises(IndexCorrupt, match=r"dense\.faiss or sketch\.faiss does not load; rebuild with: kqa build"):
        Scan.load(tmp_path)


def test_exact_nearest_against_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kqa.scan.BLOCK", 64)
    halves = unit(500)
    queries = near(halves)
    expected = -np.sort(-(queries @ halves.astype(np.float32).T), axis=1)[:, :7]
    np.testing.assert_allclose(exact_nearest(halves, queries, 7), expected, atol=1e-5)


def test_recall_where_rows_are_fewer_than_asked_for_or_equal() -> None:
    assert measured_recall(Scan.build(unit(3), EVERY)) == 1.0
    assert measured_recall(Scan.build(np.repeat(unit(1), 40, axis=0), EVERY)) == 1.0


@pytest.mark.parametrize("sketch_from", [10**6, SKETCH])
def test_a_disk_that_refuses_is_an_error_of_the_disk(sketch_from: int, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="FAISS could not write it"):
        Scan.build(unit(100), sketch_from).save(tmp_path / "nowhere")


def test_so_many_rows_are_read_exactly_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with a filter, where far more are taken from the sketch than are read."""
    monkeypatch.setattr("kqa.scan._MOST", 1500)
    halves = unit(30_000)
    scan = Scan(Scan.build(halves, EVERY)._rows, Scan.build(halves[::-1], SKETCH)._sketch)  # never sure: of other rows
    read: list[int] = []
    exactly = Scan.cosines
    monkeypatch.setattr(Scan, "cosines", lambda scan, query, rows: read.append(len(rows)) or exactly(scan, query, rows))
    for allowed in (None, np.arange(30_000) % 2 == 0):
        scan.nearest(halves[7].astype(np.float32), 10, allowed)
    assert len(read) > 2
    assert max(read) == 1500
