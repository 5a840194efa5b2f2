"""Fit the confidence on the dev split: prints the calibration and the threshold that belong into ``Config``.

A question counts as answered when one of its first five passages covers an answer; near-topic and off-topic questions never do.
Fitted on the corpus twice, as it is and without the questions that its sections list: others' corpora seldom list any.
Run after the corpus, the retrieval or the judged questions have changed: python evaluation/fit_confidence.py
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from kqa import Config, Index
from kqa.building import build_index
from kqa.confidence import LOOKED_AT, signs
from kqa.evaluate import evaluate, read_questions
from kqa.judgments import JudgedQuestion
from kqa.question import earlier_question

_COVERAGE = 0.9  # share of the answerable questions that the threshold lets through
_OFF_TOPIC = 4.0  # weight of each: people ask off the topic in more ways than the few judged ones show
_LABELS = ("answerable", "near_topic", "off_topic")
_QUESTIONS = Path("evaluation/questions.jsonl")


def main() -> None:
    """Fit on the dev questions of both corpora together, and print how well it separates those that it did not see."""
    index = Index.load(Path("index"), Path("corpus"))
    bare = [replace(document, asks={}) for document in index.documents.values()]
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(shutil.copytree("index", Path(folder) / "index"))
        build_index(bare, copied, Config())
        corpora = {"with lists": observed(index), "without": observed(Index.load(copied))}
    features, answered, labels, folds = (np.concatenate(parts) for parts in zip(*corpora.values(), strict=True))
    weights = np.where(labels == "off_topic", _OFF_TOPIC, 1.0)
    model = LogisticRegression(C=10.0, max_iter=5000)
    told = {"sample_weight": weights}
    chances = cross_val_predict(model, features, answered, groups=folds, cv=GroupKFold(10), method="predict_proba", params=told)
    for name, half in zip(corpora, np.split(np.arange(len(labels)), 2), strict=True):
        report(name, chances[half, 1], answered[half], labels[half])
    model.fit(features, answered, **told)
    listed = model.predict_proba(features)[: len(labels) // 2, 1][labels[: len(labels) // 2] == "answerable"]
    print("calibration =", tuple(round(float(w), 3) for w in (model.intercept_[0], *model.coef_[0])))
    print("threshold =", round(float(np.quantile(listed, 1 - _COVERAGE)), 3))


def observed(index: Index) -> tuple[np.ndarray, ...]:
    """Return the dev questions' signs, whether a quote answers, their labels, and numbers to keep a question in one fold."""
    judged = read_questions(_QUESTIONS, index.documents)
    questions = [q for q in judged if q.split == "dev" and q.label in _LABELS]
    measured = evaluate(index, questions)
    found = {name: bool(set(run[:5]) & set(measured.qrels[name])) for name, run in measured.run.items()}
    features = np.array([read(question, index) for question in questions])
    answered = np.array([found.get(question.id, False) for question in questions])
    return features, answered, np.array([question.label for question in questions]), np.arange(len(questions))


def report(name: str, chances: np.ndarray, answered: np.ndarray, labels: np.ndarray) -> None:
    """Print what a confidence is worth."""
    for label in _LABELS[1:]:
        kept = np.isin(labels, ["answerable", label])
        print(f"{name}: AUROC answerable against {label}: {roc_auc_score(labels[kept] == 'answerable', chances[kept]):.3f}")
    limit = np.quantile(chances[labels == "answerable"], 1 - _COVERAGE)
    print(f"{name}: risk at that coverage: {1 - answered[chances >= limit].mean():.3f}")


def read(question: JudgedQuestion, index: Index) -> Sequence[float]:
    """Return the signs of a question as ``ask`` would see them."""
    readings = index.read(question.question, earlier_question(question.question, question.history))
    return signs(readings[0], index.rank(readings, LOOKED_AT), index)


if __name__ == "__main__":
    main()
