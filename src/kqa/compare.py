"""Two runs on the same judgments: which is better, by how much, and could it be chance?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kqa.judgments import read_qrels, read_run, with_relevant
from kqa.measures import PERMUTATIONS, RESAMPLES, SEED, Estimate, holm, means, randomisation, score_run
from kqa.tables import aligned, estimate_text, to_sorted_json, versions

MEASURES = ("nDCG@10", "RR@10", "R@100", "Success@1", "Success@3", "Success@5")


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of two runs: both means, b − a with its interval, the p-value and the p-value corrected for all measures."""

    a: float
    b: float
    difference: Estimate
    p: float
    p_holm: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs compared over every judged topic with something relevant; ``facts`` says how."""

    facts: Mapping[str, object]
    differences: Mapping[str, Difference]


def compare(run_a: Path, run_b: Path, qrels: Path) -> Comparison:
    """Compare two runs in TREC form on judgments in TREC or tab-separated form.

    A paired randomisation test and Holm's correction over the measures; a topic that a run does not rank scores 0 there.
    Raises JudgmentError for files that are not of those forms.
    """
    judged = with_relevant(read_qrels(qrels), str(qrels))
    topics, scores_a = score_run(read_run(run_a), judged, MEASURES)
    _, scores_b = score_run(read_run(run_b), judged, MEASURES)
    raw = randomisation(scores_b - scores_a)
    between, corrected = means(scores_b - scores_a), holm(raw)
    differences = {
        name: Difference(float(scores_a[:, at].mean()), float(scores_b[:, at].mean()), between[at], raw[at], corrected[at])
        for at, name in enumerate(MEASURES)
    }
    facts = {
        "a": str(run_a), "b": str(run_b), "qrels": str(qrels), "topics": len(topics), "seed": SEED,
        "resamples": RESAMPLES, "permutations": PERMUTATIONS, "versions": versions(),
    }  # fmt: skip
    return Comparison(facts, differences)


def comparison_to_json(comparison: Comparison) -> str:
    """Return a comparison as JSON: the same comparison, the same bytes."""
    return to_sorted_json(comparison)


def comparison_to_table(comparison: Comparison) -> str:
    """Return a comparison as aligned text."""
    facts = comparison.facts
    rows = [["measure", "a", "b", "b - a [95 % interval]", "p", "p (Holm)"]]
    for name, one in comparison.differences.items():
        rows.append([name, f"{one.a:.3f}", f"{one.b:.3f}", estimate_text(one.difference), f"{one.p:.4f}", f"{one.p_holm:.4f}"])
    return f"a {facts['a']}, b {facts['b']}, {facts['topics']} topics\n\n{aligned(rows)}"
