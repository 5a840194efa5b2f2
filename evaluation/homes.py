"""Hold an index in PostgreSQL against the same index in a folder: the same passages, the same answers, how fast.

    python evaluation/homes.py postgresql://kqa@db/kqa                            the corpus and its judged questions
    python evaluation/homes.py postgresql://kqa@db/other --dataset medquad-self --index work/medquad-self

The folder is built first (kqa build, or kqa benchmark DATASET --work work); the database is brought up to it here, with the
folder's vectors. Times are medians of one process, the two homes taking turns.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import kqa
from kqa.benchmark import read_documents
from kqa.encoder import load_encoder
from kqa.errors import QuestionError
from kqa.intake import take_in
from kqa.journal import Journal
from kqa.postgres_build import build_remote
from kqa.scan import Scan
from kqa.store import open_generation
from kqa.vectors import made_by

K = 10


def main() -> None:
    """Build, ask both, print."""
    options = _options()
    corpus = None if options.dataset else options.corpus
    documents = take_in(corpus).documents if corpus else read_documents(options.dataset / "corpus.jsonl.gz")
    with tempfile.TemporaryDirectory() as work:
        share = _share(options.index, Path(work) / "all.vectors")
        began = time.perf_counter()
        built = build_remote(documents, options.address, kqa.Config(), corpus, shards=[share])
    print(f"database built in {time.perf_counter() - began:.0f} s, {built.passages} passages, {built.encoded} texts encoded")
    here, there = kqa.Index.load(options.index), kqa.Index.load(options.address)
    print(f"recall of the graph: {there.facts['recall']['dense@10']}")
    _compare(_questions(options), here, there)


def _share(index: Path, path: Path) -> Path:
    """Write the vectors of a folder as one share of a build."""
    folder = open_generation(index).folder
    journal = Journal.open(path, made_by(load_encoder(folder / "encoder")))
    digests = np.load(folder / "digests.npy", allow_pickle=False)
    halves = dict(zip((bytes(d) for d in digests), Scan.load(folder).halves, strict=True))
    journal.add(list(halves), np.array(list(halves.values())))
    journal.close()
    return path


def _compare(questions: list[str], here: kqa.Index, there: kqa.Index) -> None:
    overlaps, dense, same, asked = [], [], 0, 0
    times: dict[str, list[float]] = {"folder": [], "database": []}
    for question in questions:
        try:
            first = _timed(times["folder"], lambda q=question: kqa.search(q, here, k=K))
        except QuestionError:
            continue
        second = _timed(times["database"], lambda q=question: kqa.search(q, there, k=K))
        overlaps.append(len(_places(first) & _places(second)) / max(1, len(_places(first))))
        vector = here.encoder.encode_query(question)
        near = [_places_of(index, index.dense.search(vector, K)) for index in (here, there)]
        dense.append(len(near[0] & near[1]) / K)
        same += _answer(question, here) == _answer(question, there)
        asked += 1
    print(f"{asked} questions: fused top-{K} overlap {np.mean(overlaps):.4f}, least {min(overlaps):.2f}")
    print(f"nearest {K} passages by vectors alone: overlap {np.mean(dense):.4f}; answers equal to the last character: {same}")
    for name, seconds in times.items():
        print(f"search, {name}: median {1000 * median(seconds):.1f} ms, 95 % within {1000 * np.quantile(seconds, 0.95):.1f} ms")


def _timed(times: list[float], act: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    found = act()
    times.append(time.perf_counter() - began)
    return found


def _places(hits: list[kqa.Hit]) -> set[tuple[str, int]]:
    return {(hit.passage.document, hit.passage.start) for hit in hits}


def _places_of(index: kqa.Index, numbers: list[int]) -> set[tuple[str, int]]:
    return {(index.passages[number].document, index.passages[number].start) for number in numbers}


def _answer(question: str, index: kqa.Index) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(kqa.to_json(kqa.ask(question, index)))
    return {name: value for name, value in data.items() if name != "manifest"}


def _questions(options: argparse.Namespace) -> list[str]:
    if options.dataset:
        lines = (options.dataset / "queries.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["text"] for line in lines][: options.most]
    lines = options.questions.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines][: options.most]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", help="an empty database, or one that held an index before")
    parser.add_argument("--index", type=Path, default=Path("index"))
    parser.add_argument("--corpus", type=Path, default=Path("corpus"))
    parser.add_argument("--questions", type=Path, default=Path("evaluation/questions.jsonl"))
    parser.add_argument("--dataset", type=Path, help="a folder in BEIR layout instead of a corpus")
    parser.add_argument("--most", type=int, help="questions at most")
    return parser.parse_args()


if __name__ == "__main__":
    main()
