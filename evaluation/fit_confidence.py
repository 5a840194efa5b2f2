"""Fit the confidence on the dev split: prints the calibration and threshold that belong into ``Config``.

A question counts as answered when one of its first five passages covers an answer; near-topic and off-topic questions never do.
Run after the corpus, the retrieval or the judged questions have changed: python evaluation/fit_confidence.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from kqa import Index, search
from kqa.confidence import LOOKED_AT, signs
from kqa.evaluate import evaluate, read_questions
from kqa.question import earlier_question

_COVERAGE = 0.9  # share of the answerable questions that the threshold lets through
_OFF_TOPIC = 12.0  # weight of each: people ask off the topic in more ways than the few judged ones show
_LABELS = ("answerable", "near_topic", "off_topic")


def main() -> None:
    """Fit on dev, and print how well the fit separates dev questions that it did not see (ten folds)."""
    index = Index.load(Path("index"), Path("corpus"))
    judged = read_questions(Path("evaluation/questions.jsonl"), index.documents)
    questions = [q for q in judged if q.split == "dev" and q.label in _LABELS]
    measured = evaluate(index, questions)
    found = {name: bool(set(run[:5]) & set(measured.qrels[name])) for name, run in measured.run.items()}
    features = np.array(
        [
            signs(
                f"{earlier_question(q.question, q.history) or ''} {q.question}",
                search(q.question, index, q.history, LOOKED_AT),
                index,
            )
            for q in questions
        ]
    )
    answered = np.array([found.get(q.id, False) for q in questions])
    model = LogisticRegression(C=10.0, max_iter=5000)
    chances = cross_val_predict(model, features, answered, cv=10, method="predict_proba")[:, 1]
    labels = np.array([question.label for question in questions])
    for label in _LABELS[1:]:
        kept = np.isin(labels, ["answerable", label])
        print(f"AUROC answerable against {label}: {roc_auc_score(labels[kept] == 'answerable', chances[kept]):.3f}")
    model.fit(features, answered, sample_weight=np.where(labels == "off_topic", _OFF_TOPIC, 1.0))
    fitted = model.predict_proba(features)[:, 1]
    threshold = float(np.quantile(fitted[labels == "answerable"], 1 - _COVERAGE))
    print("calibration =", tuple(round(float(w), 3) for w in (model.intercept_[0], *model.coef_[0])))
    print("threshold =", round(threshold, 3))


if __name__ == "__main__":
    main()
