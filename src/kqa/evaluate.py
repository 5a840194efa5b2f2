"""How well an index answers judged questions: ranking, citations, abstention, referral.

Every question goes through ``search`` and ``ask``, the code that answers people. Only answerable questions are ranked; what
should be abstained from or referred is scored apart, for without a relevant passage it would score 0 whatever kqa did.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING
from urllib.parse import quote

from kqa.answer import ask, search
from kqa.errors import JudgmentError
from kqa.index import Index
from kqa.judgments import JudgedQuestion, Label, Split, Style, read_questions, trec_lines
from kqa.measures import RESAMPLES, SEED, Estimate, means, score_run
from kqa.outcomes import Asked, Finding, abstention, best_answer, check_citations, finding, outcome_findings, referral
from kqa.safety import unreferred
from kqa.tables import aligned, estimate_text, measure_rows, to_sorted_json, versions
from kqa.topics import Topic, by_section, topics_of
from kqa.types import Passage

if TYPE_CHECKING:
    from kqa.measures import Numbers
    from kqa.progress import Progress

__all__ = [
    "Evaluation", "Finding", "against_baseline", "estimates", "evaluate", "qrels_lines", "read_questions", "run_lines",
    "to_json", "to_table", "values",
]  # fmt: skip

MEASURES = ("Success@1", "Success@3", "Success@5", "RR", "nDCG@10")
_QUOTED = MEASURES.index("Success@5")  # ask quotes five passages: whether one of them answers
_LOWER_IS_BETTER = ("risk", "AURC", "risk at 90 % coverage", "false alarms", "violations")  # NAURC too
_LEAST_RANKED = 10  # what nDCG@10 looks at
_SHOWN = 160  # characters of a text in the table
_LISTED = 20  # questions of a kind in the table; JSON has all

Measures = Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All measures of an index on judged questions.

    ``facts`` says what was measured with what; ``ranking`` holds measures by group of questions; ``quotes_checked`` how many
    quotes were held against their documents; ``findings`` what went wrong, by kind. ``sections`` holds the ranking of the
    questions whose best answer stands in a section, by document and heading; ``topics`` a record of every question.
    ``run`` (best first) and ``qrels`` are what was found and what is relevant, by question; a passage is named by its document
    and place. ``seconds`` holds how long each ``search`` and each ``ask`` took: the one part that is never the same again.
    """

    facts: Mapping[str, object]
    ranking: Mapping[str, Measures]
    abstention: Measures
    referral: Measures
    quotes_checked: int
    findings: Mapping[str, Sequence[Finding]]
    sections: Mapping[str, Mapping[str, Measures]]
    topics: Mapping[str, Topic]
    run: Mapping[str, Sequence[str]]
    qrels: Mapping[str, Mapping[str, int]]
    seconds: Mapping[str, Sequence[float]]


def evaluate(
    index: Index, questions: Sequence[JudgedQuestion], *,
    split: str | None = None, k: int = 10, progress: Progress | None = None,
) -> Evaluation:  # fmt: skip
    """Ask an index judged questions, all or one split's, and measure what comes, ranking k passages each, at least ten.

    Raises JudgmentError when the split is not known or holds no question.
    """
    chosen, k = _chosen(questions, split), max(k, _LEAST_RANKED)
    asked = _ask_all(index, chosen, k, progress)
    answerable = {each.judged.id: each for each in asked if each.judged.label is Label.ANSWERABLE}
    run = {name: [_passage_name(hit.passage) for hit in each.hits] for name, each in answerable.items()}
    qrels, unreachable = _relevant(list(answerable.values()), index.passages)
    topics, scores = score_run(run, qrels, MEASURES)
    found = {topic: bool(row[_QUOTED]) for topic, row in zip(topics, scores, strict=True)}
    checked, violations = check_citations(asked, index)
    not_found = [_not_found(each, index) for name, each in answerable.items() if not found[name]]
    findings = {"violations": violations, "unreachable": unreachable, "not found": not_found, **outcome_findings(asked)}
    measured = {topic: dict(zip(MEASURES, map(float, row), strict=True)) for topic, row in zip(topics, scores, strict=True)}
    records = topics_of(asked, measured, findings, index.passages)
    rows = {topic: row for row, topic in enumerate(topics)}
    sections = {
        document: {section: _measures(scores[[rows[name] for name in names]]) for section, names in headings.items()}
        for document, headings in by_section(records).items()
    }
    facts = {**_facts(index, chosen, split, k), "answerable": len(answerable), "scored": len(topics)}
    ranking = _by_group([answerable[topic].judged for topic in topics], scores)
    seconds = {"search": [each.search_seconds for each in asked], "ask": [each.ask_seconds for each in asked]}
    return Evaluation(
        facts, ranking, abstention(asked, found), referral(asked), checked, findings, sections, records, run, qrels, seconds
    )


