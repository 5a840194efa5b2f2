"""What an index of so many passages costs: python benchmarks/scale.py --passages 100000 >> benchmarks/scale.jsonl

Vectors are synthetic: a row of the built index, drawn at random, with noise of the rows' own covariance, so much of it that it
lies as far from that row as a real row does from its nearest. Texts are synthetic: words drawn by how many passages of the
corpus hold them. Both go through the functions that kqa builds with; splitting and encoding are left out, whose cost for each
text does not grow. Questions and their vectors are real. ``--real`` measures the built index itself.

Times are those of the processor (``cpu``), which other work on the machine hardly changes, and of the clock (``wall``).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kqa.building import write_passages
from kqa.config import Config, config_to_json
from kqa.dense import WHOLE
from kqa.index import Index
from kqa.lexical import Lexical, analysis
from kqa.scan import BLOCK
from kqa.spelling import vocabulary
from kqa.store import open_generation, publish
from kqa.types import Document, Passage, Source, Span
from kqa.vectors import write_rows

ROOT = Path(__file__).resolve().parents[1]
ASKED = ROOT / "evaluation" / "questions.jsonl"
PASSAGES_A_DOCUMENT = 8  # as in the corpus
SHORTEST, LONGEST = 8, 32  # words of a passage
DEPTH = Config().depth  # passages that each retriever brings
NEIGHBOUR = 10
IN_A_ROW = 20  # queries
START = """
import os, sys, time
from pathlib import Path
from kqa.index import Index
from kqa.store import open_generation
before, idle = time.perf_counter(), sum(os.times()[:2])
open_generation(Path(sys.argv[1]))
verified, verifying = time.perf_counter() - before, sum(os.times()[:2]) - idle
index = Index.load(Path(sys.argv[1]))
index.search(sys.argv[2], 10)
ready = time.time() - float(sys.argv[3]) - verified  # which is done twice here
busy = sum(os.times()[:2]) - verifying
index.search(sys.argv[2], 10)
memory = dict(line.split(":") for line in open("/proc/self/smaps_rollup").read().splitlines()[1:])
print(ready, verified, busy, *(int(memory[name].split()[0]) / 1024 for name in ("Rss", "Anonymous")))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=16_000)
    parser.add_argument("--rows", type=int, default=1, help="vectors a passage; the corpus has about sixteen")
    parser.add_argument("--real", action="store_true", help="measure the built index itself")
    parser.add_argument("--sketch-from", type=int, help="another bound than the configuration's")
    parser.add_argument("--index", type=Path, default=ROOT / "index")
    parser.add_argument("--folder", type=Path, help="where to build; else a temporary folder, removed afterwards")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--asked", type=Path, default=ASKED, help="JSON Lines with a “question” or “text”, for another --index")
    options = parser.parse_args()
    real = Index.load(options.index)
    asked = questions(options.questions, options.asked)
    if options.real:
        print(json.dumps({"command": command(), **measure(options.index, real, asked)}))
        return
    folder = options.folder or Path(tempfile.mkdtemp(prefix="kqa-scale-"))
    try:
        built = build(
            folder, open_generation(options.index).folder, real, options.passages, options.rows, sketch_from=options.sketch_from
        )
        print(json.dumps({"command": command(), **built, **measure(folder, Index.load(folder), asked)}), flush=True)
    finally:
        if not options.folder:
            shutil.rmtree(folder, ignore_errors=True)


def command() -> str:
    return " ".join(["python", *sys.argv])


