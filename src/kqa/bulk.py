"""Many texts → vectors, at build: OpenVINO in bfloat16 on a processor that computes in it, else the encoder itself.

Texts of one length make a batch, without padding. The arithmetic of a row does not depend on the rows beside it, so that a
vector still depends on its text alone (see tests). The cosine of this vector of a text with that of single precision is above
.9999; below ``_AGREEMENT`` a build stops.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from kqa.encoder import OnnxEncoder
from kqa.errors import EncoderError
from kqa.types import Encoder

if TYPE_CHECKING:
    from kqa.progress import Progress
    from kqa.types import Vectors

HALF = "bfloat16"
_BATCH = 1024  # tokens of a batch: more fill no cache better, fewer leave the matrix units idle
_AGREEMENT = 0.999  # least cosine between the vectors of one text in the two precisions
_COMPARED = 8  # texts of each build that are compared
_LETTERS = 4 << 20  # characters tokenised at once


def encode_all(encoder: Encoder, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
    """Encode texts on all cores, in their order; shape (len(texts), dimensions); raises as ``encode_parts`` does."""
    import numpy as np

    vectors = np.empty((len(texts), encoder.dimensions), np.float32)
    for rows, found in encode_parts(encoder, texts, progress):
        vectors[rows] = found
    return vectors


def encode_parts(
    encoder: Encoder, texts: Sequence[str], progress: Progress | None = None
) -> Iterator[tuple[list[int], Vectors]]:
    """Encode texts on all cores, some at a time: yield the places of these and their vectors, until each text had its turn.

    Raises EncoderError when the two precisions disagree.
    """
    fast = bool(texts) and isinstance(encoder, OnnxEncoder) and precision() == HALF
    parts = _in_batches(encoder, texts) if isinstance(encoder, OnnxEncoder) and fast else _one_by_one(encoder, texts)
    done = 0
    for rows, vectors in parts:
        done += len(rows)
        yield rows, vectors
        if progress:
            progress(done, len(texts))


def precision() -> str:
    """Return in which precision this machine encodes many texts: ``bfloat16`` or ``float32``."""
    return HALF if _computes_bfloat16() else "float32"


@cache
def _computes_bfloat16() -> bool:
    runtime = _openvino()
    return bool(runtime) and "BF16" in runtime.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _openvino() -> Any:
    """Import OpenVINO without the telemetry that its conversion tools would load; None where there is no OpenVINO."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino
    except ImportError:
        return None
    return openvino


def _one_by_one(encoder: Encoder, texts: Sequence[str]) -> Iterator[tuple[list[int], Vectors]]:
    with ThreadPoolExecutor(_cores()) as pool:
        for row, vector in enumerate(pool.map(lambda text: encoder.encode([text]), texts)):
            yield [row], vector


def _in_batches(encoder: OnnxEncoder, texts: Sequence[str]) -> Iterator[tuple[list[int], Vectors]]:
    network = _Network(encoder)
    _compare(encoder, network, texts[:: max(1, len(texts) // _COMPARED)][:_COMPARED])
    with ThreadPoolExecutor(_cores()) as pool:
        for start, stop in _blocks(texts):
            tokens = encoder.tokens(texts[start:stop])
            batches = list(_batches(tokens))
            found = pool.map(network.run, ([tokens[row] for row in batch] for batch in batches))
            for batch, vectors in zip(batches, found, strict=True):
                yield [start + row for row in batch], vectors


def _blocks(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Cut texts into blocks whose tokens fit into memory."""
    start, letters = 0, 0
    for at, text in enumerate(texts):
        letters += len(text)
        if letters > _LETTERS:
            yield start, at + 1
            start, letters = at + 1, 0
    if start < len(texts):
        yield start, len(texts)


def _batches(tokens: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Group rows of equal length, some thousand tokens a batch."""
    by_length = sorted(range(len(tokens)), key=lambda row: (len(tokens[row]), row))
    for length, group in groupby(by_length, key=lambda row: len(tokens[row])):
        rows, room = list(group), max(1, _BATCH // max(1, length))
        yield from (rows[at : at + room] for at in range(0, len(rows), room))


class _Network:
    """The exported model in OpenVINO; each thread has a request of its own."""

    def __init__(self, encoder: OnnxEncoder) -> None:
        core = _openvino().Core()
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16",
            "INFERENCE_NUM_THREADS": _cores(),
            "NUM_STREAMS": _cores(),
        }
        self._model = core.compile_model(str(encoder.folder / "model.onnx"), "CPU", settings)
        self._requests = threading.local()

    def run(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        import numpy as np

        if not hasattr(self._requests, "own"):
            self._requests.own = self._model.create_infer_request()
        ids = np.array(tokens, np.int64)
        vectors = self._requests.own.infer({"input_ids": ids, "attention_mask": np.ones_like(ids)})[0].astype(np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _compare(encoder: OnnxEncoder, network: _Network, texts: Sequence[str]) -> None:
    """Hold the vectors of a few texts against those of single precision."""
    cosines = [float(encoder.encode([text])[0] @ network.run(encoder.tokens([text]))[0]) for text in texts]
    if not min(cosines) >= _AGREEMENT:
        found = f"OpenVINO's vectors have a cosine of {min(cosines):.4f} with the encoder's own"
        raise EncoderError(f"{found}; install constraints.txt, or do without it: pip uninstall openvino")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
