"""Measures as aligned text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from kqa.measures import Estimate

_DECIMALS = 4  # kept in JSON
_LIBRARIES = ("bm25s", "faiss-cpu", "ir_measures", "kqa", "numpy", "onnxruntime")


def versions() -> dict[str, str]:
    """Return the version of kqa and of every library that shapes a measure."""
    return {name: version(name) for name in _LIBRARIES}


def number_text(value: float) -> str:
    """Return a number with three decimals and no leading zero: ``.643``."""
    text = f"{round(value, 3) + 0.0:.3f}"  # never -0.000
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def estimate_text(estimate: Estimate) -> str:
    """Return a measure with its interval: ``.643 [.601, .685]``."""
    return f"{number_text(estimate.value)} [{number_text(estimate.low)}, {number_text(estimate.high)}]"


def measure_rows(title: str, groups: Mapping[str, Mapping[str, Estimate]]) -> list[list[str]]:
    """Return a header and one row a group: its name, how many questions, each measure."""
    names = list(next(iter(groups.values()), {}))
    rows = [[title, "n", *names]]
    for group, estimates in groups.items():
        count = next(iter(estimates.values())).n
        rows.append([group, str(count), *(estimate_text(estimates[name]) for name in names)])
    return rows


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines of text in columns two blanks apart."""
    widths = [max(len(row[column]) for row in rows if column < len(row)) for column in range(max(map(len, rows), default=0))]
    return "".join("  ".join(cell.ljust(widths[at]) for at, cell in enumerate(row)).rstrip() + "\n" for row in rows)


def to_sorted_json(result: Any) -> str:
    """Return a dataclass as JSON with sorted keys and rounded numbers: the same result, the same bytes."""
    return json.dumps(_rounded(asdict(result)), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _rounded(data: Any) -> Any:
    if isinstance(data, float):
        return round(data, _DECIMALS) + 0.0  # never -0.0
    if isinstance(data, Mapping):
        return {str(key): _rounded(value) for key, value in data.items()}
    if isinstance(data, Iterable) and not isinstance(data, str):
        return [_rounded(value) for value in data]
    return data