def questions(count: int, path: Path) -> list[str]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row.get("question") or row["text"] for row in rows][:: max(1, len(rows) // count)][:count]


def build(folder: Path, source: Path, real: Index, passages: int, rows: int, *, sketch_from: int | None) -> dict[str, Any]:
    """Build and publish a synthetic index; return what it took."""
    random = np.random.default_rng(1)
    halves, noise = vectors(real, passages * rows, random)
    ordinals = [WHOLE, *range(rows - 1)] if rows > 1 else [0]
    owners = np.stack([np.repeat(np.arange(passages), rows), np.tile(ordinals, passages)], axis=1).astype(np.int32)
    config = replace(real.config, sketch_from=sketch_from or real.config.sketch_from)
    seconds: dict[str, float] = {}

    def write(target: Path) -> dict[str, Any]:
        shutil.copytree(source / "encoder", target / "encoder")
        shutil.copytree(open_generation(ROOT / "index").folder / "triage", target / "triage")
        searched = timed(seconds, "vectors", lambda: write_rows(target, halves, owners, config.sketch_from))
        documents, listed, texts = written(real, passages, max(1, rows - 1), random)
        timed(seconds, "lexical", lambda: Lexical.build(texts).save(target / "lexical"))
        timed(seconds, "passages", lambda: write_passages(target, documents, listed))
        (target / "vocabulary.json").write_text(json.dumps(vocabulary(texts)), encoding="utf-8")
        (target / "disagreements.jsonl").write_bytes(b"")
        (target / "config.json").write_text(config_to_json(config), encoding="utf-8")
        return {
            "words": analysis(), "encoder": real.facts["encoder"], "dense": searched, "disagreements": "",
            "corpus": {path: document.sha256 for path, document in documents.items()},
        }  # fmt: skip

    began = time.perf_counter()
    publish(folder, write)
    seconds["all"] = time.perf_counter() - began
    return {"noise": round(noise, 3), "build_s": {name: round(taken, 1) for name, taken in seconds.items()}}


def timed(seconds: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    began = time.perf_counter()
    done = work()
    seconds[name] = time.perf_counter() - began
    return done


def vectors(real: Index, count: int, random: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return synthetic rows, shape (count, d), half precision, and the share of noise in them."""
    told = real.dense._owners[:, 1] >= WHOLE  # not the listed questions, which stand with every passage of their section
    rows = np.unique(real.dense._scan.halves[told], axis=0).astype(np.float32)
    spread = np.linalg.cholesky(np.cov(rows.T).astype(np.float64) + 1e-6 * np.eye(rows.shape[1])).astype(np.float32)

    def drawn(many: int, noise: float, draw: np.random.Generator) -> np.ndarray:
        made = rows[draw.integers(0, len(rows), many)]
        made = made + noise * (draw.standard_normal((many, rows.shape[1]), np.float32) @ spread.T)
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    wanted, low, high = neighbour(rows), 0.0, 2.0
    for _ in range(12):
        noise, again = (low + high) / 2, np.random.default_rng(2)
        drawn_from = rows[np.random.default_rng(2).integers(0, len(rows), 2000)]
        near = float(np.median(np.sum(drawn(2000, noise, again) * drawn_from, axis=1)))
        low, high = (noise, high) if near > wanted else (low, noise)
    halves = np.empty((count, rows.shape[1]), np.float16)
    for at in range(0, count, BLOCK):
        halves[at : at + BLOCK] = drawn(min(BLOCK, count - at), noise, random)
    return halves, noise


def neighbour(rows: np.ndarray) -> float:
    """Return the median cosine of a row with the nearest other one."""
    return float(np.median(np.partition(rows[:: max(1, len(rows) // 1000)] @ rows.T, -2, axis=1)[:, -2]))


def written(
    real: Index, passages: int, sentences: int, random: np.random.Generator
) -> tuple[dict[str, Document], list[Passage], list[str]]:
    """Return documents of eight passages each, the passages, and their words."""
    counted = real.spelling._vocabulary
    known, share = list(counted), np.array(list(counted.values()), float)
    texts, documents, listed = list(drawn_texts(known, share / share.sum(), passages, random)), {}, []
    for number in range(0, passages, PASSAGES_A_DOCUMENT):
        path, at = f"{number // PASSAGES_A_DOCUMENT:07}.txt", 0
        own = texts[number : number + PASSAGES_A_DOCUMENT]
        for text in own:
            step = max(1, len(text) // sentences)
            spans = tuple(Span(at + min(len(text) - 1, step * n), at + len(text)) for n in range(sentences))
            listed.append(Passage(len(listed), path, at, at + len(text), "", spans))
            at += len(text) + 2
        documents[path] = Document(path, "\n\n".join(own), "0" * 64, Source(path))
    return documents, listed, texts


def drawn_texts(known: list[str], share: np.ndarray, count: int, random: np.random.Generator) -> Iterator[str]:
    bounds = np.cumsum(share)
    for length in random.integers(SHORTEST, LONGEST + 1, count):
        numbers = np.searchsorted(bounds, random.random(length)).clip(max=len(known) - 1)
        yield " ".join([known[number] for number in numbers])


def measure(folder: Path, index: Index, asked: Sequence[str]) -> dict[str, Any]:
    """Return sizes, times and recall of an index, in one process, and its start in another."""
    queries = np.stack([index.encoder.encode_query(text) for text in asked])
    scan, count = index.dense._scan, len(index.passages)
    found = open_generation(folder).manifest["files"]
    sizes = {
        "vectors": sum(found[name]["size"] for name in ("dense.faiss", "sketch.faiss") if name in found),
        "lexical": sum(entry["size"] for name, entry in found.items() if name.startswith("lexical/")),
        "text": sum(found[f"{name}.jsonl"]["size"] for name in ("documents", "passages")),
        "all": sum(entry["size"] for name, entry in found.items() if not name.startswith(("encoder/", "triage/"))),
    }
    row: dict[str, Any] = {"passages": count, "rows": len(scan.halves), "method": scan.method, "rescored": scan.rescored}
    row["bytes_a_passage"] = {name: round(size / count) for name, size in sizes.items()}
    row["dense"] = against_flat(scan, queries, lambda query: index.dense.search(query, DEPTH))
    terms = [reading.terms for question in asked for reading in index.read(question)]
    row["memory_gb_s"] = bandwidth()
    row["encode_ms"] = spread(lambda at: index.encoder.encode_query(asked[at]), len(asked))
    row["lexical_ms"] = spread(lambda at: index.lexical.best(terms[at], DEPTH), len(asked))
    for threads in (1, 2):
        row[f"hybrid_ms_{threads}"] = spread(lambda at: index.search(asked[at], 10), len(asked), threads)
    row["start"] = started(folder, asked[0])
    row["load_average"] = round(os.getloadavg()[0], 1)
    return row


def against_flat(scan: Any, queries: np.ndarray, search: Callable[[np.ndarray], object]) -> dict[str, Any]:
    """Return the scan's times beside those of an exhaustive one in single precision.

    Some queries in a row with each, then the next: a server too asks its index again and again, and finds it in the cache.
    """
    import faiss

    faiss.omp_set_num_threads(1)
    flat = faiss.IndexFlatIP(queries.shape[1])
    for at in range(0, len(scan.halves), BLOCK):
        flat.add(scan.halves[at : at + BLOCK].astype(np.float32))
    taken: dict[str, list[tuple[float, float]]] = {"flat": [], "first10": [], "depth": []}
    hits = 0
    for at in range(0, len(queries), IN_A_ROW):
        some = queries[at : at + IN_A_ROW]
        exact = [clocked(taken["flat"], lambda query=query: flat.search(query.reshape(1, -1), NEIGHBOUR)) for query in some]
        near = [clocked(taken["first10"], lambda query=query: scan.nearest(query, NEIGHBOUR)) for query in some]
        for query in some:
            clocked(taken["depth"], lambda query=query: search(query))
        hits += sum(int(np.sum(found[1] >= known[0][0, -1] - 1e-5)) for found, known in zip(near, exact, strict=True))
    row: dict[str, Any] = {name: percentiles(times) for name, times in taken.items()}
    row["ratio"] = {name: round(row[name]["cpu"][0] / row["flat"]["cpu"][0], 4) for name in ("first10", "depth")}
    return {**row, "recall@10": round(hits / (min(NEIGHBOUR, len(scan.halves)) * len(queries)), 4)}


def clocked(times: list[tuple[float, float]], work: Callable[[], Any]) -> Any:
    began = time.perf_counter(), time.thread_time()
    done = work()
    times.append((time.perf_counter() - began[0], time.thread_time() - began[1]))
    return done


def spread(work: Callable[[int], object], count: int, threads: int = 1) -> dict[str, list[float]]:
    """Return the percentiles of a call's time, so many calls at once."""
    work(0)
    times: list[tuple[float, float]] = []
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda at: clocked(times, lambda: work(at)), range(count)))
    return percentiles(times)


def percentiles(times: Sequence[tuple[float, float]]) -> dict[str, list[float]]:
    """Return the 50th and the 95th percentile in ms, by the clock and of the processor."""
    found = np.percentile(np.array(times) * 1e3, (50, 95), axis=0).round(3)
    return {"wall": found[:, 0].tolist(), "cpu": found[:, 1].tolist()}


def bandwidth() -> float:
    """Return how many GB one core sums in a second of processor time: what bounds a scan."""
    data = np.ones(32_000_000, np.float32)
    times: list[tuple[float, float]] = []
    for _ in range(5):
        clocked(times, data.sum)
    return round(data.nbytes / min(cpu for _, cpu in times) / 1e9, 1)


def started(folder: Path, question: str) -> dict[str, float]:
    """Return what the start of a process takes, its files read before: seconds to the first answer, memory in MB."""
    best: list[float] = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", START, str(folder), question, str(time.time())], capture_output=True, text=True, check=True
        )
        best = min(best or [float("inf")], [float(value) for value in done.stdout.split()])
    names = ("ready_s", "verify_s", "cpu_s", "resident_mb", "private_mb")
    return dict(zip(names, (round(value, 2) for value in best), strict=True))


if __name__ == "__main__":
    main()
