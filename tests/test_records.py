from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from kqa.records import document_from_json, passage_from_json, read_lines, write_lines
from kqa.types import Document, Kind, Passage, Reference, Source, Span

HARD = "one\ntwo\r\nthree\u2028four\x85five\0 “six” 🌊 \\n \ufeff"


@pytest.mark.parametrize(
    "document",
    [
        Document("a.md", HARD, "ab", Source("A")),
        Document(
            "b/c.txt", "", "cd", Source("T", Kind.LABEL, "P", "2024", "US", "https://example.org", "R"), 3,
            (Reference("r", "O", "T", 1911, "label", "doi:1"),), {"lamp": ("When?", "Why?")}, (0, 10),
        ),
    ],
)  # fmt: skip
def test_a_document_comes_back_as_it_was(document: Document) -> None:
    assert document_from_json(json.loads(json.dumps(asdict(document)))) == document


def test_a_passage_comes_back_as_it_was() -> None:
    passage = Passage(3, "a.md", 5, 20, "Section", (Span(5, 9), Span(10, 20)))
    assert passage_from_json(json.loads(json.dumps(asdict(passage)))) == passage


def test_one_object_a_line(tmp_path: Path) -> None:
    rows = [{"text": HARD}, {"text": ""}, {"n": 1}]
    write_lines(tmp_path / "a.jsonl", rows)
    assert (tmp_path / "a.jsonl").read_bytes().count(b"\n") == len(rows)
    assert read_lines(tmp_path / "a.jsonl") == rows
    write_lines(tmp_path / "none.jsonl", [])
    assert read_lines(tmp_path / "none.jsonl") == []
