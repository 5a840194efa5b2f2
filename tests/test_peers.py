"""The comparison with peers: what all systems read, how each is timed, how their rankings are judged. No peer is needed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from math import log2
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT

SCRIPTS = ROOT / "benchmarks" / "peers"
TOY = """
import json, sys
sys.path.insert(0, {scripts!r})
from protocol import main, unique

def build(documents, folder, setting):
    (folder / "all.json").write_text(json.dumps([setting, documents]))

def load(folder, setting):
    built, documents = json.loads((folder / "all.json").read_text())
    return lambda question, k: unique((name for name, text in documents * 2 if question in text), k)

main(build, load)
"""


def run(script: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    entries = [
        {"_id": "b", "title": "Fog?", "text": "The horn sounds."},
        {"_id": "a", "title": "", "text": "The lamp turns."},
        {"_id": "c", "title": "Pier", "text": "No horn here."},
    ]
    queries = [{"_id": "2", "text": "lamp"}, {"_id": "1", "text": "horn"}, {"_id": "3", "text": "nobody judged this"}]
    folder = tmp_path / "harbour"
    folder.mkdir()
    for name, rows in (("corpus", entries), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n1\tc\t1\n2\ta\t1\n", encoding="utf-8")
    return folder


def test_all_systems_read_the_same(dataset: Path, tmp_path: Path) -> None:
    assert run(SCRIPTS / "collection.py", dataset, tmp_path / "all", 0).returncode == 0
    lines = (tmp_path / "all" / "documents.jsonl").read_text(encoding="utf-8").splitlines()
    expected = [["a", "The lamp turns."], ["b", "Fog. The horn sounds."], ["c", "Pier. No horn here."]]
    assert [json.loads(line) for line in lines] == expected
    assert run(SCRIPTS / "collection.py", dataset, tmp_path / "two", 2).returncode == 0
    assert json.loads((tmp_path / "two" / "qrels.json").read_text(encoding="utf-8")) == {"2": {"a": 1}}
    none = run(SCRIPTS / "collection.py", dataset, tmp_path / "one", 1)
    assert (none.returncode, "raise --limit" in none.stderr) == (1, True)


def test_a_system_builds_in_one_process_and_answers_in_another(dataset: Path, tmp_path: Path) -> None:
    run(SCRIPTS / "collection.py", dataset, tmp_path, 0)
    toy = tmp_path / "toy.py"
    toy.write_text(TOY.format(scripts=str(SCRIPTS)), encoding="utf-8")
    results = {}
    for verb in ("build", "ask"):
        facts = {"verb": verb, "collection": str(tmp_path), "index": str(tmp_path), "setting": "plain"}
        job = {**facts, "result": str(tmp_path / verb), "started": time.time()}
        (tmp_path / "job.json").write_text(json.dumps(job), encoding="utf-8")
        done = run(toy, tmp_path / "job.json")
        assert (done.returncode, done.stderr) == (0, "")
        results[verb] = json.loads((tmp_path / verb).read_text(encoding="utf-8"))
    assert results["build"]["documents"] == 3
    asked = results["ask"]
    assert asked["run"] == {"1": ["b", "c"], "2": ["a"]}
    assert 0 < asked["loaded_s"] <= asked["first_s"] < 60
    assert len(asked["times_s"]) == 1
    assert 1 < asked["own_mb"] <= asked["peak_mb"] < 500


def row(system: str, run: dict[str, list[str]], times: float, *, ranks: bool = True) -> dict[str, Any]:
    build = {"documents": 10, "seconds": 5.0, "peak_mb": 50.0, "index_mb": 1.0}
    names = ("first_s", "p50_ms", "p95_ms", "cpu_ms", "peak_mb", "own_mb", "load")
    rounds = {name: [9 * times, times, times] for name in names}
    return {"system": system, "says": "plainly", "ranks": ranks, "build": build, "steady": True, "run": run, **rounds}


def test_rankings_are_judged_and_the_shares_said(tmp_path: Path) -> None:
    found, second = {"1": ["c"], "2": ["a"]}, {"1": ["b", "c"], "2": ["a"]}
    rows = {"kqa-shipped": row("kqa", found, 3.0), "slow-one": row("slow", second, 16.0), "slow-two": row("slow", {}, 6.0)}
    machine = {"cores": 2, "python": "3.11", "on": "2026-11-26"}
    qrels = {"1": {"c": 1}, "2": {"a": 1}}
    (tmp_path / "r.json").write_text(json.dumps([{"collection": "harbour", "qrels": qrels, "rows": rows, "machine": machine}]))
    page = tmp_path / "page.md"
    marks = "<!-- figures: written by benchmarks/peers/table.py -->", "<!-- end of figures -->"
    page.write_text(f"Before.\n{marks[0]}\nstale\n{marks[1]}\nAfter.\n", encoding="utf-8")
    done = run(SCRIPTS / "table.py", tmp_path / "r.json", page)
    assert (done.returncode, done.stderr) == (0, "")
    text, judged = page.read_text(encoding="utf-8"), json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))[0]["rows"]
    assert text.startswith("Before.")
    assert text.endswith("After.\n")
    assert "stale" not in text
    assert judged["slow-one"]["ndcg10"]["value"] == pytest.approx((1 / log2(3) + 1) / 2)
    assert judged["slow-one"]["kqa_more"]["value"] == pytest.approx((1 - 1 / log2(3)) / 2)
    against_slow = next(line for line in text.splitlines() if line.startswith("| slow, plainly"))
    assert against_slow.count("0.19 holds") == 3  # 3 of 16, where a fifth, a third and a half are allowed
    against_best = next(line for line in text.splitlines() if line.startswith("| the best figure"))
    assert (against_best.count("0.50 **missed**"), against_best.count("0.50 holds")) == (2, 1)  # 3 of 6
