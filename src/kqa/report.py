"""An evaluation as one HTML page that needs nothing from elsewhere: measures, charts, and each failure with its documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from kqa.changes import Change, Changes, changes, read_earlier
from kqa.charts import check_plots, curve_chart, latency_chart, ranking_chart, reliability_chart, section_chart
from kqa.errors import JudgmentError
from kqa.evaluate import MEASURES, Evaluation, Measures
from kqa.judgments import write_lines
from kqa.markup import esc
from kqa.outcomes import Finding
from kqa.reliability import Rated, bins, curve, levels, rated
from kqa.tables import estimate_text, number_text
from kqa.topics import Topic

_SHOWN = ("Success@1", "Success@5")
_FIRST = "Success@1"
_PERCENTILES = (50, 95)
_LONG = 30  # characters of a cell that may be broken into lines
_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def to_html(evaluation: Evaluation, date: str, changed: Changes | None = None) -> str:
    """Return the report; the same evaluation, date and times give the same bytes.

    Raises ConfigError where matplotlib is not installed.
    """
    css = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
    questions = rated(evaluation.topics.values())
    parts = [
        _measured(evaluation, date),
        _ranking(evaluation.ranking),
        _sections(evaluation.sections),
        _abstention(questions, evaluation),
        _reliability(questions),
        _others(evaluation),
        _latency(evaluation.seconds),
        _failures(evaluation.findings, evaluation.topics),
        _changes(changed) if changed else "",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>kqa, evaluated {esc(date)}</title><style>{css}</style></head>"
        f"<body><main><h1>How well kqa answers</h1>{''.join(parts)}</main></body></html>"
    )


def writer(target: Path | None, against: Path | None, date: str) -> Callable[[Evaluation], None]:
    """Return what writes the report of an evaluation, against an earlier one if named; it does nothing without a target.

    Raises JudgmentError and ConfigError at once, for an evaluation takes its time, and when the file cannot be written.
    """
    if target is None:
        if against:
            raise JudgmentError("--against is for the report; name the file to write it to with --html")
        return lambda evaluation: None
    check_plots()
    earlier = read_earlier(against) if against else None

    def write(evaluation: Evaluation) -> None:
        changed = changes(evaluation, earlier) if earlier else None
        write_lines(target, [to_html(evaluation, date, changed)])

    return write


def _measured(evaluation: Evaluation, date: str) -> str:
    facts = evaluation.facts
    listed = {
        "Date": date,
        "Index, by its manifest": facts["manifest"],
        "Encoder, threshold": f"{_named(facts['encoder'])}, {facts['threshold']}",
        "Questions": f"{facts['questions']} of split {facts['split']}: {_counts(facts['labels'])}",
        "Ranking": f"{facts['scored']} of {facts['answerable']} topics scored, {facts['k']} passages each",
        "Intervals": f"95 %, {facts['resamples']} bootstrap samples, seed {facts['seed']}; shares after Wilson",
        "Versions": _counts(facts["versions"]),
    }
    rows = "".join(f"<dt>{name}</dt><dd>{esc(str(value))}</dd>" for name, value in listed.items())
    return f'<section><h2>What was measured</h2><dl class="facts">{rows}</dl></section>'


def _ranking(ranking: Mapping[str, Measures]) -> str:
    if not ranking:
        return ""
    said = f"{_FIRST} by group: " + ", ".join(f"{name} {number_text(one[_FIRST].value)}" for name, one in ranking.items())
    rows = [[name, str(one[_FIRST].n), *(estimate_text(one[m]) for m in MEASURES)] for name, one in ranking.items()]
    chart = _chart(ranking_chart(ranking, _SHOWN, said), "The dot is the mean over the questions, the line its 95 % interval.")
    return f"<section><h2>Ranking</h2>{chart}{_table('Ranking by group', ['group', 'n', *MEASURES], rows)}</section>"


def _sections(sections: Mapping[str, Mapping[str, Measures]]) -> str:
    if not sections:
        return ""
    found = {document: {section: one[_FIRST] for section, one in listed.items()} for document, listed in sections.items()}
    weakest = sorted((one.value, document, section) for document, listed in found.items() for section, one in listed.items())
    said = f"{_FIRST} by section; lowest: " + ", ".join(f"{d}, {s} {number_text(v)}" for v, d, s in weakest[:3])
    chart = _chart(
        section_chart(found, said),
        f"{_FIRST}: a dot is a section, larger with more questions; the upright line is the mean of its document.",
        "long",
    )
    rows = [
        [document, section, str(one[_FIRST].n), *(estimate_text(one[m]) for m in MEASURES)]
        for document, listed in sections.items()
        for section, one in listed.items()
    ]
    table = _table("Ranking by the section of the best answer", ["document", "section", "n", *MEASURES], rows)
    note = "Most sections are asked a handful of questions, so their intervals are wide."
    opened = f"<details><summary>The numbers, {len(rows)} sections</summary>{table}</details>"
    return f"<section><h2>Ranking by section</h2><p>{note}</p>{chart}{opened}</section>"


def _abstention(questions: Sequence[Rated], evaluation: Evaluation) -> str:
    if not questions:
        return ""
    found, threshold = curve(questions), float(str(evaluation.facts["threshold"]))
    answered, risk = (number_text(value) for value in found.point)
    said = f"Risk by coverage: at the threshold in force, {threshold}, {answered} of all is answered and {risk} of it is wrong"
    head = ["threshold", "answered", "of the answerable", "wrong of it"]
    lines = levels(questions, sorted({*(number / 10 for number in range(10)), threshold}))
    rows = [
        [f"{one.threshold:g}{' (in force)' if one.threshold == threshold else ''}", *map(number_text, numbers)]
        for one in lines
        for numbers in [(one.answered, one.coverage, one.risk)]
    ]
    return (
        f"<section><h2>Abstention</h2>{_chart(curve_chart(found, said), said + '.')}"
        f"{_estimates('abstention', evaluation.abstention)}"
        f"{_table('What each threshold would do', head, rows)}</section>"
    )


def _reliability(questions: Sequence[Rated]) -> str:
    if not questions:
        return ""
    found = bins(questions)
    said = "Share right by confidence: " + ", ".join(f"{number_text(b.right)} near {number_text(b.confidence)}" for b in found)
    rows = [[f"{b.low:g} to {b.high:g}", number_text(b.confidence), number_text(b.right), str(b.n)] for b in found]
    caption = "On the dashed line the confidence is the share right; above: how many questions."
    table = _table("Reliability", ["confidence", "mean", "share right", "n"], rows)
    chart = _chart(reliability_chart(found, said), caption)
    return f"<section><h2>Is the confidence right?</h2>{chart}{table}</section>"


def _others(evaluation: Evaluation) -> str:
    broken = len(evaluation.findings["violations"])
    return (
        f"<section><h2>Referral and citations</h2>{_estimates('referral', evaluation.referral)}"
        f"<p>{evaluation.quotes_checked} quotes were held against their documents, {broken} did not hold.</p></section>"
    )


def _latency(seconds: Mapping[str, Sequence[float]]) -> str:
    taken = {name: times for name, times in seconds.items() if times}
    if not taken:
        return ""
    found = {name: np.percentile(1000 * np.array(times), _PERCENTILES) for name, times in taken.items()}
    said = "; ".join(f"{name}: half within {half:.0f} ms, 95 % within {most:.0f} ms" for name, (half, most) in found.items())
    rows = [
        [name, str(len(times)), *(f"{value:.1f}" for value in (*found[name], 1000 * max(times)))]
        for name, times in taken.items()
    ]
    chart = _chart(
        latency_chart(taken, said),
        f"One question after another, on the machine that evaluated: {said}. The slowest hundredth is not drawn.",
    )
    return f"<section><h2>Time</h2>{chart}{_table('Milliseconds', ['call', 'n', 'p50', 'p95', 'longest'], rows)}</section>"


def _failures(findings: Mapping[str, Sequence[Finding]], topics: Mapping[str, Topic]) -> str:
    kinds = "".join(
        f'<details><summary>{esc(kind)} ({len(listed)})</summary><ol class="cases">'
        f"{''.join(_case(one, topics.get(one.id)) for one in listed)}</ol></details>"
        for kind, listed in findings.items()
        if listed
    )
    return f"<section><h2>What went wrong</h2>{kinds or '<p>Nothing.</p>'}</section>"


def _case(wrong: Finding, topic: Topic | None) -> str:
    outcome = f"{topic.outcome}, confidence {topic.confidence:.2f}" if topic else ""
    came = "" if wrong.first and wrong.got.endswith(wrong.first) else wrong.got
    facts = {
        "Question": (wrong.id, wrong.style),
        "Expected": ("", wrong.expected if wrong.expected != wrong.answer else ""),
        "Best answer": (wrong.document, wrong.answer),
        "Got": ("", came if came != outcome else ""),
        "Outcome": ("", outcome),
        "Came first": (wrong.first_document, wrong.first),
    }
    rows = "".join(
        f"<dt>{name}</dt><dd>{f'<code>{esc(where)}</code> ' if where else ''}{esc(text)}</dd>"
        for name, (where, text) in facts.items()
        if where or text
    )
    return f"<li><details><summary>{esc(wrong.question)}</summary><dl>{rows}</dl></details></li>"


def _changes(changed: Changes) -> str:
    manifest = str(changed.facts.get("manifest", "unknown"))
    left = f", {changed.other} stand in only one of the two or read otherwise" if changed.other else ""
    head = ["id", "question", "nDCG@10 before", "now", "outcome before", "now", "right before", "now"]
    tables = [
        _table(f"{name} ({len(listed)})", head, [_changed(one) for one in listed]) if listed else f"<p>{name}: none.</p>"
        for name, listed in (("Rose", changed.rose), ("Fell", changed.fell))
    ]
    summary = (
        f"{len(changed.rose)} questions rose, {len(changed.fell)} fell, {changed.same} stayed{left}. "
        "First counts whether a question is right, then its nDCG@10."
    )
    return (
        f"<section><h2>Against an earlier evaluation</h2><p>Index, by its manifest: <code>{esc(manifest)}</code></p>"
        f"<p>{summary}</p>{''.join(tables)}</section>"
    )


def _changed(one: Change) -> list[str]:
    ranked = ["" if value is None else number_text(value) for value in (one.before, one.now)]
    right = ["yes" if value else "no" for value in (one.right_before, one.right)]
    return [one.id, one.question, *ranked, one.outcome_before, one.outcome, *right]


def _estimates(name: str, measures: Measures) -> str:
    rows = [[measure, str(one.n), estimate_text(one)] for measure, one in measures.items()]
    return _table(name.capitalize(), ["measure", "n", "value [95 % interval]"], rows) if rows else ""


def _chart(svg: str, caption: str, kind: str = "") -> str:
    inner = f'<div class="box" tabindex="0" role="group" aria-label="Chart">{svg}</div>' if kind else svg
    return f'<figure class="chart {kind}">{inner}<figcaption>{esc(caption)}</figcaption></figure>'


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in a box of its own, which scrolls where the page is too narrow for it."""
    names = "".join(f'<th scope="col">{esc(name)}</th>' for name in head)
    body = "".join(f'<tr><th scope="row">{esc(row[0])}</th>{"".join(map(_cell, row[1:]))}</tr>' for row in rows)
    return (
        f'<div class="box" tabindex="0" role="group" aria-label="{esc(caption)}"><table><caption>{esc(caption)}</caption>'
        f"<thead><tr>{names}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(text: str, tag: str = "td") -> str:
    return f"<{tag}{' class=long' if len(text) > _LONG else ''}>{esc(text)}</{tag.partition(' ')[0]}>"


def _named(encoder: object) -> str:
    return str(encoder.get("name", "")) if isinstance(encoder, Mapping) else str(encoder)


def _counts(counts: object) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) if isinstance(counts, Mapping) else str(counts)
