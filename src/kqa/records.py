"""Documents and passages as lines of JSON, as an index stores them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kqa.types import Document, Kind, Passage, Reference, Source, Span


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write one JSON object a line."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8", newline="")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read what ``write_lines`` wrote."""
    with path.open(encoding="utf-8", newline="\n") as file:
        return [json.loads(line) for line in file]


def document_from_json(data: dict[str, Any]) -> Document:
    """Read back a document that was written field by field."""
    source = Source(**{**data["source"], "kind": Kind(data["source"]["kind"])})
    references = tuple(Reference(**reference) for reference in data["references"])
    asks = {section: tuple(listed) for section, listed in data["asks"].items()}
    return Document(**{**data, "source": source, "references": references, "asks": asks, "pages": tuple(data["pages"])})


def passage_from_json(data: dict[str, Any]) -> Passage:
    """Read back a passage that was written field by field."""
    return Passage(**{**data, "sentences": tuple(Span(**span) for span in data["sentences"])})
