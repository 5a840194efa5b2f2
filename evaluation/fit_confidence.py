"""Fit the confidence on the dev split: prints the calibrations and thresholds that belong into ``kqa.config``.

A question counts as answered when one of its first five passages covers an answer; near-topic and off-topic questions never do.
Fitted twice, for corpora whose sections list questions and, the lists left out, for those whose sections do not.
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
from sklearn.model_selection import cross_val_predict

from kqa import Config, Index
from kqa.confidence import LOOKED_AT, signs
from kqa.evaluate import evaluate, read_questions
from kqa.index import build_index
from kqa.judgments import JudgedQuestion
from kqa.question import earlier_question

_COVERAGE = 0.9  # share of the answerable questions that the threshold lets through
_OFF_TOPIC = 4.0  # weight of each: people ask off the topic in more ways than the few judged ones show
_LABELS = ("answerable", "near_topic", "off_topic")
_QUESTIONS = Path("evaluation/questions.jsonl")


def main() -> None:
    """Fit with the corpus as it is, then without its listed questions."""
    index = Index.load(Path("index"), Path("corpus"))
    print("with listed questions")
    fit(index)
    bare = [replace(document, asks={}) for document in index.documents.values()]
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(shutil.copytree("index", Path(folder) / "index"))
        build_index(bare, copied, Config())
        print("without")
        fit(Index.load(copied))


def fit(index: Index) -> None:
    """Fit on dev, and print how well the fit separates dev questions that it did not see (ten folds)."""
    judged = read_questions(_QUESTIONS, index.documents)
    questions = [q for q in judged if q.split == "dev" and q.label in _LABELS]
    measured = evaluate(index, questions)
    found = {name: bool(set(run[:5]) & set(measured.qrels[name])) for name, run in measured.run.items()}
    features = np.array([read(question, index) for question in questions])
    answered = np.array([found.get(question.id, False) for question in questions])
    labels = np.array([question.label for question in questions])
    weights = np.where(labels == "off_topic", _OFF_TOPIC, 1.0)
    model = LogisticRegression(C=10.0, max_iter=5000)
    told = {"sample_weight": weights}
    chances = cross_val_predict(model, features, answered, cv=10, method="predict_proba", params=told)[:, 1]
    for label in _LABELS[1:]:
        kept = np.isin(labels, ["answerable", label])
        print(f"  AUROC answerable against {label}: {roc_auc_score(labels[kept] == 'answerable', chances[kept]):.3f}")
    limit = np.quantile(chances[labels == "answerable"], 1 - _COVERAGE)
    print(f"  risk at that coverage: {1 - answered[chances >= limit].mean():.3f}")
    model.fit(features, answered, **told)
    fitted = model.predict_proba(features)[:, 1]
    print("  calibration =", tuple(round(float(w), 3) for w in (model.intercept_[0], *model.coef_[0])))
    print("  threshold =", round(float(np.quantile(fitted[labels == "answerable"], 1 - _COVERAGE)), 3))


def read(question: JudgedQuestion, index: Index) -> Sequence[float]:
    """Return the signs of a question as ``ask`` would see them."""
    readings = index.read(question.question, earlier_question(question.question, question.history))
    return signs(readings[0], index.rank(readings, LOOKED_AT), index)


if __name__ == "__main__":
    main()
