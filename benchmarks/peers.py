"""Run kqa and its peers side by side: same weights, same documents, same questions, same judge, one process after another.

    python benchmarks/peers.py WORK DATASET [DATASET …]

The interpreter that runs this has kqa installed; each peer gets an environment of its own below WORK. docs/peers.md says more.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent / "peers"
KQA = "kqa"


@dataclass(frozen=True)
class Row:
    """A system in one setting; rows of one system with the same ``index`` share what the first of them built."""

    system: str
    setting: str
    index: str
    says: str
    ranks: bool = True

    @property
    def key(self) -> str:
        """The row's name in files."""
        return f"{self.system}-{self.setting}"


ROWS = (
    Row("kqa", "shipped", "shipped", "as shipped: kqa's encoder, hybrid"),
    Row("kqa", "packaged", "packaged", "with the peers' encoder"),
    Row("kqa", "ask", "shipped", "`ask`: also triage, confidence, quotes", ranks=False),
    Row("txtai", "documented", "documented", "as its documentation starts"),
    Row("txtai", "flat", "flat", "exact vectors"),
    Row("txtai", "hybrid", "hybrid", "exact vectors and BM25"),
    Row("haystack", "documented", "memory", "as its documentation starts"),
    Row("haystack", "hybrid", "memory", "vectors and BM25, depth 100, reciprocal ranks"),
    Row("llama-index", "documented", "nodes", "as its documentation starts"),
    Row("llama-index", "deep", "nodes", "depth 100"),
    Row("llama-index", "hybrid", "nodes", "vectors and BM25, depth 100, reciprocal ranks"),
)
PEERS = tuple(dict.fromkeys(row.system for row in ROWS if row.system != KQA))
_QUIET = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HAYSTACK_TELEMETRY_ENABLED": "False", "DO_NOT_TRACK": "1"}


def main() -> None:
    """Install, build, ask in turn, judge, and write both files."""
    options = _options()
    rows = [row for row in ROWS if not options.only or {row.system, row.key} & {*options.only}]
    pythons = {system: _environment(options.work / "env", system) for system in dict.fromkeys(row.system for row in rows)}
    results = []
    for dataset in options.datasets:
        place = options.work / (dataset.resolve().name + (f"-{options.limit}" if options.limit else ""))
        collection = place / "collection"
        _run([sys.executable, HERE / "collection.py", dataset, collection, options.limit])
        built = {row.key: _build(row, pythons[row.system], place, options.rebuild) for row in rows}
        asked: dict[str, list[dict[str, Any]]] = {row.key: [] for row in rows}
        for number in range(options.rounds):
            for row in rows:
                _say(f"{place.name}: round {number + 1} of {options.rounds}, {row.key}")
                asked[row.key].append(_job("ask", row, pythons[row.system], place))
        results.append(_result(place, rows, built, asked) | {"versions": _versions(pythons), "machine": _machine()})
    options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    _run([sys.executable, HERE / "table.py", options.json, options.table])
    _say(f"wrote {options.json} and {options.table}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for environments, indexes and results; some 5 GB")
    parser.add_argument("datasets", type=Path, nargs="+", help="folders in BEIR's layout")
    parser.add_argument("--rounds", type=int, default=3, help="times each system is started and asked everything (default 3)")
    parser.add_argument("--limit", type=int, default=0, help="only the first so many documents, to try the command out")
    parser.add_argument(
        "--only", nargs="+", choices=(KQA, *PEERS, *(row.key for row in ROWS)), help="only these systems or rows"
    )
    parser.add_argument("--rebuild", action="store_true", help="build indexes anew that stand in WORK")
    parser.add_argument("--json", type=Path, help="default WORK/peers.json")
    parser.add_argument("--table", type=Path, help="Markdown to write the tables into; default WORK/peers.md")
    options = parser.parse_args()
    options.json, options.table = options.json or options.work / "peers.json", options.table or options.work / "peers.md"
    if options.rounds < 1 or options.limit < 0:
        parser.error("--rounds must be 1 or more, --limit 0 or more")
    return options


