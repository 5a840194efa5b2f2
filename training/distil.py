"""Distil a larger teacher into the packaged encoder; ``--help`` names what it needs, ``training/README.md`` what came of it.

The student sees texts of every length (sentences, windows of three, whole passages) and learns the teacher's ranking of some
fifty of them for eight questions a step, by the Kullback-Leibler divergence of the two softmaxes (Hinton et al. 2015). Its
word embeddings stay as they are, so that only the layers above them need to be shipped.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer

SEED = 20_261_126
QUESTIONS, TEXTS = 8, 50  # a step
TEMPERATURE = 18.0  # of the student's cosines
RATE, WARMUP = 3e-5, 100
TOKENS = 128  # at which training texts are cut; the encoder itself reads 256
LABELLED = 0.3  # of the target's mass for the text that a question was written for
SHARES = {"lay": 0.4, "listed": 0.25, "heading": 0.2, "claim": 0.15}  # of the questions drawn, by where they come from
_WORDS = 200  # of a text used whole
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z(])")


@dataclass
class Data:
    """Questions by kind, each (question, position of the text it was written for), and the texts they rank."""

    texts: list[str] = field(default_factory=list)
    questions: dict[str, list[tuple[str, int]]] = field(default_factory=dict)

    def add(self, text: str) -> int:
        """Add a text and return its position."""
        self.texts.append(text)
        return len(self.texts) - 1


def lines(path: Path) -> list[dict]:
    """Read JSON Lines, plain or gzipped."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.decode("utf-8").splitlines()]


def judged(path: Path) -> set[str]:
    """Return the documents that a collection's judgments name."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row[1] for row in list(csv.reader(file, delimiter="\t"))[1:]}


def some_length(text: str, draw: random.Random) -> str:
    """Return a text whole (half of the times), three sentences in a row of it, or one."""
    sentences, form = _SENTENCE.split(text), draw.random()
    if form < 0.5 or len(sentences) < 3:
        return " ".join(text.split()[:_WORDS])
    size = 3 if form < 0.75 else 1
    start = draw.randrange(len(sentences) - size + 1)
    return " ".join(sentences[start : start + size])


def read_medquad(data: Data, folder: Path, liveqa: Path, lay: list[dict], draw: random.Random, extra: int) -> None:
    """Add passages that no test question of either collection is judged on, questions written for them, and headings."""
    tested = judged(folder / "qrels.tsv") | judged(folder / "qrels-neardup.tsv") | judged(liveqa / "qrels.tsv")
    named = {q["metadata"]["focus"].casefold() for q in lines(folder / "queries.jsonl")}
    passages = {d["_id"]: d["text"] for d in lines(folder / "corpus.jsonl.gz") if d["_id"] not in tested}
    titles = {d["_id"]: d.get("title", "") for d in lines(liveqa / "corpus.jsonl.gz") if d["_id"] in passages}
    for question in lay:
        text = passages.get(question["passage"])
        if text and question["split"] == "train":
            at = data.add(" ".join(text.split()[:130]))  # what its author saw
            data.questions.setdefault("lay", []).append((question["question"], at))
    rest = sorted(set(passages) - {question["passage"] for question in lay})
    for name in draw.sample(rest, extra):
        text, title = passages[name], titles.get(name, "")
        at = data.add(some_length(text, draw))
        focus = re.sub(r".*?(?:of|for|with|to|by|are\)|is|from|get|has|have|about) ", "", title.rstrip(" ?")).casefold()
        if title and len(data.texts[at].split()) > 40 and not any(n in title.casefold() for n in (focus,) if n in named):
            data.questions.setdefault("heading", []).append((title.replace(" (are)", "").replace(" ?", "?"), at))


def read_corpus(data: Data, folder: Path) -> None:
    """Add our own passages and sentences, and the questions that sections list."""
    from kqa.config import Config
    from kqa.intake import take_in
    from kqa.passages import plain, slug, split

    for document in take_in(folder, strict=True).documents:
        for passage in split(document, Config())[0]:
            at = data.add(plain(document.text[passage.start : passage.end]))
            for sentence in passage.sentences:
                data.add(plain(document.text[sentence.start : sentence.end]))
            asked = document.asks.get(slug(passage.section), ())
            data.questions.setdefault("listed", []).extend((question, at) for question in asked)


def read_scifact(data: Data, folder: Path, draw: random.Random, extra: int) -> None:
    """Add the training claims but for the last two hundred, their abstracts, and some that no test claim is judged on."""
    abstracts = {d["_id"]: f"{d['title']}. {d['text']}" for d in lines(folder / "corpus.jsonl.gz")}
    tested = judged(folder / "qrels.tsv")
    with (folder / "qrels-train.tsv").open(encoding="utf-8", newline="") as file:
        pairs = [(row[0], row[1]) for row in list(csv.reader(file, delimiter="\t"))[1:] if row[1] not in tested]
    claims = {q["_id"]: q["text"] for q in sorted(lines(folder / "queries-train.jsonl"), key=lambda q: int(q["_id"]))[:-200]}
    places: dict[str, int] = {}
    for claim, abstract in pairs:
        if claim in claims:
            if abstract not in places:
                places[abstract] = data.add(" ".join(abstracts[abstract].split()[:_WORDS]))
            data.questions.setdefault("claim", []).append((claims[claim], places[abstract]))
    for name in draw.sample(sorted(set(abstracts) - tested - set(places)), extra):
        data.add(some_length(abstracts[name], draw))


def vectors(model: SentenceTransformer, texts: list[str]) -> np.ndarray:
    """Return unit vectors, computed in bfloat16: enough to rank by."""
    found = model.bfloat16().encode(texts, batch_size=32, convert_to_tensor=True, show_progress_bar=False)
    return torch.nn.functional.normalize(found.float(), dim=1).numpy()


def z(scores: np.ndarray) -> np.ndarray:
    """Return each row's scores in standard deviations from its mean."""
    return (scores - scores.mean(1, keepdims=True)) / scores.std(1, keepdims=True)