def values(evaluation: Evaluation) -> dict[str, float]:
    """Return every measure by its name in a baseline: ``all/nDCG@10``, ``abstention/coverage``, ``citations/violations``."""
    named = {name: estimate.value for name, estimate in estimates(evaluation).items()}
    return {**named, "citations/violations": float(len(evaluation.findings["violations"]))}


def estimates(evaluation: Evaluation) -> Measures:
    """Return every measure that has an interval, by the names of ``values``."""
    groups = {**evaluation.ranking, "abstention": evaluation.abstention, "referral": evaluation.referral}
    return {f"{group}/{name}": estimate for group, listed in groups.items() for name, estimate in listed.items()}


def against_baseline(evaluation: Evaluation, baseline: Mapping[str, object]) -> list[str]:
    """Name the measures that are worse than a baseline by more than its tolerance, or that are not there.

    ``baseline`` is ``{"tolerance": 0.02, "measures": {"all/nDCG@10": 0.61, …}}`` with the names of ``values``.
    """
    baseline = baseline if isinstance(baseline, Mapping) else {}
    held = baseline.get("measures")
    allowed = baseline.get("tolerance", 0.0)
    if not isinstance(held, Mapping) or not all(_is_number(value) for value in (*held.values(), allowed)):
        raise JudgmentError('the baseline is not {"tolerance": 0.02, "measures": {"all/nDCG@10": 0.61, …}}; correct it')
    now, fallen = values(evaluation), []
    for name, before in sorted(held.items()):
        if name not in now:
            fallen.append(f"{name} was {before:.4f} and is not measured any more")
            continue
        worse = (now[name] - before) * (1 if name.endswith(_LOWER_IS_BETTER) else -1)
        if worse > float(str(allowed)) + 1e-9:
            fallen.append(f"{name} was {before:.4f} and is {now[name]:.4f}")
    return fallen


def run_lines(evaluation: Evaluation) -> list[str]:
    """Return the ranking in TREC form, one line a passage."""
    return trec_lines(evaluation.run)


def qrels_lines(evaluation: Evaluation) -> list[str]:
    """Return the judgments in TREC form, one line a relevant passage."""
    return [f"{topic} 0 {item} {grade}" for topic, items in evaluation.qrels.items() for item, grade in items.items()]


def to_json(evaluation: Evaluation) -> str:
    """Return everything but the run, its judgments and the times as JSON: the same evaluation, the same bytes."""
    return to_sorted_json(replace(evaluation, run={}, qrels={}, seconds={}))


def to_table(evaluation: Evaluation) -> str:
    """Return the measures as aligned text, then what went wrong."""
    facts, findings = evaluation.facts, evaluation.findings
    scored = f"{facts['scored']} of {facts['answerable']} topics scored"
    parts = [f"{facts['questions']} questions, {scored}, manifest {str(facts['manifest'])[:16]}, measures [95 % interval]\n"]
    parts += [aligned(measure_rows("ranking", evaluation.ranking))] if evaluation.ranking else []
    for title, listed in (("abstention", evaluation.abstention), ("referral", evaluation.referral)):
        rows = [[title, "n", ""], *([name, str(one.n), estimate_text(one)] for name, one in listed.items())]
        parts += [aligned(rows)] if listed else []
    parts.append(f"citations: {evaluation.quotes_checked} quotes checked, {len(findings['violations'])} violations\n")
    for kind, wrong in findings.items():
        more = f"  … and {len(wrong) - _LISTED} more\n" if len(wrong) > _LISTED else ""
        shown = "".join(_finding_text(one) for one in wrong[:_LISTED])
        parts += [f"{kind} ({len(wrong)})\n{shown}{more}"] if wrong else []
    return "\n".join(parts)


