"""What became of each judged question, one record a question, and the sections that the answers stand in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kqa.judgments import JudgedQuestion, Label, Split, Style
from kqa.outcomes import Asked, Finding, best_answer
from kqa.types import Outcome, Passage

_NO_FAULT = "unreachable"  # a fault of the splitting or of the judgments, not of what was answered


@dataclass(frozen=True, slots=True)
class Topic:
    """One question: what it is, what came, and its measures where it is ranked.

    ``document`` and ``section`` hold its best answer, empty where nothing answers it. ``right`` says whether all became of it
    that should: a quote that answers, an abstention, help first, or the notice, as its label asks.
    """

    question: str
    label: Label
    split: Split
    style: Style
    document: str
    section: str
    outcome: Outcome
    confidence: float
    right: bool
    measures: Mapping[str, float]


def topics_of(
    asked: Sequence[Asked],
    measured: Mapping[str, Mapping[str, float]],
    findings: Mapping[str, Sequence[Finding]],
    passages: Iterable[Passage],
) -> dict[str, Topic]:
    """Return a record for each question asked, by id; ``measured`` holds the measures of those that are ranked."""
    wrong = {one.id for kind, listed in findings.items() if kind != _NO_FAULT for one in listed}
    by_document = defaultdict(list)
    for passage in passages:
        by_document[passage.document].append(passage)
    records = {}
    for each in asked:
        judged, answer = each.judged, each.answer
        document, section = _place(judged, by_document)
        records[judged.id] = Topic(
            judged.question, judged.label, judged.split, judged.style, document, section,
            answer.outcome, answer.confidence, judged.id not in wrong, measured.get(judged.id, {}),
        )  # fmt: skip
    return records


def by_section(topics: Mapping[str, Topic]) -> dict[str, dict[str, list[str]]]:
    """Return the ids of the ranked questions by the document and the section of their best answer, all in order."""
    grouped: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, topic in topics.items():
        if topic.measures:
            grouped[topic.document, topic.section].append(name)
    sections: dict[str, dict[str, list[str]]] = {}
    for document, section in sorted(grouped):
        sections.setdefault(document, {})[section] = sorted(grouped[document, section])
    return sections


def _place(judged: JudgedQuestion, passages: Mapping[str, Sequence[Passage]]) -> tuple[str, str]:
    """Return the document and the section heading of the best answer; the heading is that of the passage that holds most."""
    best = best_answer(judged)
    if best is None:
        return "", ""
    common = {p: min(p.end, best.span.end) - max(p.start, best.span.start) for p in passages.get(best.document, ())}
    nearest = max(common, key=lambda passage: common[passage], default=None)
    return best.document, nearest.section if nearest and common[nearest] > 0 else ""