def draw_texts(row: np.ndarray, own: np.ndarray, label: int, draw: random.Random) -> list[int]:
    """Return a question's share of a step's texts: its label, some of the teacher's best, some of the student's, a stranger."""
    best, near = np.argpartition(-row, 12)[:12], np.argpartition(-own, 12)[:12]
    chosen = [int(at) for at in (*draw.sample(list(best), 3), *draw.sample(list(near), 2))]
    return [label, *chosen, draw.randrange(len(row))]


def main() -> None:
    """Read the data, let the teacher rank it, train."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("teacher", "student", "medquad", "liveqa", "scifact", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, default=Path("corpus"))
    parser.add_argument("--lay", type=Path, default=Path("training/questions.jsonl"))
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--cache", type=Path, required=True, help="teacher's and first student's vectors are kept here")
    given = parser.parse_args()
    draw = random.Random(SEED)
    torch.manual_seed(SEED)
    data = Data()
    read_medquad(data, given.medquad, given.liveqa, lines(given.lay), draw, 5000)
    read_corpus(data, given.corpus)
    read_scifact(data, given.scifact, draw, 1200)
    pairs = [(kind, question, label) for kind, listed in data.questions.items() for question, label in listed]
    print({kind: len(listed) for kind, listed in data.questions.items()}, len(data.texts), "texts", flush=True)
    teacher_scores, own_scores = scored(given, [question for _, question, _ in pairs], data.texts)
    train(given, data.texts, pairs, (teacher_scores, own_scores), draw)


def scored(given: argparse.Namespace, questions: list[str], texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return how the teacher and the student as it is rank all texts for each question, as z-scores."""
    given.cache.mkdir(parents=True, exist_ok=True)
    found = []
    for name, folder in (("teacher", given.teacher), ("student", given.student)):
        model = SentenceTransformer(str(folder), device="cpu")
        model.max_seq_length = 160
        known = given.cache / f"{name}.npz"
        kept = dict(np.load(known)) if known.exists() else {}
        index = {text: at for at, text in enumerate(json.loads((given.cache / f"{name}.json").read_text()))} if kept else {}
        new = sorted({*questions, *texts} - set(index))
        rows = np.concatenate([*([kept["rows"]] if kept else []), *([vectors(model, new)] if new else [])])
        index.update({text: len(index) + at for at, text in enumerate(new)})
        np.savez(known, rows=rows)
        (given.cache / f"{name}.json").write_text(json.dumps(list(index)))
        found.append(z(rows[[index[q] for q in questions]] @ rows[[index[t] for t in texts]].T))
    return found[0] + 0.5 * found[1], found[1]


