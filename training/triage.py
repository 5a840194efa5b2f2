"""Fit the triage of messages; ``training/README.md`` says what came of it.

The packaged encoder's layers are trained on to tell four classes of message (crisis, emergency, none, self_dosing); its word
embeddings stay as they are, so that only the layers above them need to be shipped.

``--letters`` names two public collections of real letters, which are read and not kept: one half of the first is held out.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from kqa.exports import TUNED, load_model, weights_of
from kqa.intake import take_in
from kqa.rules import OUTCOMES, RULES, load_rules
from kqa.triage import CLASSES, LONGEST

sys.path.append(str(Path(__file__).resolve().parents[1] / "evaluation"))
from alarms import HELD, held_out

BATCH, EPOCHS, RATE, HEAD_RATE = 32, 3, 1e-4, 1e-3
MISTYPED, LOWERED = 0.2, 0.1  # share of messages that are read with a slip of the keyboard, and all in small letters
SMOOTHING = 0.05  # of the labels: some are a matter of opinion
MESSAGES = Path(__file__).parent / "messages"
LETTERS = Path(__file__).parent / "letters.json"  # by collection: the letters that are not "none", null for doubtful ones
REPEATED = 2  # how often a real letter is read: there are few
NAMES = [outcome.value if outcome else "none" for outcome in CLASSES]
Row = tuple[str, str]
"""A message and its class."""


def lines(path: Path) -> list[dict]:
    """Read JSON Lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def examples() -> list[Row]:
    """Return the examples of the reviewed rules, each with what the rules make of it."""
    rules, found = load_rules(), []
    for rule in tomllib.loads(RULES.read_text(encoding="utf-8"))["rule"]:
        for text in (*rule["fires_on"], *rule["silent_on"]):
            fired = rules.fired(text)
            found.append((text, fired.outcome if fired and OUTCOMES[fired.outcome] else "none"))
    return found


def real_letters(paths: list[Path]) -> list[Row]:
    """Return the letters of collections in BEIR's layout that may be learned from, none of those held out among them."""
    known = json.loads(LETTERS.read_text(encoding="utf-8"))
    if {path.parent.name for path in paths} != set(known):
        raise SystemExit(f"--letters: name the queries of {' and of '.join(known)}, for what judges must be known")
    found = [(path.parent.name, row["_id"], " ".join(row["text"].split())) for path in paths for row in lines(path)]
    judged = [set(text.lower().split()) for name, key, text in found if name == HELD and held_out(key)]
    rows = []
    for name, key, text in found:
        words, label = set(text.lower().split()), known[name].get(key, "none")
        if label and not any(len(words & other) > 0.5 * len(words | other) for other in judged):
            rows += [(text, label)] * REPEATED
    return rows


def training_rows(letters: list[Path]) -> list[Row]:
    """Return what is learned from: messages, earlier sentences, the rules' examples, ordinary and listed questions, letters."""
    rows = [(row["question"], row["label"]) for path in sorted(MESSAGES.glob("*.jsonl")) for row in lines(path)]
    rows += real_letters(letters) if letters else []
    earlier = [row for row in lines(Path("tests/data/safety.jsonl")) if not row["history"]]
    rows += [(row["question"], row["label"] if row["label"] in NAMES else "none") for row in earlier]
    rows += examples()
    rows += [(row["question"], "none") for row in lines(Path("training/questions.jsonl"))]
    ordinary = ("answerable", "near_topic", "off_topic")
    judged = [row for row in lines(Path("evaluation/questions.jsonl")) if row["split"] == "dev" and not row["history"]]
    rows += [(row["question"], "none") for row in judged if row["label"] in ordinary]
    documents = take_in(Path("corpus"), strict=True).documents
    listed = [question for document in documents for asks in document.asks.values() for question in asks]
    rules = load_rules()
    return rows + [(question, "none") for question in listed if not rules.fired(question)]


