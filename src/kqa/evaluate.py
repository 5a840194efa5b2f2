"""How well an index answers judged questions: ranking, citations, abstention, referral.

Every question goes through ``search`` and ``ask``, the code that answers people. Only answerable questions are ranked; what should
be abstained from or referred is scored apart, for without a relevant passage it would score 0 whatever kqa did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from urllib.parse import quote

import numpy as np

from kqa.answer import ask, search
from kqa.errors import JudgmentError
from kqa.index import Index
from kqa.judgments import JudgedQuestion, Label, Split, Style, read_questions
from kqa.measures import RESAMPLES, SEED, Estimate, aurc, auroc, mean, means, score_run
from kqa.tables import aligned, estimate_text, measure_rows, to_sorted_json, versions
from kqa.types import Answer, Hit, Outcome, Passage, Quote

__all__ = [
    "Evaluation", "Finding", "against_baseline", "evaluate", "qrels_lines", "read_questions", "run_lines", "to_json", "to_table",
    "values",
]  # fmt: skip

MEASURES = ("Success@1", "Success@3", "Success@5", "RR", "nDCG@10")
_QUOTED = MEASURES.index("Success@5")  # ask quotes five passages: whether one of them answers
_UNANSWERABLE = (Label.NEAR_TOPIC, Label.OFF_TOPIC)
_URGENT = {Label.CRISIS: Outcome.CRISIS, Label.EMERGENCY: Outcome.EMERGENCY, Label.SELF_DOSING: Outcome.SELF_DOSING}
_PERSONAL = "personal_advice"  # the notice, by its name in safety.toml
_LOWER_IS_BETTER = ("risk", "AURC", "false alarms", "violations")

Measures = Mapping[str, Estimate]
Progress = Callable[[int, int], None]
"""Called with (questions asked, questions to ask)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One question that went wrong: what was expected, and what came instead."""

    id: str
    question: str
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All measures of an index on judged questions.

    ``facts`` says what was measured with what; ``ranking`` holds measures by group of questions; ``quotes_checked`` how many
    quotes were held against their documents; ``findings`` what went wrong, by kind. ``run`` and ``qrels`` are what was
    found, best first, and the judgments, by question; a passage is named by its document and place.
    """

    facts: Mapping[str, object]
    ranking: Mapping[str, Measures]
    abstention: Measures
    referral: Measures
    quotes_checked: int
    findings: Mapping[str, tuple[Finding, ...]]
    run: Mapping[str, tuple[str, ...]]
    qrels: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class _Asked:
    judged: JudgedQuestion
    hits: Sequence[Hit]
    answer: Answer


def evaluate(
    index: Index, questions: Sequence[JudgedQuestion], *, split: str | None = None, k: int = 10, progress: Progress | None = None
) -> Evaluation:
    """Ask an index judged questions, all or one split's, and measure what comes; k passages a question are ranked.

    Raises JudgmentError when the split is not known or holds no question.
    """
    chosen = _chosen(questions, split)
    asked = []
    for number, judged in enumerate(chosen, 1):
        hits = search(judged.question, index, judged.history, k)
        asked.append(_Asked(judged, hits, ask(judged.question, index, judged.history)))
        if progress:
            progress(number, len(chosen))
    answerable = [each for each in asked if each.judged.label is Label.ANSWERABLE]
    qrels, unreachable = _qrels(answerable, index.passages)
    run = {each.judged.id: tuple(_name(hit.passage.document, hit.passage.start, hit.passage.end) for hit in each.hits) for each in answerable}
    topics, scores = score_run(run, qrels, MEASURES)
    found = {topic: bool(row[_QUOTED]) for topic, row in zip(topics, scores, strict=True)}
    by_id = {each.judged.id: each.judged for each in answerable}
    checked, violations = _check_citations(asked, index)
    findings = {
        "unreachable": unreachable,
        "citation violations": violations,
        **_ranking_findings(answerable, found, index),
        **_outcome_findings(asked),
    }
    return Evaluation(
        facts=_facts(index, chosen, split, k),
        ranking=_ranking([by_id[topic] for topic in topics], scores),
        abstention=_abstention(asked, found),
        referral=_referral(asked),
        quotes_checked=checked,
        findings={kind: tuple(listed) for kind, listed in findings.items()},
        run=run,
        qrels=qrels,
    )