def _chosen(questions: Sequence[JudgedQuestion], split: str | None) -> list[JudgedQuestion]:
    if split is not None and split not in list(Split):
        raise JudgmentError(f"there is no split {split!r}; use one of {', '.join(Split)}")
    chosen = [judged for judged in questions if split is None or judged.split is Split(split)]
    if not chosen:
        raise JudgmentError(f"no question to ask{f' in the split {split}' if split else ''}; add some, or choose another split")
    return chosen


def _ask_all(index: Index, chosen: Sequence[JudgedQuestion], k: int, progress: Progress | None) -> list[Asked]:
    asked = []
    for number, judged in enumerate(chosen, 1):
        started = perf_counter()
        hits = search(judged.question, index, unreferred(judged.history, index.triage), k)
        searched = perf_counter()
        answer = ask(judged.question, index, judged.history)
        asked.append(Asked(judged, hits, answer, searched - started, perf_counter() - searched))
        if progress:
            progress(number, len(chosen))
    return asked


def _name(document: str, start: int, end: int) -> str:
    return f"{quote(document)}:{start}-{end}"  # without blanks, which TREC's files are cut at


def _passage_name(passage: Passage) -> str:
    return _name(passage.document, passage.start, passage.end)


def _relevant(answerable: Sequence[Asked], passages: Iterable[Passage]) -> tuple[dict[str, dict[str, int]], list[Finding]]:
    """Return the relevant passages by question, and the answers that no passage covers by more than half.

    Such an answer stands in the judgments under its own name: nothing finds it, and the ideal ranking still counts it.
    """
    by_document = defaultdict(list)
    for passage in passages:
        by_document[passage.document].append(passage)
    qrels: dict[str, dict[str, int]] = {}
    unreachable = []
    for each in answerable:
        grades = qrels.setdefault(each.judged.id, {})
        for answer in each.judged.answers:
            holding = [_passage_name(passage) for passage in by_document[answer.document] if passage.span.covers(answer.span)]
            if not holding:
                unreachable.append(finding(each, answer.text, "no passage covers more than half of it"))
            for name in holding or [_name(answer.document, answer.span.start, answer.span.end)]:
                grades[name] = max(grades.get(name, 0), answer.grade)
    return qrels, unreachable


def _by_group(judged: Sequence[JudgedQuestion], scores: Numbers) -> dict[str, Measures]:
    groups: dict[str, list[int]] = {"all": list(range(len(judged)))}
    for split in Split:
        groups[f"split {split}"] = [row for row, each in enumerate(judged) if each.split is split]
    for style in Style:
        groups[f"style {style}"] = [row for row, each in enumerate(judged) if each.style is style]
    return {name: _measures(scores[rows]) for name, rows in groups.items() if rows}


def _measures(scores: Numbers) -> Measures:
    return dict(zip(MEASURES, means(scores), strict=True))


def _not_found(asked: Asked, index: Index) -> Finding:
    best = best_answer(asked.judged)
    expected = best.text if best else ""
    if not asked.hits:
        return finding(asked, expected, "nothing")
    first = asked.hits[0].passage
    return finding(asked, expected, f"{_passage_name(first)} {index.documents[first.document].text[first.start : first.end]}")


def _facts(index: Index, chosen: Sequence[JudgedQuestion], split: str | None, k: int) -> dict[str, object]:
    labels = {str(label): sum(judged.label is label for judged in chosen) for label in Label}
    return {
        "manifest": index.manifest,
        "encoder": index.facts["encoder"],
        "threshold": index.config.threshold,
        "versions": versions(),
        "seed": SEED,
        "resamples": RESAMPLES,
        "split": split or "all",
        "questions": len(chosen),
        "labels": {label: count for label, count in labels.items() if count},
        "k": k,
    }


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _finding_text(wrong: Finding) -> str:
    question, expected, got = (" ".join(text.split())[:_SHOWN] for text in (wrong.question, wrong.expected, wrong.got))
    return f"  {wrong.id}  {question}\n      expected: {expected}\n      got:      {got}\n"
