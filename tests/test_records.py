from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

from kqa.errors import IndexCorrupt
from kqa.records import (
    Documents,
    Passages,
    Records,
    document_from_json,
    passage_from_json,
    passages_of,
    read_lines,
    write_lines,
    write_records,
)
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


def many(count: int) -> list[Passage]:
    return [Passage(n, f"{n // 3:04}.md", n, n + 9, HARD, (Span(n, n + 9),)) for n in range(count)]


def test_passages_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    expected = many(5000)
    write_records(tmp_path / "a.jsonl", map(asdict, expected))
    passages = Passages(Records(tmp_path / "a.jsonl"))
    assert len(passages) == 5000
    assert list(passages) == expected
    assert (passages[0], passages[-1], passages[17:40:7]) == (expected[0], expected[-1], expected[17:40:7])
    for outside in (5000, -5001):
        with pytest.raises(IndexError):
            passages[outside]
    (tmp_path / "a.jsonl").unlink()
    assert passages[2500] == expected[2500], "what is open outlives its file"


def test_passages_of_one_document(tmp_path: Path) -> None:
    expected = many(50)
    write_records(tmp_path / "a.jsonl", map(asdict, expected))
    for passages in (expected, Passages(Records(tmp_path / "a.jsonl"))):
        for path in ("0000.md", "0007.md", "0016.md", "0007", "", "zzz"):
            assert list(passages_of(passages, path)) == [passage for passage in expected if passage.document == path]


def test_documents_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    expected = {path: Document(path, f"{HARD} {path}", "ab", Source("A")) for path in ("a.md", "b/c.md", "ü.md")}
    write_records(tmp_path / "a.jsonl", map(asdict, expected.values()))
    documents = Documents(Records(tmp_path / "a.jsonl"), list(expected))
    assert dict(documents) == expected
    assert ("a.md" in documents, "b.md" in documents, len(documents)) == (True, False, 3)
    assert documents.get("b.md") is None
    swapped = Documents(Records(tmp_path / "a.jsonl"), ["b/c.md", "a.md", "ü.md"])
    with pytest.raises(IndexCorrupt, match=r"a\.jsonl holds something else on line 1; rebuild with: kqa build"):
        swapped["b/c.md"]
    with pytest.raises(IndexCorrupt, match=r"3 documents but 2 paths; rebuild with: kqa build"):
        Documents(Records(tmp_path / "a.jsonl"), ["a.md", "b/c.md"])


def test_many_threads_read_the_same(tmp_path: Path) -> None:
    expected = many(6000)
    write_records(tmp_path / "a.jsonl", map(asdict, expected))
    passages = Passages(Records(tmp_path / "a.jsonl"))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(passages.__getitem__, range(6000))) == expected


def test_records_that_are_shorter_than_they_say(tmp_path: Path) -> None:
    write_records(tmp_path / "none.jsonl", [])
    assert len(Passages(Records(tmp_path / "none.jsonl"))) == 0
    write_records(tmp_path / "a.jsonl", [{"n": 1}])
    (tmp_path / "a.jsonl").write_bytes(b"{}\n")
    with pytest.raises(IndexCorrupt, match=r"a\.jsonl is not as long as a\.npy says; rebuild with: kqa build"):
        Records(tmp_path / "a.jsonl")
