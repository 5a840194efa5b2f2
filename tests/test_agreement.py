"""Independent judges agree on the measures of one run: trec_eval, scikit-learn, and arithmetic written out in numpy.

``score_run`` computes with ir_measures, which hands some measures to pytrec_eval (trec_eval in C): asked here directly and by
its own names. scikit-learn shares no code with either. ranx is no judge here, though it gives the same values: it compiles
itself for half a minute at its first use, and brings 280 MB.
"""

from __future__ import annotations

import random
from itertools import permutations
from math import log2

import numpy as np
import pytest
import pytrec_eval
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score, top_k_accuracy_score

from kqa.judgments import read_run
from kqa.measures import score_run

NAMES = ("Success@1", "Success@3", "Success@5", "RR", "nDCG@10", "R@100")
THEIRS = ("success_1", "success_3", "success_5", "recip_rank", "ndcg_cut_10", "recall_100")
ITEMS = [f"d{number:03}" for number in range(200)]


def drawn():
    """Return a run and graded judgments; some topics are not in the run, some have nothing that is ever found."""
    draw = random.Random(11)
    qrels = {f"q{n:02}": {item: draw.choice((0, 1, 2)) for item in draw.sample(ITEMS, 12)} for n in range(40)}
    for topic in qrels:
        qrels[topic][draw.choice(ITEMS)] = 2  # something is relevant
    run = {topic: draw.sample(ITEMS, draw.randrange(1, 150)) for topic in qrels}
    for topic in ("q03", "q17"):
        del run[topic]
    for topic in ("q05", "q21"):
        run[topic] = [item for item in run[topic] if item not in qrels[topic]]
    return {topic: items for topic, items in run.items() if items}, qrels


def pencil(found, grades):
    """Compute every measure of one topic from its ranking alone."""
    gains = np.array([grades.get(item, 0) for item in found], float)
    hits = np.flatnonzero(gains > 0)
    ideal = np.sort(np.array(list(grades.values()), float))[::-1]
    discounts = 1 / np.log2(np.arange(2, 12))
    best = (ideal[:10] * discounts[: len(ideal[:10])]).sum()
    reached = (gains[:10] * discounts[: len(gains[:10])]).sum()
    success = [float((hits < k).any()) for k in (1, 3, 5)]
    return [*success, 1 / (hits[0] + 1) if len(hits) else 0.0, reached / best, (hits < 100).sum() / (ideal > 0).sum()]


def test_trec_eval_and_the_pencil_agree():
    run, qrels = drawn()
    topics, scores = score_run(run, qrels, NAMES)
    names = {"success.1,3,5", "recip_rank", "ndcg_cut.10", "recall.100"}
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, names)
    judged = evaluator.evaluate({topic: {item: float(-at) for at, item in enumerate(items)} for topic, items in run.items()})
    assert topics == sorted(qrels)
    for topic, row in zip(topics, scores, strict=True):
        theirs = [judged[topic][name] for name in THEIRS] if topic in judged else [0.0] * len(THEIRS)
        assert row == pytest.approx(theirs), topic
        assert row == pytest.approx(pencil(run.get(topic, []), qrels[topic])), topic
        if not set(run.get(topic, [])) & {item for item, grade in qrels[topic].items() if grade}:
            assert row.tolist() == [0.0] * len(NAMES)


def full(found, grades):
    """Return grades and scores of every item for scikit-learn, which knows no ranking that leaves something out."""
    order = [*found, *(item for item in ITEMS if item not in grades and item not in found)]
    order += [item for item in ITEMS if item not in order]  # judged and never found: last
    return [[grades.get(item, 0) for item in order]], [[float(-at) for at in range(len(order))]]


def test_scikit_learn_agrees_on_graded_relevance():
    run, qrels = drawn()
    topics, scores = score_run(run, qrels, NAMES)
    for topic, row in zip(topics, scores, strict=True):
        assert row[NAMES.index("nDCG@10")] == pytest.approx(ndcg_score(*full(run.get(topic, []), qrels[topic]), k=10)), topic


def test_scikit_learn_agrees_where_one_item_is_relevant():
    draw = random.Random(4)
    run = {f"q{n}": draw.sample(ITEMS, len(ITEMS)) for n in range(30)}
    qrels = {topic: {draw.choice(items[:9]): 1} for topic, items in run.items()}
    _, scores = score_run(run, qrels, NAMES)
    columns = dict(zip(NAMES, scores.mean(axis=0), strict=True))
    ordered = sorted(run)
    marked = np.array([[item in qrels[topic] for item in ITEMS] for topic in ordered])
    sure = np.array([[-run[topic].index(item) for item in ITEMS] for topic in ordered], float)
    assert columns["RR"] == pytest.approx(label_ranking_average_precision_score(marked, sure))
    for k in (1, 3, 5):
        expected = top_k_accuracy_score(marked.argmax(axis=1), sure, k=k, labels=range(len(ITEMS)))
        assert columns[f"Success@{k}"] == pytest.approx(expected)


def test_the_orders_of_a_tie_average_to_what_scikit_learn_gives_the_tie():
    grades, tied, after = {"a": 2, "c": 1, "z": 2}, ["a", "b", "c"], ["d", "z"]
    scores = [score_run({"q": [*order, *after]}, {"q": grades}, ("nDCG@10",))[1][0, 0] for order in permutations(tied)]
    items = [*tied, *after]
    expected = ndcg_score([[grades.get(item, 0) for item in items]], [[3.0, 3.0, 3.0, 2.0, 1.0]], k=10)
    assert np.mean(scores) == pytest.approx(expected)
    assert min(scores) < expected < max(scores)


def test_a_tie_in_a_file_is_broken_by_rank_and_every_judge_sees_that_order(tmp_path):
    (tmp_path / "run").write_text("q Q0 b 2 1.0 t\nq Q0 a 1 1.0 t\nq Q0 c 3 0.5 t\n")
    run, qrels = read_run(tmp_path / "run"), {"q": {"b": 2, "c": 1}}
    assert run == {"q": ["a", "b", "c"]}
    _, [row] = score_run(run, qrels, ("RR", "nDCG@10"))
    assert row == pytest.approx([1 / 2, (2 / log2(3) + 1 / log2(4)) / (2 / log2(2) + 1 / log2(3))])
    judge = pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank", "ndcg_cut.10"})
    strict = judge.evaluate({"q": {"a": 3.0, "b": 2.0, "c": 1.0}})["q"]
    assert row == pytest.approx([strict["recip_rank"], strict["ndcg_cut_10"]])
    tied = judge.evaluate({"q": {"a": 1.0, "b": 1.0, "c": 0.5}})["q"]
    assert tied["recip_rank"] == 1  # trec_eval breaks it by name, the last first, which is why score_run hands it no ties
