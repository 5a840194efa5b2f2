"""Judge the rankings of a run of ``peers.py`` with kqa's own measures, and write its tables: ``table.py RESULTS.json FILE.md``.

The nDCG@10 are added to the JSON. Where the Markdown file has the two marks, only what stands between them is replaced.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from kqa.measures import means, randomisation, score_run

BEGIN, END = "<!-- figures: written by benchmarks/peers/table.py -->", "<!-- end of figures -->"
OURS = "kqa-shipped"
_HEAD = (
    "system", "setting", "nDCG@10", "first answer, s", "p50, ms", "p95, ms", "CPU a question, ms", "peak, MB", "its own, MB",
    "documents/s", "build peak, MB", "index, MB",
)  # fmt: skip
_ALLOWED = {"first_s": 1 / 5, "p50_ms": 1 / 3, "peak_mb": 1 / 2}  # of the peer's, what kqa may take
_CALLED = {"first_s": "first answer", "p50_ms": "p50", "peak_mb": "peak"}


def main(results: Path, page: Path) -> None:
    """Read, judge, write."""
    collections = json.loads(results.read_text(encoding="utf-8"))
    for collection in collections:
        _judge(collection)
    results.write_text(json.dumps(collections, indent=1) + "\n", encoding="utf-8")
    written = "\n".join(_section(collection) for collection in collections)
    old = page.read_text(encoding="utf-8") if page.is_file() else ""
    if BEGIN in old and END in old:
        before, after = old.split(BEGIN)[0], old.split(END)[1]
        written = f"{before}{BEGIN}\n\n{written}\n{END}{after}"
    page.write_text(written, encoding="utf-8")


def _judge(collection: dict[str, Any]) -> None:
    rows = collection["rows"]
    scores = {key: score_run(row["run"], collection["qrels"], ["nDCG@10"])[1] for key, row in rows.items() if row["ranks"]}
    for key, found in scores.items():
        one = means(found)[0]
        rows[key]["ndcg10"] = {"value": one.value, "low": one.low, "high": one.high, "n": one.n}
        if OURS in scores and key != OURS:
            more = means(scores[OURS] - found)[0]
            p = randomisation(scores[OURS] - found)[0]
            rows[key]["kqa_more"] = {"value": more.value, "low": more.low, "high": more.high, "p": p}


def _section(collection: dict[str, Any]) -> str:
    rows = collection["rows"]
    some = next(iter(rows.values()))
    loads = [load for row in rows.values() for load in row["load"]]
    machine = collection["machine"]
    told = (
        f"### {collection['collection']}: {some['build']['documents']:,} documents, {len(collection['qrels'])} queries\n\n"
        f"Median of {len(some['first_s'])} rounds, {machine['cores']} cores, Python {machine['python']}, {machine['on']};"
        f" load before a start {min(loads):.1f} to {max(loads):.1f}.\n"
    )
    body = [_line(_HEAD), _line(["---"] * 2 + ["--:"] * (len(_HEAD) - 2)), *(_line(_cells(row)) for row in rows.values())]
    unsteady = [key for key, row in rows.items() if not row["steady"]]
    noted = f"\nNot the same ranking in every round: {', '.join(unsteady)}.\n" if unsteady else ""
    return f"{told}\n" + "\n".join(body) + f"\n{noted}\n{_verdicts(rows)}"


def _cells(row: dict[str, Any]) -> list[str]:
    build = row["build"]
    measured = [f"{_middle(row, name):{form}}" for name, form in _FORMS.items()]
    rate = build["documents"] / build["seconds"]
    sizes = [f"{rate:.1f}", f"{build['peak_mb']:.0f}", f"{build['index_mb']:.0f}"]
    return [row["system"], row["says"], _quality(row), *measured, *sizes]


_FORMS = {"first_s": ".2f", "p50_ms": ".1f", "p95_ms": ".1f", "cpu_ms": ".1f", "peak_mb": ".0f", "own_mb": ".0f"}


def _quality(row: dict[str, Any]) -> str:
    one = row.get("ndcg10")
    return f"{one['value']:.3f} [{one['low']:.2f}, {one['high']:.2f}]" if one else "–"


def _verdicts(rows: dict[str, Any]) -> str:
    """Say for each peer at its best ranking, and for the best of all peers, whether kqa stays within what it may take."""
    peers = {key: row for key, row in rows.items() if row["system"] != "kqa" and row["ranks"]}
    if OURS not in rows or not peers:
        return ""
    ours = rows[OURS]
    shares = [f"{_CALLED[name]}, may be {part:.2f}" for name, part in _ALLOWED.items()]
    head = ["kqa as shipped against", "nDCG@10, kqa more by", *shares]
    lines = [_line(head), _line(["---"] * len(head))]
    for system in dict.fromkeys(row["system"] for row in peers.values()):
        best = max((row for row in peers.values() if row["system"] == system), key=lambda row: row["ndcg10"]["value"])
        more = best["kqa_more"]
        quality = f"{more['value']:+.3f} [{more['low']:+.2f}, {more['high']:+.2f}], p {more['p']:.3f}"
        lines.append(_line([f"{system}, {best['says']}", _verdict(quality, more["value"] >= 0), *_shares(ours, best)]))
    least = {name: min(_middle(row, name) for row in peers.values()) for name in _ALLOWED}
    most = max(row["ndcg10"]["value"] for row in peers.values())
    more = ours["ndcg10"]["value"] - most
    lines.append(_line(["the best figure of any peer's row", _verdict(f"{more:+.3f}", more >= 0), *_shares(ours, least)]))
    return "\n".join(lines) + "\n"


def _shares(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    shares = {name: _middle(ours, name) / _middle(theirs, name) for name in _ALLOWED}
    return [_verdict(f"{share:.2f}", share <= _ALLOWED[name]) for name, share in shares.items()]


def _verdict(text: str, holds: bool) -> str:
    return f"{text} {'holds' if holds else '**missed**'}"


def _middle(row: dict[str, Any], name: str) -> float:
    value = row[name]
    return float(statistics.median(value)) if isinstance(value, list) else float(value)


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
