"""What must not become slower: each cost as a ratio to a plain way of the same, by processor time in the same process."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

import kqa
from conftest import ROOT
from kqa.lexical import Lexical, top
from kqa.scan import BLOCK, Scan

ROWS, WIDTH, PASSAGES = 60_000, 384, 40_000
MARGIN = 1.6  # between the ratio measured and the one that fails


def least(work: Callable[[], object], times: int = 15) -> float:
    """Return the least processor time of some calls: what others do on the machine only ever adds to it."""
    taken = []
    for _ in range(times):
        began = time.thread_time()
        work()
        taken.append(time.thread_time() - began)
    return min(taken)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    random = np.random.default_rng(3)
    centres = random.normal(size=(2000, WIDTH)).astype(np.float32)
    vectors = centres[random.integers(0, 2000, ROWS)] + random.normal(size=(ROWS, WIDTH)).astype(np.float32) * 0.6
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


@pytest.fixture(scope="module")
def flat(rows: np.ndarray) -> float:
    """Return what an exhaustive search in single precision takes."""
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(WIDTH)
    for at in range(0, ROWS, BLOCK):
        index.add(rows[at : at + BLOCK].astype(np.float32))
    query = rows[:1].astype(np.float32)
    return least(lambda: index.search(query, 10))


@pytest.mark.parametrize(("sketch_from", "measured"), [(10**9, 0.85), (1, 0.22)])
def test_nearest_rows_against_single_precision(rows: np.ndarray, flat: float, sketch_from: int, measured: float) -> None:
    scan, query = Scan.build(rows, sketch_from), rows[7].astype(np.float32)
    assert least(lambda: scan.nearest(query, 10)) / flat < measured * MARGIN


@pytest.fixture(scope="module")
def lexical() -> Lexical:
    random = np.random.default_rng(4)
    share = 1 / np.arange(1, 2001)
    drawn = random.choice(2000, size=(PASSAGES, 12), p=share / share.sum())
    return Lexical.build([" ".join(f"w{n}" for n in row) for row in drawn])


@pytest.mark.parametrize(
    ("query", "measured"),
    [(["w1500"], 0.05), (["w0", "w1500"], 0.45), (["w0", "w1", "w2"], 1.0), (["w1500", "w1600", "w1700", "w1800"], 0.09)],
)
def test_best_passages_against_the_scores_of_all(lexical: Lexical, query: list[str], measured: float) -> None:
    def whole() -> list[int]:
        scores = lexical.scores(query).round(4)
        order = np.argpartition(scores, -10)[-10:]
        return [int(number) for number in order]

    assert top(lexical.scores(query).round(4), 10) == lexical.best(query, 10)
    assert least(lambda: lexical.best(query, 10)) / least(whole) < measured * MARGIN


@pytest.mark.weights
def test_a_whole_answer_against_a_pass_of_the_encoder() -> None:
    """What the answering thread does: screening, search, quotes, what contradicts them; another reads the question then."""
    if not (ROOT / "index" / "CURRENT").is_file():
        pytest.skip("index/ is missing; build it with: kqa build")
    index = kqa.Index.load(ROOT / "index")
    asked = [
        "I've been low for eleven years. Is it true some people feel lighter before the drip bag is even put away?",
        "Dad feels fine and wants to pack in the spray. Does the depression tend to creep back?",
        "I've a bad hip and I'm frightened of falling. Will my legs hold me when I get up off the bed?",
    ]
    assert all(kqa.ask(question, index).outcome is kqa.Outcome.ANSWERED for question in asked)
    answers = sum(least(partial(kqa.ask, question, index)) for question in asked)
    passes = sum(least(partial(index.encoder.encode, [question])) for question in asked)
    assert answers / passes < 1.25 * MARGIN