class Network(torch.nn.Module):
    """The encoder's layers, the mean of their last states, one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.rules = load_rules()
        model = load_model(weights_of(TUNED)[0], TUNED)
        self.tokenizer, self.transformer = model.tokenizer, model[0].auto_model
        self.transformer.set_attn_implementation("eager")  # its backward pass is twice as fast on a processor
        self.head = torch.nn.Linear(self.transformer.config.hidden_size, len(NAMES))
        self.dropout = torch.nn.Dropout(0.1)
        for parameter in self.transformer.embeddings.parameters():
            parameter.requires_grad = False

    def forward(self, texts: list[str]) -> torch.Tensor:
        """Return the logits of each class, shape (len(texts), 4)."""
        read = [self.rules.plain(text) for text in texts]  # as `safety.screen` reads them
        tokens = self.tokenizer(read, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
        ids, mask = tokens["input_ids"], tokens["attention_mask"]
        states = self.transformer(input_ids=ids, attention_mask=mask).last_hidden_state
        counted = mask.unsqueeze(-1).float()
        return self.head(self.dropout((states * counted).sum(1) / counted.sum(1)))


def batches(rows: list[Row], draw: random.Random) -> list[list[Row]]:
    """Return the rows in batches of about one length each, in random order."""
    drawn = draw.sample(rows, len(rows))
    groups = [sorted(drawn[at : at + 16 * BATCH], key=lambda row: len(row[0])) for at in range(0, len(drawn), 16 * BATCH)]
    found = [group[at : at + BATCH] for group in groups for at in range(0, len(group), BATCH)]
    return draw.sample(found, len(found))


def mistyped(text: str, draw: random.Random) -> str:
    """Return a message as it might have been typed in haste: now and then a letter missing, doubled, swapped or wrong."""
    if draw.random() < LOWERED:
        text = text.lower().replace(",", "").replace("'", "")
    if draw.random() >= MISTYPED:
        return text
    words = text.split(" ")
    long = [at for at, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    for at in draw.sample(long, min(len(long), draw.randint(1, 2))):
        word, i = words[at], draw.randrange(1, len(words[at]) - 1)
        slips = word[:i] + word[i + 1 :], word[:i] + word[i] + word[i:], word[:i] + word[i + 1] + word[i] + word[i + 2 :]
        words[at] = draw.choice((*slips, word[:i] + draw.choice("aeioust") + word[i + 1 :]))
    return " ".join(words)


def train(network: Network, rows: list[Row], draw: random.Random, epochs: int, rate: float) -> None:
    """Train the layers and the head; the rate rises, then falls to nothing."""
    layers = [p for n, p in network.named_parameters() if p.requires_grad and not n.startswith("head.")]
    groups = [{"params": layers, "lr": rate}, {"params": network.head.parameters(), "lr": HEAD_RATE}]
    optimiser = torch.optim.AdamW(groups, weight_decay=0.01)
    steps, started = epochs * (len(rows) // BATCH + 1), time.time()
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / (0.06 * steps)) * max(0.0, (steps - step) / steps)
    )
    network.train()
    for epoch in range(epochs):
        losses = []
        for batch in batches(rows, draw):
            wanted = torch.tensor([NAMES.index(label) for _, label in batch])
            with torch.autocast("cpu", torch.bfloat16):
                logits = network([mistyped(text, draw) for text, _ in batch])
            loss = torch.nn.functional.cross_entropy(logits.float(), wanted, label_smoothing=SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        print(epoch + 1, round(float(np.mean(losses)), 4), f"{time.time() - started:.0f} s", flush=True)


def load(network: Network, path: Path) -> None:
    """Read what ``save`` wrote."""
    values = {name: value.float() for name, value in load_file(path).items()}
    network.head.load_state_dict({name: values.pop(f"head.{name}") for name in ("weight", "bias")})
    network.transformer.encoder.load_state_dict(values)


def save(network: Network, path: Path) -> None:
    """Write what was learned, in half precision: the layers above the word vectors, and the head."""
    values = {**network.transformer.encoder.state_dict()}
    values |= {f"head.{name}": value for name, value in network.head.state_dict().items()}
    save_file({name: value.half().contiguous() for name, value in values.items()}, path)


def main() -> None:
    """Read the messages, train, save."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="kqa-triage-l6.safetensors")
    parser.add_argument("--start", type=Path, help="go on from these weights, one epoch at half the rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--letters", type=Path, nargs="*", default=[], help="queries of meqsum, of liveqa-med-open")
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    rows = training_rows(given.letters)
    print({name: sum(label == name for _, label in rows) for name in NAMES}, flush=True)
    network = Network()
    if given.start:
        load(network, given.start)
    train(network, rows, random.Random(given.seed), *((1, RATE / 2) if given.start else (EPOCHS, RATE)))
    save(network, given.out)


if __name__ == "__main__":
    main()
