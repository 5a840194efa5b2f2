from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kqa import dense as module
from kqa.config import Config
from kqa.dense import ASK, WHOLE, Dense, Moments, Owners
from kqa.errors import IndexCorrupt
from kqa.scan import Scan

CONFIG = Config(sentence_weight=0.5, asks_weight=0.25)
# Halves and quarters are exact in half precision, so that every expected number below is exact as well.
QUERY = np.array([1, 0, 0, 0], np.float32)
ROWS: list[tuple[int, int, tuple[float, ...]]] = [
    (0, WHOLE, (0.5, 0.5, 0.5, 0.5)),
    (0, 0, (-0.5, 0.5, 0.5, 0.5)),
    (0, 1, (1, 0, 0, 0)),
    (0, ASK, (0, 1, 0, 0)),
    (0, ASK, (0, 0, 1, 0)),
    (1, WHOLE, (0.5, -0.5, 0.5, 0.5)),
    (1, 0, (0.5, -0.5, 0.5, 0.5)),
    (2, WHOLE, (-0.5, 0.5, -0.5, 0.5)),
    (2, 0, (-1, 0, 0, 0)),
    (2, 1, (0, 0, 0, 1)),
    (2, 2, (0, 0, 1, 0)),
    (3, WHOLE, (0, 0, 0, 1)),
    (3, 0, (0, 0, 0, 1)),
    (3, ASK, (1, 0, 0, 0)),
]


