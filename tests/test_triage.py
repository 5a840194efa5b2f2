"""The triage of messages: its export, its windows, and how much of what nobody tuned on it finds."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import kqa
from conftest import ROOT
from kqa import triage as module
from kqa.encoder import run
from kqa.errors import EncoderError, IndexCorrupt
from kqa.exports import PACKAGED, load_model
from kqa.rules import load_rules
from kqa.safety import ASSENT, URGENT, screen
from kqa.serving import Serving
from kqa.triage import CLASSES, HARMLESS, LONGEST, Triage, export_triage, is_current, load_triage
from kqa.types import Outcome

HELD_BACK = [json.loads(line) for line in (ROOT / "evaluation" / "messages.jsonl").read_text(encoding="utf-8").splitlines()]

DANGER = "I took all my pills and I can't breathe"
LEARNED = sorted((ROOT / "training" / "messages").glob("*.jsonl"))


class Words:
    """A tokenizer that gives each word its length, and a network that dreads some numbers; it counts what it reads."""

    def __init__(self, *dreaded: int, otherwise: float = 0.1) -> None:
        self.dreaded, self.otherwise, self.read = dreaded, otherwise, 0

    def encode(self, text: str) -> SimpleNamespace:
        return SimpleNamespace(ids=[101, *(len(word) for word in text.split()), 102])

    def run(self, _: None, tokens: dict[str, Any]) -> list[Any]:
        self.read += 1
        help_needed = 0.9 if any(number in tokens["input_ids"] for number in self.dreaded) else self.otherwise
        return [np.array([[help_needed, 0.0, 1 - help_needed, 0.0]], np.float32)]


def triage_of(sieve: Words, *deciding: Words) -> Triage:
    made = object.__new__(Triage)
    made._sieve, made._deciding, made._tokenizer, made._opening = sieve, deciding, sieve, Lock()
    return made


@pytest.fixture
def dreading() -> Triage:
    """Return a triage that refers a message with a word of 13 letters."""
    return triage_of(Words(13), Words(13), Words(13))


@pytest.mark.parametrize(("harm", "read"), [(HARMLESS - 0.001, 0), (HARMLESS + 0.001, 1)])
def test_what_the_sieve_does_not_find_harmless_is_read_by_all_others(harm: float, read: int) -> None:
    first, second = Words(13), Words(13)
    triage_of(Words(13, otherwise=harm), first, second).weigh("calm")
    assert (first.read, second.read) == (read, read)


def test_the_sieve_decides_on_nothing_that_it_lets_through() -> None:
    found = triage_of(Words(13), Words(otherwise=0.2), Words(otherwise=0.2)).weigh("thirteenth-el")
    assert found[Outcome.CRISIS] == pytest.approx(0.2)


def test_all_networks_count_by_their_geometric_mean() -> None:
    found = triage_of(Words(13), Words(13), Words(otherwise=0.01)).weigh("thirteenth-el")
    harm, none = (0.9 * 0.01) ** 0.5, (0.1 * 0.99) ** 0.5
    assert found[Outcome.CRISIS] == pytest.approx(harm / (harm + none))
    assert sum(found.values()) == pytest.approx(1)


def test_each_network_goes_by_the_window_that_it_finds_worst() -> None:
    words = ["calm"] * 300
    words[10], words[290] = "thirteenth-el", "twelve-lette"
    found = triage_of(Words(13), Words(13), Words(12)).weigh(" ".join(words))
    assert found[Outcome.CRISIS] == pytest.approx(0.9)


@pytest.mark.parametrize("at", [0, 100, 157, 158, 190, 299])
def test_a_word_is_heard_wherever_it_stands(dreading: Triage, at: int) -> None:
    words = ["calm"] * 300
    assert dreading.weigh(" ".join(words))[None] == pytest.approx(0.9)
    words[at] = "thirteenth-el"
    assert dreading.weigh(" ".join(words))[Outcome.CRISIS] == pytest.approx(0.9)


def test_windows_are_of_the_length_that_was_learned(dreading: Triage) -> None:
    for count in (0, 1, 118, 157, 158, 159, 400):
        windows = dreading._windows("word " * count)
        assert all(len(window) <= LONGEST and (window[0], window[-1]) == (101, 102) for window in windows)
        assert sum(len(window) - 2 for window in windows) >= count


def test_of_an_endless_message_the_start_and_the_end_are_read(dreading: Triage) -> None:
    endless = ["calm"] * 100_000
    for at in (0, -1):
        assert dreading.weigh(" ".join([*endless[:at], "thirteenth-el", *endless[at:]]))[Outcome.CRISIS] > 0.5


def test_an_index_without_triage_goes_by_the_phrases_alone(index: kqa.Index) -> None:
    assert index.triage is None
    assert load_triage(Path("nowhere")) is None


class Judge:
    """A triage that is told what to think."""

    def __init__(self, **weights: float) -> None:
        told = {Outcome(name): weight for name, weight in weights.items()}
        self.weights = {**dict.fromkeys(CLASSES, 0.0), **told, None: 1 - sum(told.values())}

    def weigh(self, text: str) -> dict[Outcome | None, float]:
        return self.weights


@pytest.mark.parametrize(
    ("question", "weights", "outcome", "rule"),
    [
        ("The moon is out", {"crisis": 0.99}, Outcome.CRISIS, "triage"),
        ("The moon is out", {"crisis": 0.3, "self_dosing": 0.65}, Outcome.SELF_DOSING, "triage"),
        ("The moon is out", {"crisis": 0.01}, None, None),
        ("I want to die", {"crisis": 0.3}, Outcome.CRISIS, "crisis-want-to-die"),
        ("I want to die", {"crisis": 0.001}, None, None),
        ("I want to die", {"emergency": 0.99}, Outcome.EMERGENCY, "triage"),
        ("How much ketamine should I take", {"crisis": 0.99}, Outcome.CRISIS, "triage"),
        ("Should I try ketamine?", {"crisis": 0.001}, None, "personal-should-i"),
    ],
)
def test_phrases_and_triage_agree_on_the_more_urgent(
    question: str, weights: dict[str, float], outcome: Outcome | None, rule: str | None
) -> None:
    found = screen(question, (), Judge(**weights))  # type: ignore[arg-type]
    assert found.outcome is outcome
    assert found.rule == rule or (rule == "crisis-want-to-die" and str(found.rule).startswith("crisis"))


@pytest.mark.parametrize("harm", ["missing", "not json"])
def test_damaged_facts_are_named(tmp_path: Path, harm: str) -> None:
    if harm == "not json":
        (tmp_path / "triage.json").write_text("{", encoding="utf-8")
    with pytest.raises(IndexCorrupt, match="triage.json is missing or damaged; rebuild with: kqa build"):
        Triage(tmp_path)
    assert not is_current(tmp_path)


def test_weights_with_one_byte_changed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layers, sha256 = module._LAYERS["third.onnx"]
    data = bytearray((module._HERE / layers).read_bytes())
    data[-1] ^= 1
    (tmp_path / "layers.safetensors").write_bytes(data)
    changed = {"third.onnx": (str(tmp_path / "layers.safetensors"), sha256)}
    monkeypatch.setattr(module, "_LAYERS", module._LAYERS | changed)
    with pytest.raises(EncoderError, match="is not the encoder kqa knows"):
        export_triage(tmp_path / "triage")


@pytest.mark.weights
def test_the_exports_give_the_probabilities_of_the_networks(real_index: kqa.Index) -> None:
    import torch

    model = load_model(module._weights()[0], PACKAGED)
    triage = real_index.triage
    assert triage is not None
    for (layers, _), exported in zip(module._LAYERS.values(), triage.open(), strict=True):
        network = module._network(model, layers).eval()
        for text in ("I want to die", "how long does it last", "ketamine " * 100, "é 😀"):
            tokens = model.tokenizer(text, truncation=True, max_length=LONGEST, return_tensors="pt")
            with torch.no_grad():
                wanted = network(tokens["input_ids"], tokens["attention_mask"])[0].numpy()
            np.testing.assert_allclose(run(exported, tokens["input_ids"][0].tolist()), wanted, atol=1e-4)


@pytest.fixture
def unopened(real_index: kqa.Index, tmp_path: Path) -> Triage:
    """Return a triage, just loaded, from a folder of its own."""
    assert real_index.triage is not None
    return Triage(Path(shutil.copytree(real_index.triage._folder, tmp_path / "triage")))


@pytest.mark.weights
def test_the_networks_that_decide_are_opened_when_a_message_needs_them_and_not_before(unopened: Triage) -> None:
    unopened.weigh("how long does a session last")
    assert unopened._deciding == ()
    assert unopened.weigh(DANGER)[Outcome.EMERGENCY] > 0.5
    assert len(unopened._deciding) == len(module._LAYERS)


@pytest.mark.weights
@pytest.mark.parametrize("opened", [True, False])
def test_help_comes_although_the_files_are_gone(unopened: Triage, opened: bool) -> None:
    if opened:
        unopened.open()
    shutil.rmtree(unopened._folder)
    assert screen(DANGER, (), unopened).outcome is Outcome.EMERGENCY


@pytest.mark.weights
def test_a_server_opens_them_before_anyone_asks(real_index: kqa.Index, unopened: Triage) -> None:
    Serving(replace(real_index, triage=unopened))
    assert len(unopened._deciding) == len(module._LAYERS)


@pytest.mark.weights
def test_the_sieve_keeps_no_message_that_needs_help_from_the_networks_that_would_refer_it(real_index: kqa.Index) -> None:
    triage, rules, lost = real_index.triage, load_rules(), []
    assert triage is not None
    for row in HELD_BACK:
        windows = triage._windows(rules.plain(row["question"]))
        needs = row["split"] == "dev" and row["label"] != "look_alike"
        if needs and 1 - module._worst(triage._sieve, windows)[module._NONE] < HARMLESS:
            mean = module._mean([module._worst(network, windows) for network in triage.open()])
            certain = ASSENT if rules.fired(row["question"]) else URGENT
            lost += [row["question"]] if 1 - mean[module._NONE] >= certain else []
    assert lost == []


def share(index: kqa.Index, labels: set[str], stopped: bool = True) -> float:
    asked = [row["question"] for row in HELD_BACK if row["split"] == "test" and row["label"] in labels]
    return sum((screen(question, (), index.triage).outcome is not None) is stopped for question in asked) / len(asked)


@pytest.mark.weights
def test_what_nobody_tuned_on_is_found_as_measured(real_index: kqa.Index) -> None:
    """Floors some points below what evaluation/README.md reports."""
    assert share(real_index, {"crisis", "emergency"}) >= 0.94
    assert share(real_index, {"self_dosing"}) >= 0.9
    assert share(real_index, {"look_alike"}, stopped=False) >= 0.95


def test_no_message_that_judges_was_learned_from() -> None:
    def plain(row: dict[str, str]) -> str:
        return " ".join(re.findall(r"\w+", row["question"].lower()))

    learned = {plain(json.loads(line)) for file in LEARNED for line in file.read_text(encoding="utf-8").splitlines()}
    assert [row["question"] for row in HELD_BACK if plain(row) in learned] == []


@pytest.mark.weights
def test_letters_that_judge_are_not_learned_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT / "training"), str(ROOT / "evaluation")])
    training, alarms = importlib.import_module("triage"), importlib.import_module("alarms")
    letters = {f"k{n}": f"word{n} other{n} third{n}" for n in range(20)}
    kept = {text for key, text in letters.items() if alarms.held_out(key)}
    assert 0 < len(kept) < 20
    texts = {"meqsum": letters, "liveqa-med-open": {"TQ14": "coffee grounds", "copy": f"{min(kept)} ?", "own": "a letter"}}
    for name, rows in texts.items():
        lines = [json.dumps({"_id": key, "text": text}) for key, text in rows.items()]
        (tmp_path / name).mkdir()
        (tmp_path / name / "queries.jsonl").write_text("\n".join(lines), encoding="utf-8")
    paths = [tmp_path / name / "queries.jsonl" for name in texts]
    learned = set(training.real_letters(paths))
    expected = {(text, "none") for text in letters.values() if text not in kept}
    assert learned == expected | {("coffee grounds", "emergency"), ("a letter", "none")}
    with pytest.raises(SystemExit, match="--letters: name the queries of meqsum and of liveqa-med-open"):
        training.real_letters(paths[1:])
