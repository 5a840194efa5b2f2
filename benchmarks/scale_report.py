"""Tables, exponents and plot of what scale.py measured: python benchmarks/scale_report.py

Reads benchmarks/scale.jsonl, prints Markdown for docs/performance.md and draws docs/scale.png. Of two measurements of the same
size the later counts.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
COSTS = {
    "exhaustive fp32": lambda row: row["dense"]["flat"]["cpu"][0],
    "dense, 10 nearest rows": lambda row: row["dense"]["first10"]["cpu"][0],
    "dense, as searched": lambda row: row["dense"]["depth"]["cpu"][0],
    "BM25": lambda row: row["lexical_ms"]["cpu"][0],
    "hybrid search": lambda row: row["hybrid_ms_1"]["cpu"][0],
    "hybrid search without encoding": lambda row: row["hybrid_ms_1"]["cpu"][0] - row["encode_ms"]["cpu"][0],
    "start, processor": lambda row: row["start"]["cpu_s"] * 1e3,
    "bytes": lambda row: row["bytes_a_passage"]["all"] * row["passages"],
    "private memory": lambda row: row["start"]["private_mb"],
}


def main() -> None:
    lines = (ROOT / "benchmarks" / "scale.jsonl").read_text(encoding="utf-8").splitlines()
    latest = {(row["passages"], row["rows"]): row for row in map(json.loads, lines)}
    rows = [latest[key] for key in sorted(latest)]
    print(table(rows))
    single = [row for row in rows if row["passages"] == row["rows"]]
    print("\n| cost | exponent, from 16,000 passages on |\n|---|---|")
    for name, cost in COSTS.items():
        print(f"| {name} | {exponent(single, cost):.2f} |")
    plot(single)


def table(rows: list[dict[str, Any]]) -> str:
    head = (
        "| passages | rows | method | build s: vectors, BM25, all | bytes a passage: vectors, BM25, text, all | recall@10 | "
        "ratio to fp32: 10 rows, as searched | BM25 ms p50, p95 | hybrid ms p50, p95 | of that encoding | "
        "2 threads ms p50, p95 | start s cpu, clock | private MB |"
    )
    return "\n".join([head, "|" + "---|" * 13, *map(line, rows)])


def line(row: dict[str, Any]) -> str:
    built, sizes, dense, start = row.get("build_s"), row["bytes_a_passage"], row["dense"], row["start"]
    cells = [
        f"{row['passages']:,}", f"{row['rows']:,}", row["method"],
        f"{built['vectors']}, {built['lexical']}, {built['all']}" if built else "–",
        ", ".join(f"{sizes[name]:,}" for name in ("vectors", "lexical", "text", "all")), f"{dense['recall@10']}",
        f"{dense['ratio']['first10']:.3f}, {dense['ratio']['depth']:.3f}",
        *(", ".join(f"{ms:.1f}" for ms in row[name]["cpu"]) for name in ("lexical_ms", "hybrid_ms_1")),
        f"{row['encode_ms']['cpu'][0]:.1f}", ", ".join(f"{ms:.0f}" for ms in row["hybrid_ms_2"]["wall"]),
        f"{start['cpu_s']:.2f}, {start['ready_s']:.1f}", f"{start['private_mb']:.0f}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def exponent(rows: list[dict[str, Any]], cost: Any) -> float:
    """Return the slope of the logarithm of a cost over that of the passages."""
    return float(np.polyfit(np.log([row["passages"] for row in rows]), np.log([cost(row) for row in rows]), 1)[0])


def plot(rows: list[dict[str, Any]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for (name, cost), mark in zip(list(COSTS.items())[:6], "osD^vP", strict=True):
        axes.plot([row["passages"] for row in rows], [cost(row) for row in rows], marker=mark, label=name)
    axes.set(xscale="log", yscale="log", xlabel="passages, one row each", ylabel="processor time of a question, ms (median)")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(ROOT / "docs" / "scale.png", dpi=110, metadata={"Software": None})


if __name__ == "__main__":
    main()
