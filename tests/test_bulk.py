from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import kqa
from kqa import bulk
from kqa.bulk import encode_all, precision
from kqa.encoder import HashingEncoder, OnnxEncoder, load_encoder
from kqa.errors import EncoderError
from kqa.store import open_generation

TEXTS = [
    "a", "Is it safe?", "", "The ferry leaves at dawn.", "The keeper winds the clockwork every four hours. " * 3, "🌊 é “so”",
    *(f"The lamp was lit in {year}, and seen from {year % 40} miles." for year in range(1800, 1840)), "ferry " * 400,
]  # fmt: skip
WITHOUT_OPENVINO = "no OpenVINO here, or a processor without bfloat16"


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    bulk._computes_bfloat16.cache_clear()
    yield
    bulk._computes_bfloat16.cache_clear()


@pytest.fixture(scope="module")
def real(real_folder: Path) -> OnnxEncoder:
    encoder = load_encoder(open_generation(real_folder).folder / "encoder")
    assert isinstance(encoder, OnnxEncoder)
    return encoder


def test_every_text_is_encoded_in_its_place_and_told() -> None:
    told: list[tuple[int, int]] = []
    found = encode_all(HashingEncoder(), TEXTS, lambda *counts: told.append(counts))
    np.testing.assert_array_equal(found, HashingEncoder().encode(TEXTS))
    assert told == [(done, len(TEXTS)) for done in range(1, len(TEXTS) + 1)]
    assert encode_all(HashingEncoder(), []).shape == (0, 384)


def test_batches_hold_rows_of_one_length_and_every_row_once() -> None:
    tokens = [[1] * length for length in (3, 700, 3, 0, 2000, 700, *([5] * 500))]
    batches = list(bulk._batches(tokens))
    assert sorted(row for batch in batches for row in batch) == list(range(len(tokens)))
    for batch in batches:
        lengths = {len(tokens[row]) for row in batch}
        assert len(lengths) == 1
        assert len(batch) == 1 or len(batch) * max(lengths) <= bulk._BATCH


@pytest.mark.parametrize("letters", [1, 7, 100, 10_000])
def test_blocks_tile_the_texts(letters: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_LETTERS", letters)
    blocks = list(bulk._blocks(TEXTS))
    assert [at for start, stop in blocks for at in range(start, stop)] == list(range(len(TEXTS)))
    assert list(bulk._blocks([])) == []


def test_eight_texts_at_most_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    monkeypatch.setattr(bulk, "_Network", lambda encoder: None)
    monkeypatch.setattr(bulk, "_compare", lambda encoder, network, texts: compared.extend(texts))
    monkeypatch.setattr(bulk, "_blocks", lambda texts: ())
    assert [*bulk._in_batches(None, [str(n) for n in range(15)])] == []  # type: ignore[arg-type]
    assert len(compared) == 8


def test_without_openvino_texts_are_encoded_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_openvino", lambda: None)
    assert precision() == "float32"


def test_no_telemetry_is_loaded() -> None:
    program = (
        "import sys; from kqa import bulk; bulk.precision();"
        " print([n for n, m in sys.modules.items() if n.startswith('openvino_telemetry') and m])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"


@pytest.mark.weights
def test_in_single_precision_it_is_the_encoder_itself(real: OnnxEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_openvino", lambda: None)
    np.testing.assert_array_equal(encode_all(real, TEXTS[:6]), real.encode(TEXTS[:6]))


@pytest.mark.weights
def test_a_vector_depends_on_its_text_alone(real: OnnxEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    if precision() != bulk.HALF:
        pytest.skip(WITHOUT_OPENVINO)
    together = encode_all(real, TEXTS)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(together, encode_all(real, TEXTS[::-1])[::-1])
    np.testing.assert_array_equal(together[:12], np.concatenate([encode_all(real, [text]) for text in TEXTS[:12]]))
    monkeypatch.setattr(bulk, "_LETTERS", 300)
    np.testing.assert_array_equal(together, encode_all(real, TEXTS))
    assert (together * real.encode(TEXTS)).sum(axis=1).min() > 0.999


@pytest.mark.weights
def test_precisions_that_disagree_are_refused(real: OnnxEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    if precision() != bulk.HALF:
        pytest.skip(WITHOUT_OPENVINO)
    monkeypatch.setattr(bulk._Network, "run", lambda self, tokens: np.eye(384, dtype=np.float32)[: len(tokens)])
    with pytest.raises(EncoderError, match=r"cosine of .* with the encoder's own; install constraints\.txt"):
        encode_all(real, TEXTS[:9])


def test_vectors_of_another_precision_are_not_reused(
    own_lighthouse: Path, config: kqa.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kqa.build(own_lighthouse, tmp_path / "index", config)
    monkeypatch.setattr("kqa.vectors.precision", lambda: "another")
    assert kqa.build(own_lighthouse, tmp_path / "index", config).reused == 0