def _environment(folder: Path, system: str) -> Path:
    """Return the interpreter of a system's environment, made when it is missing or its pinned versions changed."""
    if system == KQA:
        return Path(sys.executable)
    python, pinned, done = folder / system / "bin" / "python", HERE / f"{system}.txt", folder / system / "installed.txt"
    if not done.is_file() or done.read_bytes() != pinned.read_bytes():
        _say(f"installing {system} into {folder / system}")
        if not python.exists():
            venv.create(folder / system, with_pip=True)
        _run([python, "-m", "pip", "install", "-q", "-r", pinned])
        shutil.copyfile(pinned, done)
    return python


def _build(row: Row, python: Path, place: Path, rebuild: bool) -> dict[str, Any]:
    """Build a row's index, or tell how it was built; one that another row of this run built is not built again."""
    index, facts = _index(row, place), _index(row, place).with_suffix(".json")
    if rebuild and row == next(one for one in ROWS if (one.system, one.index) == (row.system, row.index)):
        facts.unlink(missing_ok=True)
    if not facts.is_file():
        shutil.rmtree(index, ignore_errors=True)
        index.mkdir(parents=True)
        _say(f"{place.name}: building {row.system}, {row.index}")
        built = _job("build", row, python, place)
        size = sum(file.stat().st_size for file in index.rglob("*") if file.is_file())
        facts.write_text(json.dumps(built | {"index_mb": size / (1 << 20)}), encoding="utf-8")
    told: dict[str, Any] = json.loads(facts.read_text(encoding="utf-8"))
    return told


def _job(verb: str, row: Row, python: Path, place: Path) -> dict[str, Any]:
    """Run one verb of one system in a process of its own and return what it measured."""
    result, job = place / "result.json", place / "job.json"
    result.unlink(missing_ok=True)
    facts = {"verb": verb, "setting": row.setting, "collection": str(place / "collection"), "index": str(_index(row, place))}
    load = os.getloadavg()[0]
    job.write_text(json.dumps(facts | {"result": str(result), "started": time.time()}), encoding="utf-8")
    _run([python, HERE / f"run_{row.system.replace('-', '_')}.py", job])
    return json.loads(result.read_text(encoding="utf-8")) | {"load": load}


def _index(row: Row, place: Path) -> Path:
    return (place / f"{row.system}-{row.index}").resolve()


def _run(command: list[object]) -> None:
    finished = subprocess.run([str(part) for part in command], env=os.environ | _QUIET, capture_output=True, text=True)
    if finished.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{finished.stdout[-2000:]}\n{finished.stderr[-4000:]}")


def _result(place: Path, rows: list[Row], built: dict[str, Any], asked: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Gather a collection's measures; a list has one number a round."""
    measured = {}
    for row in rows:
        rounds = asked[row.key]
        measured[row.key] = {
            "system": row.system,
            "says": row.says,
            "ranks": row.ranks,
            "build": built[row.key],
            "first_s": [one["first_s"] for one in rounds],
            "loaded_s": [one["loaded_s"] for one in rounds],
            "first_cpu_s": [one["first_cpu_s"] for one in rounds],
            "p50_ms": [1000 * statistics.median(one["times_s"]) for one in rounds],
            "p95_ms": [1000 * statistics.quantiles(one["times_s"], n=20)[-1] for one in rounds],
            "cpu_ms": [1000 * one["cpu_s_per_question"] for one in rounds],
            "peak_mb": [one["peak_mb"] for one in rounds],
            "own_mb": [one["own_mb"] for one in rounds],
            "load": [one["load"] for one in rounds],
            "steady": all(one["run"] == rounds[0]["run"] for one in rounds),
            "run": rounds[-1]["run"],
        }
    return {"collection": place.name, "qrels": json.loads((place / "collection/qrels.json").read_text()), "rows": measured}


def _versions(pythons: dict[str, Path]) -> dict[str, dict[str, str]]:
    code = "import json, importlib.metadata as m; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    return {system: json.loads(subprocess.check_output([python, "-c", code], text=True)) for system, python in pythons.items()}


def _machine() -> dict[str, Any]:
    return {"cores": os.cpu_count(), "python": sys.version.split()[0], "on": time.strftime("%Y-%m-%d")}


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
