"""Messages that need help first although no reviewed phrase is in them: small transformers that read thousands of examples.

Their layers stand above the packaged encoder's word vectors; ``training/triage.py`` fits each of them, from another start, to
messages that we wrote (``training/messages/``) and to real letters: what only one has learned by accident weighs less. Like the
encoder they are exported once, at build time, and need no torch to answer. A copy of one that multiplies in eight bits, in a
third of its time, reads every message and sifts out the harmless ones; it would miss more if it decided on the others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

from kqa.encoder import open_network, open_tokenizer, run
from kqa.errors import EncoderError, IndexCorrupt
from kqa.exports import PACKAGED, check_known, export_onnx, exporters, load_model, quantise, share, weights_of, write_tokenizer
from kqa.types import Outcome

CLASSES = (Outcome.CRISIS, Outcome.EMERGENCY, None, Outcome.SELF_DOSING)
"""What a message can be, in the order of the network's outputs; None needs no referral."""
LONGEST = 160  # tokens of a window; what the messages that it learned from had at most
HARMLESS = 0.05
"""Probability of needing help below which a message goes no further than the sieve."""
_HERE = Path(__file__).parent
_LAYERS = {  # half precision, by the network made of them; and their SHA-256; see training/README.md
    "model.onnx": ("kqa-triage-l6.safetensors", "374debdad181e2540150ca2c643a28b7498c0b4118960f75fa9b91648148f810"),
    "second.onnx": ("kqa-triage-l6-second.safetensors", "5584c335a83df033067699ed4f146e0e02697f2537dd822a1b3f8bf8d83df111"),
    "third.onnx": ("kqa-triage-l6-third.safetensors", "2298ae35803d25e1e28463de684fb5c2acddee25bce3302a31b2ad686c4252fa"),
}
_SIEVE, _SIFTED_BY = "sieve.onnx", "third.onnx"  # its copy cost less on *dev* than the first's (evaluation/README.md)
_RECIPE = "3"  # of ``export_triage``: raise it with every change to what it writes
_OVERLAP = 40  # tokens that a window of a long message shares with the one before
_FARTHEST = 2000  # characters of a message read from its start, and from its end

_NONE = CLASSES.index(None)

Weights = Mapping[Outcome | None, float]
"""The probability of each class; they sum to 1."""


class Triage:
    """The exported networks in ONNX Runtime; safe to call from many threads.

    Those that decide are opened when a message first needs them: until then, or ``open``, the folder should stay. Where it is
    gone the sieve decides.
    """

    def __init__(self, folder: Path) -> None:
        _read_facts(folder)
        self._folder = folder
        self._sieve = open_network(folder / _SIEVE)
        self._tokenizer = open_tokenizer(folder, 2 * _FARTHEST)
        self._deciding: tuple[Any, ...] = ()
        self._opening = Lock()

    def open(self) -> tuple[Any, ...]:
        """Open the networks that decide and return them."""
        with self._opening:
            self._deciding = self._deciding or tuple(open_network(self._folder / name) for name in _LAYERS)
            return self._deciding

    def weigh(self, text: str) -> Weights:
        """Return the probability of each class for a message: the sieve's where it finds no harm, else what the others decide.

        Of a long message it is that of the window least like none; of those that decide the geometric mean.
        """
        windows = self._windows(text)
        found = _worst(self._sieve, windows)
        if 1 - found[_NONE] >= HARMLESS:
            with suppress(IndexCorrupt):  # the files are gone: help is not to fail for that
                found = _mean([_worst(network, windows) for network in self.open()])
        return dict(zip(CLASSES, map(float, found), strict=True))

    def _windows(self, text: str) -> list[list[int]]:
        """Cut a message into windows of tokens that overlap, each between the two tokens that open and close a text."""
        read = text if len(text) <= 2 * _FARTHEST else f"{text[:_FARTHEST]} {text[-_FARTHEST:]}"
        read = read.encode("utf-8", "replace").decode("utf-8")  # halves of characters are screened too
        first, *inner, last = self._tokenizer.encode(read).ids
        room = LONGEST - 2
        starts = range(0, max(1, len(inner) - _OVERLAP), room - _OVERLAP)
        return [[first, *inner[start : start + room], last] for start in starts]


def _worst(network: Any, windows: Sequence[Sequence[int]]) -> Any:
    """Return the probabilities of the window least like none."""
    return min((run(network, window) for window in windows), key=lambda row: float(row[_NONE]))


def _mean(found: Sequence[Any]) -> Any:
    """Return the geometric mean of probabilities, as probabilities."""
    import numpy as np

    mean = np.prod(found, axis=0) ** (1 / len(found))
    return mean / mean.sum()


def load_triage(folder: Path) -> Triage | None:
    """Load the networks of an index folder; None where the index was built without one."""
    return Triage(folder) if folder.is_dir() else None


def export_triage(folder: Path) -> None:
    """Write the networks into a folder: ``triage.json``, each network with its weights and ``tokenizer.json``.

    Raises EncoderError when the weights are not those of the known SHA-256.
    """
    folder.mkdir(parents=True)
    source, weights = _weights()
    model = load_model(source, PACKAGED)
    first = folder / next(iter(_LAYERS))
    for name, (layers, _) in _LAYERS.items():
        export_onnx(_network(model, layers), folder / name, "probability", LONGEST)
        if folder / name != first:
            share(folder / name, folder / name, first)
    quantise(folder / _SIFTED_BY, folder / _SIEVE)
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
    for layers, sha256 in _LAYERS.values():
        check_known(_HERE / layers, sha256, "kqa")
    return source, hashlib.sha256(" ".join((below, *(sha256 for _, sha256 in _LAYERS.values()))).encode()).hexdigest()


def _network(model: Any, layers: str) -> Any:
    """Return a module from tokens to the probability of each class: our layers, their mean, one linear layer."""
    import torch
    from safetensors.torch import load_file

    values = {name: value.float() for name, value in load_file(_HERE / layers).items()}
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