def train(
    given: argparse.Namespace, texts: list[str], pairs: list[tuple[str, str, int]], rankings: tuple, draw: random.Random
) -> None:
    """Train the student's layers and save it now and then, and what is shipped at the end."""
    teacher, own = rankings
    # Without dropout; the plain attention's backward pass is twice as fast on a processor as the fused one's.
    model = SentenceTransformer(str(given.student), device="cpu", model_kwargs={"attn_implementation": "eager"}).eval()
    model.max_seq_length = TOKENS
    for parameter in model[0].auto_model.embeddings.parameters():
        parameter.requires_grad = False
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learned, lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / WARMUP, max(0.05, 1 - step / given.steps))
    )
    by_kind = {kind: [at for at, pair in enumerate(pairs) if pair[0] == kind] for kind in SHARES}
    kinds, shares = zip(*SHARES.items(), strict=True)
    started, losses = time.time(), []
    for step in range(given.steps):
        asked = [draw.choice(by_kind[kind]) for kind in draw.choices(kinds, shares, k=QUESTIONS)]
        found = [at for row in asked for at in draw_texts(teacher[row], own[row], pairs[row][2], draw)]
        ranked = list(dict.fromkeys(found))[:TEXTS]
        target = torch.softmax(torch.tensor(1.5 * teacher[np.ix_(asked, ranked)]), 1)
        for at, row in enumerate(asked):
            if pairs[row][2] in ranked:
                target[at] *= 1 - LABELLED
                target[at, ranked.index(pairs[row][2])] += LABELLED
        with torch.autocast("cpu", torch.bfloat16):
            q, p = (embed(model, [pairs[row][1] for row in asked]), embed(model, [texts[at] for at in ranked]))
        predicted = torch.log_softmax(TEMPERATURE * (q.float() @ p.float().T), 1)
        loss = torch.nn.functional.kl_div(predicted, target.float(), reduction="batchmean")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        schedule.step()
        losses.append(loss.item())
        if (step + 1) % 50 == 0:
            print(step + 1, round(float(np.mean(losses[-50:])), 4), f"{time.time() - started:.0f} s", flush=True)
        if (step + 1) % 300 == 0 or step + 1 == given.steps:
            model.max_seq_length = 256
            model.save(str(given.out / f"step-{step + 1}"))
            model.max_seq_length = TOKENS
    save_layers(model, given.out / "kqa-minilm-l6.safetensors")


def save_layers(model: SentenceTransformer, path: Path) -> None:
    """Write what was learned, in half precision: the layers above the word embeddings."""
    layers = model[0].auto_model.encoder.state_dict()
    save_file({name: values.half().contiguous() for name, values in layers.items()}, path)


def embed(model: SentenceTransformer, texts: list[str]) -> torch.Tensor:
    """Return unit vectors, computed in groups of texts of about one length: less padding."""
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    groups = [order[at : at + 10] for at in range(0, len(order), 10)]
    found = torch.cat([model(model.preprocess([texts[at] for at in group]))["sentence_embedding"] for group in groups])
    return torch.nn.functional.normalize(found[torch.argsort(torch.tensor(order))], dim=1)


if __name__ == "__main__":
    main()
