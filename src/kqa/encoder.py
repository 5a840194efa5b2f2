"""Text → unit vectors: an ONNX export of a sentence-transformers model; a hashing fake for tests.

The export encodes one text a run: a vector then depends on its text alone, whatever was encoded beside it.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from kqa.errors import IndexCorrupt
from kqa.types import Encoder

if TYPE_CHECKING:
    from kqa.types import Vectors

HASHING = "hashing"
_PROVIDERS = ["CPUExecutionProvider"]
_SLOWER = ["SkipLayerNormFusion"]  # takes ten times what the parts take that it fuses: a seventh of a question


class HashingEncoder:
    """A bag of hashed words: no weights, the same everywhere; for tests, not for people."""

    identity = "hashing-1"
    dimensions = 384

    def knows(self, word: str) -> bool:
        """Know no word: every word that the corpus lacks may be a misspelling."""
        return False

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector for each text."""
        import numpy as np

        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()) or [""]:
                code = zlib.crc32(word[:6].encode())
                vectors[row, code % self.dimensions] += 1 if code >> 31 else -1
            vectors[row, 0] += 1e-3  # never the zero vector
        unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    def encode_query(self, text: str) -> Vectors:
        """Return a question's unit vector, shape (dimensions,)."""
        vector: Vectors = self.encode([text])[0]
        return vector


class OnnxEncoder:
    """The exported model in ONNX Runtime, one thread a text; safe to call from many threads.

    What is asked is read by a copy of the network that multiplies in eight bits, where the export made one: in less than half
    the time. What is found is encoded in single precision, by a network that is opened when it is first needed: until then
    the folder must stay.
    """

    def __init__(self, folder: Path) -> None:
        facts = read_facts(folder)
        self.folder = folder
        self._tokenizer = open_tokenizer(folder, int(facts["max_tokens"]))
        self._asked = open_network(folder / str(facts["queries"]))
        self._exact = self._asked if facts["queries"] == "model.onnx" else None
        self._opening = Lock()
        self.identity = str(facts["identity"])
        self.dimensions = int(facts["dimensions"])

    @property
    def _found(self) -> Any:
        with self._opening:
            if self._exact is None:
                self._exact = open_network(self.folder / "model.onnx")
            return self._exact

    def knows(self, word: str) -> bool:
        """Whether a lower-case word is whole in the tokenizer's vocabulary: some twenty thousand common words are."""
        return self._tokenizer.token_to_id(word) is not None

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Return each text's numbers of tokens, as many as the network reads."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return one unit vector for each text, shape (len(texts), dimensions)."""
        import numpy as np

        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for row, text in enumerate(texts):
            vectors[row] = run(self._found, self._tokenizer.encode(text).ids)
        return vectors

    def encode_query(self, text: str) -> Vectors:
        """Return a question's unit vector, shape (dimensions,)."""
        vector: Vectors = run(self._asked, self._tokenizer.encode(text).ids)
        return vector


def open_network(path: Path) -> Any:
    """Open an exported network, one thread a text; raises IndexCorrupt for a file that holds none."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not _adds_bytes():
        options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=_PROVIDERS, disabled_optimizers=_SLOWER)
    except Exception as error:  # ONNX Runtime has types of its own
        raise IndexCorrupt(f"{path} does not load ({error}); rebuild with: kqa build") from error


@cache
def _adds_bytes() -> bool:
    """Whether the processor is known to add products of bytes whole; others cut the sums off, unless told to take longer."""
    try:
        return "vnni" in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def open_tokenizer(folder: Path, longest: int) -> Any:
    """Open a network's tokenizer, which cuts texts at ``longest`` tokens; raises IndexCorrupt for a file that holds none."""
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # tokenizers raises plain Exception
        raise IndexCorrupt(f"{folder}/tokenizer.json does not load ({error}); rebuild with: kqa build") from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
    return tokenizer


def run(network: Any, tokens: Sequence[int]) -> Any:
    """Return what an opened network makes of one text's tokens, one row."""
    import numpy as np

    ids = np.array([tokens], np.int64)
    return network.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]


def load_encoder(folder: Path) -> Encoder:
    """Load the encoder of an index folder, without torch."""
    return HashingEncoder() if read_facts(folder)["name"] == HASHING else OnnxEncoder(folder)


def read_facts(folder: Path) -> dict[str, Any]:
    """Return what an encoder's folder says of it; raises IndexCorrupt where it says nothing."""
    try:
        facts: dict[str, Any] = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IndexCorrupt(f"{folder}/encoder.json is missing or damaged; rebuild with: kqa build") from error
    return facts
