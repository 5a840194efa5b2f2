from __future__ import annotations

import contextlib
import json
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import kqa
from conftest import TEXTS
from kqa.encoder import HASHING, HashingEncoder, OnnxEncoder, load_encoder, open_network, run
from kqa.errors import IndexCorrupt
from kqa.exports import PACKAGED, export_encoder, is_current


def test_hashing_counts_words_where_their_checksum_says() -> None:
    expected = np.zeros(384)
    for word, times in (("lamp", 2), ("keeper", 1)):
        code = zlib.crc32(word.encode())
        expected[code % 384] += times if code >> 31 else -times
    expected[0] += 1e-3
    found = HashingEncoder().encode(["Lamp, KEEPER: lamp!"])[0]
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=1e-6)


@pytest.mark.parametrize("text", TEXTS)
def test_hashing_gives_unit_vectors_always_the_same(text: str) -> None:
    vector = HashingEncoder().encode([text])
    assert vector.shape == (1, HashingEncoder.dimensions)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(vector[0], HashingEncoder().encode([*TEXTS, text])[-1])


def test_hashing_encodes_nothing_to_nothing() -> None:
    assert HashingEncoder().encode([]).shape == (0, HashingEncoder.dimensions)


def test_hashing_is_written_and_loaded(tmp_path: Path) -> None:
    export_encoder(HASHING, tmp_path / "encoder")
    loaded = load_encoder(tmp_path / "encoder")
    assert (loaded.identity, loaded.dimensions) == (HashingEncoder.identity, 384)
    assert is_current(HASHING, tmp_path / "encoder")
    assert not is_current(PACKAGED, tmp_path / "encoder")
    assert not is_current(HASHING, tmp_path / "nowhere")


@pytest.mark.parametrize("facts", [None, "", "{", b"\xff"])
def test_a_folder_that_holds_no_encoder(tmp_path: Path, facts: str | bytes | None) -> None:
    if facts is not None:
        (tmp_path / "encoder.json").write_bytes(facts if isinstance(facts, bytes) else facts.encode())
    with pytest.raises(IndexCorrupt, match=r"encoder\.json is missing or damaged; rebuild with: kqa build"):
        load_encoder(tmp_path)


def test_a_model_that_does_not_load(tmp_path: Path) -> None:
    facts = {"name": PACKAGED, "identity": "x", "dimensions": 384, "max_tokens": 256, "queries": "query.onnx"}
    (tmp_path / "encoder.json").write_text(json.dumps(facts), encoding="utf-8")
    (tmp_path / "query.onnx").write_bytes(b"not a model")
    with pytest.raises(IndexCorrupt, match=r"does not load \(.*\); rebuild with: kqa build"):
        load_encoder(tmp_path)


@pytest.mark.weights
def test_a_vector_depends_on_its_text_alone(real: OnnxEncoder) -> None:
    together = real.encode(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(together, np.concatenate([real.encode([text]) for text in TEXTS]))
    np.testing.assert_array_equal(together[::-1], real.encode(TEXTS[::-1]))


@pytest.mark.weights
def test_many_threads_get_the_same_vectors(real: OnnxEncoder) -> None:
    alone = real.encode(TEXTS)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: real.encode(TEXTS), range(24)):
            np.testing.assert_array_equal(found, alone)


@pytest.mark.weights
def test_texts_beyond_the_longest_are_cut(real: OnnxEncoder) -> None:
    np.testing.assert_array_equal(real.encode(["ferry " * 300]), real.encode(["ferry " * 3000]))


@pytest.mark.weights
@pytest.mark.parametrize("text", ["\ud800 ferry", "\udcff"])
def test_half_characters_are_encoded_or_refused(real_index: kqa.Index, text: str) -> None:
    with contextlib.suppress(kqa.KqaError):  # anything else would end a thread of the page
        kqa.ask(f"When does the {text} leave?", real_index)


@pytest.mark.weights
def test_a_question_has_the_same_vector_in_many_threads(real: OnnxEncoder) -> None:
    alone = [real.encode_query(text) for text in TEXTS]
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: [real.encode_query(text) for text in TEXTS], range(8)):
            np.testing.assert_array_equal(found, alone)


@pytest.mark.weights
def test_a_question_has_the_same_vector_on_processors_of_both_kinds(real: OnnxEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for whole in (True, False):
        monkeypatch.setattr("kqa.encoder._adds_bytes", lambda whole=whole: whole)
        network = open_network(real.folder / "query.onnx")
        found.append(np.array([run(network, tokens) for tokens in real.tokens(TEXTS)]))
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