@pytest.fixture(autouse=True, params=[0, 10**6], ids=["read", "multiplied"])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test twice: with so few rows that all are multiplied, and with more than that."""
    monkeypatch.setattr(module, "_FEW", request.param)


def dense(rows: list[tuple[int, int, tuple[float, ...]]] = ROWS, config: Config = CONFIG) -> Dense:
    vectors = np.array([row[2] for row in rows], np.float16)
    sentences = vectors[[row[1] >= 0 for row in rows]] if any(row[1] >= 0 for row in rows) else vectors
    owners = Owners.of(np.array([row[:2] for row in rows], np.int32))
    return Dense(Scan.build(vectors, config.sketch_from), owners, config, Moments.of(sentences))


@pytest.mark.parametrize(
    ("passage", "sentence_weight", "asks_weight", "expected", "best"),
    [
        # passage 0: whole ½, sentences −½ and 1, questions 0 and 0
        (0, 0.0, 0.0, 0.5, 1),
        (0, 1.0, 0.0, 1.0, 1),
        (0, 0.5, 0.0, 0.5 + 0.5 * (1 - 0.5), 1),
        (0, 0.5, 0.25, 0.75 + 0.25 * (0 - 0.75), 1),
        (0, 0.5, 1.0, 0.0, 1),
        # passage 1 lists no question: its weight changes nothing
        (1, 0.5, 0.25, 0.5, 0),
        (1, 0.5, 1.0, 0.5, 0),
        # passage 2: whole −½; of two equal sentences the first is the best
        (2, 0.5, 0.25, -0.5 + 0.5 * (0 + 0.5), 1),
        # passage 3: nothing near but its question
        (3, 0.5, 0.25, 0.0 + 0.25 * (1 - 0.0), 0),
    ],
)
def test_mix_of_whole_sentence_and_question(
    passage: int, sentence_weight: float, asks_weight: float, expected: float, best: int
) -> None:
    config = Config(sentence_weight=sentence_weight, asks_weight=asks_weight)
    scores, ordinals = dense(config=config).score(QUERY, [passage])
    assert (scores[0], ordinals[0]) == (expected, best)
    scores, ordinals = dense(config=config).score(QUERY, [0, 1, 2, 3])
    assert (scores[passage], ordinals[passage]) == (expected, best)


def test_passages_are_scored_in_the_order_asked() -> None:
    forth, _ = dense().score(QUERY, [0, 1, 2, 3])
    back, _ = dense().score(QUERY, [3, 2, 1, 0])
    np.testing.assert_array_equal(forth, back[::-1])
    np.testing.assert_array_equal(forth, np.array([0.5625, 0.5, -0.25, 0.25], np.float32))


def test_the_nearest_row_leads_and_ties_go_by_passage_number() -> None:
    assert dense().search(QUERY, 4) == [0, 3, 1, 2]  # nearest rows 1, 1, ½, 0
    assert dense().search(QUERY, 2) == [0, 3]
    same = [(number, ordinal, (1.0, 0.0, 0.0, 0.0)) for number in range(30) for ordinal in (WHOLE, 0)]
    assert dense(same).search(QUERY, 30) == list(range(30))
    scores, best = dense(same).score(QUERY, range(30))
    assert set(scores.tolist()) == {1.0}
    assert set(best.tolist()) == {0}


def test_rows_of_a_passage_stand_in_any_order() -> None:
    shuffled = [ROWS[at] for at in (3, 0, 4, 1, 2, 6, 5, 9, 7, 10, 8, 13, 12, 11)]
    for passages in ([0], [2, 0], [3, 1, 0, 2]):
        for ours, theirs in zip(dense(shuffled).score(QUERY, passages), dense().score(QUERY, passages), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_passages_that_do_not_stand_in_order() -> None:
    with pytest.raises(IndexCorrupt, match=r"rows out of order; rebuild with: kqa build"):
        dense(ROWS[::-1])


@pytest.mark.parametrize("sketch_from", [1, 10**9])
def test_only_allowed_passages_are_found(sketch_from: int) -> None:
    config = Config(sketch_from=sketch_from)
    many = [(first + number, ordinal, row) for first in range(0, 40, 4) for number, ordinal, row in ROWS]
    found = dense(many, config)
    every = found.search(QUERY, 40)
    for gone in ([], [0], every[:5], every[1:], every):
        allowed = np.ones(40, np.bool_)
        allowed[gone] = False
        assert found.search(QUERY, 40, allowed) == [number for number in every if number not in gone]


@pytest.mark.parametrize("sketch_from", [1, 10**9])
def test_against_numpy(sketch_from: int) -> None:
    random = np.random.default_rng(7)
    vectors = random.normal(size=(900, 48)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    owners = np.array([(n // 3, (WHOLE, 0, 1)[n % 3]) for n in range(900)], np.int32)
    halves = vectors.astype(np.float16)
    found = Dense(Scan.build(halves, sketch_from), Owners.of(owners), CONFIG, Moments.of(vectors))
    half = halves.astype(np.float32)
    for query in vectors[::100]:
        cosines = (half @ query).reshape(300, 3)
        nearest = cosines.max(axis=1)
        assert found.search(query, 10) == np.lexsort((np.arange(300), -nearest))[:10].tolist()
        scores, best = found.score(query, range(300))
        np.testing.assert_allclose(scores, (cosines[:, 0] + cosines[:, 1:].max(axis=1)) / 2, atol=2e-5)
        np.testing.assert_array_equal(best, cosines[:, 1:].argmax(axis=1))
        some = random.permutation(300)[:20]
        np.testing.assert_allclose(found.score(query, some.tolist())[0], scores[some], atol=2e-6)


@pytest.mark.parametrize("count", [3, 37, 64])
def test_equal_rows_are_ranked_by_their_passages(count: int) -> None:
    vector = np.random.default_rng(9).normal(size=48)
    rows = [(number, WHOLE, tuple(vector / np.linalg.norm(vector))) for number in range(count)]
    found = dense(rows)
    query = np.array(rows[0][2], np.float32)
    assert found.search(query, 5) == list(range(count))[:5]
    assert len(set(found.score(query, range(count))[0].tolist())) == 1


def test_a_passage_without_rows_is_not_found() -> None:
    rows = [row for row in ROWS if row[0] != 1]
    assert sorted(dense(rows).search(QUERY, 9)) == [0, 2, 3]


def test_passages_of_no_sentences() -> None:
    assert dense([(0, WHOLE, (1, 0, 0, 0))]).nearest_sentences(QUERY, [0]) == []


def test_a_vector_without_an_owner() -> None:
    with pytest.raises(IndexCorrupt, match=r"dense: 2 vectors but 1 owners; rebuild with: kqa build"):
        Dense(
            Scan.build(np.eye(2, dtype=np.float16), 9),
            Owners.of(np.zeros((1, 2), np.int32)),
            CONFIG,
            Moments.of(np.eye(2, dtype=np.float32)),
        )


def test_owners_saved_and_loaded(tmp_path: Path) -> None:
    owners = Owners.of(np.array([row[:2] for row in ROWS], np.int32))
    assert owners.starts.tolist() == [0, 5, 7, 11, 14]
    owners.save(tmp_path)
    loaded = Owners.load(tmp_path)
    np.testing.assert_array_equal(loaded.rows, owners.rows)
    np.testing.assert_array_equal(loaded.starts, owners.starts)
    np.save(tmp_path / "starts.npy", owners.starts[:-1])
    with pytest.raises(IndexCorrupt, match=r"owners\.npy and starts\.npy do not belong together; rebuild with: kqa build"):
        Owners.load(tmp_path)


def test_moments_against_numpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(3).normal(size=(500, 16)).astype(np.float32)
    Moments.of(vectors).save(tmp_path)
    query = vectors[7] / np.linalg.norm(vectors[7])
    cosines = vectors @ query
    for moments in (Moments.of(vectors), Moments.load(tmp_path)):
        expected = (cosines[7] - cosines.mean()) / cosines.std()
        assert moments.deviations(float(cosines[7]), query) == pytest.approx(expected, rel=1e-4)
    monkeypatch.setattr("kqa.dense.BLOCK", 64)
    np.testing.assert_allclose(Moments.of(vectors).covariance, np.cov(vectors.T, bias=True), atol=1e-6)
    assert Moments.of(vectors[:1]).deviations(0.5, query) > 0, "one sentence has no spread, and is no division by nothing"


def test_nearness_of_the_best_sentence_and_the_best_listed_question() -> None:
    sentences = np.array([row[2] for row in ROWS if row[1] >= 0], np.float32)
    cosines, mean = sentences @ QUERY, sentences.mean(axis=0)
    out, listed = dense().nearness(QUERY, [0, 3])
    assert out == pytest.approx((1 - cosines.mean()) / cosines.std(), rel=1e-4)
    assert listed == pytest.approx(1.0, abs=1e-4)  # passage 3 lists a question that is the query itself
    only = np.array([0, 1, 0, 0]) - mean, np.array([0, 0, 1, 0]) - mean
    centred = QUERY - mean
    expected = max(one @ centred / np.linalg.norm(one) / np.linalg.norm(centred) for one in only)
    assert dense().nearness(QUERY, [0])[1] == pytest.approx(expected, abs=1e-4)
    assert dense().nearness(QUERY, [1, 2])[1] is None


def test_sentences_in_their_order_without_what_all_say() -> None:
    shuffled = [ROWS[at] for at in (0, 2, 1, 3, 6, 5, 9, 10, 8, 12)]
    owners, vectors = dense(shuffled).sentences()
    assert owners == [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1), (2, 2), (3, 0)]
    rows = {row[:2]: np.array(row[2]) for row in ROWS}
    beyond = np.array([rows[owner] for owner in owners])
    beyond -= beyond.mean(axis=0)
    np.testing.assert_allclose(vectors, beyond / np.linalg.norm(beyond, axis=1, keepdims=True), atol=1e-6)
    assert vectors.dtype == np.float32
    assert not dense(ROWS[:2]).sentences()[1].any(), "one sentence says nothing beyond itself, and is no division by nothing"
