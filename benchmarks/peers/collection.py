"""Bring a collection in BEIR's layout into the one form that all systems read.

``documents.jsonl`` and ``queries.jsonl`` hold ``[name, text]`` a line, ``qrels.json`` the judgments of these queries.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kqa.judgments import read_qrels, with_relevant

_STOPS = " .!?"


def main(dataset: Path, target: Path, limit: int) -> None:
    """Write the first ``limit`` documents (0: all), and the judged queries that have a relevant one among them."""
    documents = [(entry["_id"], _text(entry)) for entry in _entries(_first(dataset, "corpus.jsonl", "corpus.jsonl.gz"))]
    documents = documents[: limit or None]
    known = {name for name, _ in documents}
    path = _first(dataset, "qrels/test.tsv", "qrels.tsv")
    judged = {
        query: {name: grade for name, grade in grades.items() if name in known}
        for query, grades in with_relevant(read_qrels(path), str(path)).items()
    }
    judged = {query: grades for query, grades in judged.items() if any(grade > 0 for grade in grades.values())}
    if not judged:
        sys.exit(f"none of the first {limit} documents of {dataset} answers a query; raise --limit")
    entries = _entries(_first(dataset, "queries.jsonl"))
    asked = {entry["_id"]: " ".join(entry["text"].split()) for entry in entries if entry["_id"] in judged}
    target.mkdir(parents=True, exist_ok=True)
    _write(target / "documents.jsonl", sorted(documents))
    _write(target / "queries.jsonl", sorted(asked.items()))
    (target / "qrels.json").write_text(json.dumps(judged), encoding="utf-8")


def _text(entry: dict[str, Any]) -> str:
    """Return a document's text, its title the first sentence, as ``kqa benchmark`` reads it."""
    title = str(entry.get("title") or "").rstrip(_STOPS)
    return f"{title}. {entry['text']}" if title.strip(_STOPS) else str(entry["text"])


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def _first(folder: Path, *names: str) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    sys.exit(f"no {' or '.join(names)} in {folder}; name a folder in BEIR's layout")


def _write(path: Path, pairs: list[tuple[str, str]]) -> None:
    path.write_text("".join(json.dumps(pair) + "\n" for pair in pairs), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
