from __future__ import annotations

from dataclasses import replace

import numpy as np

import kqa
from kqa.postgres_rows import fingerprint, from_halves, literal, passage_of, record_of, to_halves

PASSAGE = kqa.Passage(3, "a.md", 2, 30, "A heading", (kqa.Span(2, 10), kqa.Span(11, 30)))


def test_vectors_travel_as_pgvector_writes_them() -> None:
    vectors = np.array([[1.0, -0.5], [0.1, 2.0]], np.float32)
    rows = to_halves(vectors)
    # Two dimensions, two unused bytes; 1 is 0x3c00, −0.5 is 0xb800 in half precision.
    assert rows[0] == bytes([0, 2, 0, 0, 0x3C, 0x00, 0xB8, 0x00])
    np.testing.assert_array_equal(from_halves(rows), vectors.astype(np.float16).astype(np.float32))
    assert from_halves([]).shape == (0, 0)


def test_a_vector_in_text_is_exact() -> None:
    vector = np.random.default_rng(1).normal(size=50).astype(np.float32)
    read = np.array(literal(vector)[1:-1].split(","), np.float64).astype(np.float32)
    np.testing.assert_array_equal(read, vector)


def test_a_passage_comes_back_under_its_number() -> None:
    assert passage_of(3, "a.md", record_of(PASSAGE)) == PASSAGE
    assert passage_of(1 << 40, "b.md", record_of(PASSAGE)) == replace(PASSAGE, number=1 << 40, document="b.md")


def test_a_fingerprint_tells_text_passages_and_analysis_apart() -> None:
    document = kqa.Document("a.md", "x" * 30, "0" * 64, kqa.Source("A"))
    told = [
        fingerprint(document, [PASSAGE], "words"),
        fingerprint(replace(document, text="y" * 30), [PASSAGE], "words"),
        fingerprint(document, [replace(PASSAGE, section="Another")], "words"),
        fingerprint(document, [PASSAGE], "other words"),
    ]
    assert len(set(told)) == len(told)
    assert fingerprint(document, [replace(PASSAGE, number=9)], "words") == told[0]
