"""Messages that need help first although no reviewed phrase is in them: a small transformer that read thousands of examples.

Its layers stand above the packaged encoder's word vectors; ``training/triage.py`` fits them to the messages in
``training/messages/``, which we wrote. Like the encoder it is exported once, at build time, in eight bits, and needs no torch
to answer.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kqa.encoder import open_network, open_tokenizer, run
from kqa.errors import EncoderError, IndexCorrupt
from kqa.exports import PACKAGED, check_known, export_onnx, exporters, load_model, quantise, weights_of, write_tokenizer
from kqa.types import Outcome

CLASSES = (Outcome.CRISIS, Outcome.EMERGENCY, None, Outcome.SELF_DOSING)
"""What a message can be, in the order of the network's outputs; None needs no referral."""
LONGEST = 160  # tokens of a window; what the messages that it learned from had at most
_LAYERS = Path(__file__).with_name("kqa-triage-l6.safetensors")  # half precision; see training/README.md
_SHA256 = "6be12e0e428a66075c9500694c949e20fe6e4a28e0589cf818ecc68020e6e1e0"
_RECIPE = "2"  # of `_network`: raise it with every change there
_OVERLAP = 40  # tokens that a window of a long message shares with the one before
_FARTHEST = 2000  # characters of a message read from its start, and from its end

Weights = Mapping[Outcome | None, float]
"""The probability of each class; they sum to 1."""


class Triage:
    """The exported network in ONNX Runtime; safe to call from many threads."""

    def __init__(self, folder: Path) -> None:
        _read_facts(folder)
        self._network, self._tokenizer = open_network(folder / "model.onnx"), open_tokenizer(folder, 2 * _FARTHEST)

    def weigh(self, text: str) -> Weights:
        """Return the probability of each class for a message; of a long one, that of the window least like none."""
        import numpy as np

        rows = [run(self._network, window) for window in self._windows(text)]
        worst = min(rows, key=lambda row: float(row[CLASSES.index(None)]))
        return dict(zip(CLASSES, map(float, np.asarray(worst)), strict=True))

    def _windows(self, text: str) -> list[list[int]]:
        """Cut a message into windows of tokens that overlap, each between the two tokens that open and close a text."""
        read = text if len(text) <= 2 * _FARTHEST else f"{text[:_FARTHEST]} {text[-_FARTHEST:]}"
        read = read.encode("utf-8", "replace").decode("utf-8")  # halves of characters are screened too
        first, *inner, last = self._tokenizer.encode(read).ids
        room = LONGEST - 2
        starts = range(0, max(1, len(inner) - _OVERLAP), room - _OVERLAP)
        return [[first, *inner[start : start + room], last] for start in starts]


def load_triage(folder: Path) -> Triage | None:
    """Load the network of an index folder; None where the index was built without one."""
    return Triage(folder) if folder.is_dir() else None


def export_triage(folder: Path) -> None:
    """Write the network into a folder: ``triage.json``, ``model.onnx`` with its weights and ``tokenizer.json``.

    Raises EncoderError when the weights are not those of the known SHA-256.
    """
    folder.mkdir(parents=True)
    source, weights = _weights()
    model = load_model(source, PACKAGED)
    with tempfile.TemporaryDirectory() as exact:
        export_onnx(_network(model), Path(exact) / "model.onnx", "probability", LONGEST)
        quantise(Path(exact) / "model.onnx", folder / "model.onnx")
    write_tokenizer(model, folder)
    facts = {"weights": weights, "exported_by": _exported_by()}
    (folder / "triage.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def is_current(folder: Path) -> bool:
    """Whether a folder holds the export that ``export_triage`` would write now: same weights, same exporters."""
    try:
        facts = _read_facts(folder)
    except IndexCorrupt:
        return False
    return bool(facts.get("weights") == _weights()[1] and facts.get("exported_by") == _exported_by())


def _exported_by() -> dict[str, str]:
    return exporters() | {"triage": _RECIPE}


def _weights() -> tuple[str, str]:
    source, below = weights_of(PACKAGED)
    check_known(_LAYERS, _SHA256, "kqa")
    return source, hashlib.sha256(f"{below} {_SHA256}".encode()).hexdigest()


def _network(model: Any) -> Any:
    """Return a module from tokens to the probability of each class: our layers, their mean, one linear layer."""
    import torch
    from safetensors.torch import load_file

    values = {name: value.float() for name, value in load_file(_LAYERS).items()}
    transformer: Any = model[0].auto_model
    head = torch.nn.Linear(int(transformer.config.hidden_size), len(CLASSES))
    try:
        head.load_state_dict({name: values.pop(f"head.{name}") for name in ("weight", "bias")})
        transformer.encoder.load_state_dict(values)
    except (KeyError, RuntimeError) as error:
        raise EncoderError(f"the triage layers do not fit this model ({error}); install constraints.txt") from error

    class Probabilities(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.transformer, self.head = transformer, head

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            states = self.transformer(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            counted = attention_mask.unsqueeze(-1).to(states.dtype)
            return torch.softmax(self.head((states * counted).sum(1) / counted.sum(1)), 1)

    return Probabilities()


def _read_facts(folder: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads((folder / "triage.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IndexCorrupt(f"{folder}/triage.json is missing or damaged; rebuild with: kqa build") from error
    return facts
