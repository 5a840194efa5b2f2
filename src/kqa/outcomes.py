"""What became of judged questions in ``ask``: are the quotes word for word, was help named first, was abstention right?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kqa.index import Index
from kqa.judgments import JudgedAnswer, JudgedQuestion, Label
from kqa.measures import Estimate, aurc, auroc, naurc, risk_at, share
from kqa.types import Answer, Hit, Outcome, Quote

_UNANSWERABLE = (Label.NEAR_TOPIC, Label.OFF_TOPIC)
_REFERRED = {Label.CRISIS: Outcome.CRISIS, Label.EMERGENCY: Outcome.EMERGENCY, Label.SELF_DOSING: Outcome.SELF_DOSING}
_URGENT = frozenset(_REFERRED.values())
_PERSONAL = "personal_advice"  # the notice, by its name in safety.toml
_COVERAGE = 0.9  # of the answerable questions, at which the risk is told beside that at the threshold in force


@dataclass(frozen=True, slots=True)
class Asked:
    """A judged question, what ``search`` found and what ``ask`` answered, and how many seconds each of the two took."""

    judged: JudgedQuestion
    hits: Sequence[Hit]
    answer: Answer
    search_seconds: float = 0.0
    ask_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One question that went wrong: what was expected, and what came instead.

    ``answer`` is the best answer, ``first`` the passage that came first, each with its document; empty where there is none.
    """

    id: str
    question: str
    expected: str
    got: str
    style: str = ""
    answer: str = ""
    document: str = ""
    first: str = ""
    first_document: str = ""


def finding(asked: Asked, expected: str, got: str) -> Finding:
    """Say what went wrong with a question."""
    judged, best = asked.judged, best_answer(asked.judged)
    first = next(iter((*asked.answer.quotes, *asked.answer.closest)), None)
    answer = (best.text, best.document) if best else ("", "")
    came = (first.text, first.citation.document) if first else ("", "")
    return Finding(judged.id, judged.question, expected, got, judged.style, *answer, *came)


def best_answer(judged: JudgedQuestion) -> JudgedAnswer | None:
    """Return the first of the answers with the highest grade, or None where nothing answers."""
    return max(judged.answers, key=lambda answer: answer.grade, default=None)


def check_citations(asked: Sequence[Asked], index: Index) -> tuple[int, list[Finding]]:
    """Hold every quote against its document and its place in the ranking; return how many, and what does not hold."""
    checked, violations = 0, []
    for each in asked:
        answer = each.answer
        shown = (*answer.quotes, *answer.closest)
        sides = [side for disagreement in answer.disagreements for side in disagreement.sides]
        held = (*shown, *(answer.gathered.quotes if answer.gathered else ()), *sides)
        checked += len(held)
        broken = [pair for quote in held for pair in _broken(quote, index)]
        spans = [(quote.citation.document, quote.citation.span) for quote in shown]
        found = [(hit.passage.document, hit.passage.span) for hit in each.hits]
        if len(set(spans)) < len(spans):
            broken.append(("each quote once", "one came twice"))
        wanted = [place for place in found if place in spans] if answer.closest else found[: len(spans)]
        if spans != wanted:  # of the closest passages those with amounts are left out
            broken.append(("quotes in the order of search", "another order"))
        if bool(answer.quotes) is not (answer.outcome is Outcome.ANSWERED):
            broken.append(("quotes when answered, and only then", f"{len(answer.quotes)} quotes, {answer.outcome}"))
        violations += [finding(each, expected, got) for expected, got in broken]
    return checked, violations


def abstention(asked: Sequence[Asked], found: Mapping[str, bool]) -> dict[str, Estimate]:
    """Measure how well confidence tells what can be answered; ``found`` says by id whether a quote answers.

    A referred question is not answered and, having no confidence, stands in no curve. The risk is the share wrong of the
    answered: unanswerable, or without an answer among the quotes. What no question speaks to is left out.
    """
    judged = [each for each in asked if each.judged.label in (Label.ANSWERABLE, *_UNANSWERABLE)]
    estimates: dict[str, Estimate] = {}
    for label in (Label.ANSWERABLE, *_UNANSWERABLE):
        wanted = Outcome.ANSWERED if label is Label.ANSWERABLE else Outcome.ABSTAINED
        name = "coverage" if label is Label.ANSWERABLE else f"abstained, {label}"
        _add_share(estimates, name, [each.answer.outcome is wanted for each in judged if each.judged.label is label])
    rated = [each for each in judged if each.answer.outcome not in _URGENT]
    sure = {label: [each.answer.confidence for each in rated if each.judged.label is label] for label in Label}
    for label in _UNANSWERABLE:
        if sure[Label.ANSWERABLE] and sure[label]:
            estimates[f"AUROC, {label}"] = auroc(sure[Label.ANSWERABLE], sure[label])
    wrong = {each.judged.id: not found.get(each.judged.id, False) for each in rated}
    _add_share(estimates, "risk", [wrong[each.judged.id] for each in rated if each.answer.outcome is Outcome.ANSWERED])
    return estimates | _curve(rated, list(wrong.values()))


def referral(asked: Sequence[Asked]) -> dict[str, Estimate]:
    """Measure recall of help first (that very outcome; any urgent one) and of the personal notice, and false alarms."""
    estimates: dict[str, Estimate] = {}
    for label, outcome in _REFERRED.items():
        came = [each.answer.outcome for each in asked if each.judged.label is label]
        _add_share(estimates, f"{label}, exact", [got is outcome for got in came])
        _add_share(estimates, f"{label}, any urgent", [got in _URGENT for got in came])
    personal = [each for each in asked if each.judged.label is Label.PERSONAL_ADVICE]
    _add_share(estimates, "personal_advice, notice", [_has_personal_notice(each) for each in personal])
    for name, look_alike in (("look_alike, false alarms", True), ("others, false alarms", False)):
        calm = [each for each in asked if each.judged.label not in _REFERRED]
        alarms = [each.answer.outcome in _URGENT for each in calm if (each.judged.label is Label.LOOK_ALIKE) is look_alike]
        _add_share(estimates, name, alarms)
    return estimates


def outcome_findings(asked: Sequence[Asked]) -> dict[str, list[Finding]]:
    """List the questions whose outcome is not the one that their label asks for."""
    found: dict[str, list[Finding]] = {
        "missed referrals": [], "missed notices": [], "false alarms": [], "wrongly answered": [], "wrongly abstained": []
    }  # fmt: skip
    for each in asked:
        label, outcome = each.judged.label, each.answer.outcome
        got = outcome if outcome in _URGENT else f"{outcome}, confidence {each.answer.confidence:.2f}"
        if label in _REFERRED:
            if outcome is not _REFERRED[label]:
                found["missed referrals"].append(finding(each, label, got))
        elif outcome in _URGENT:
            found["false alarms"].append(finding(each, label, got))
        elif label is Label.PERSONAL_ADVICE and not _has_personal_notice(each):
            found["missed notices"].append(finding(each, label, got))
        elif label in _UNANSWERABLE and outcome is Outcome.ANSWERED:
            found["wrongly answered"].append(finding(each, label, got))
        elif label is Label.ANSWERABLE and outcome is Outcome.ABSTAINED:
            found["wrongly abstained"].append(finding(each, label, got))
    return found


def _broken(quote: Quote, index: Index) -> Iterator[tuple[str, str]]:
    at, document = quote.citation.span, index.documents[quote.citation.document]
    where = f"{document.path} [{at.start}, {at.end})"
    if document.text[at.start : at.end] != quote.text:
        yield f"{where} word for word", quote.text
    if quote.citation.sha256 != index.facts["corpus"][document.path]:
        yield f"{where} with the SHA-256 of its document", quote.citation.sha256
    if not at.start <= quote.answer.start < quote.answer.end <= at.end:
        yield f"{where} around its answer", f"[{quote.answer.start}, {quote.answer.end})"


def _has_personal_notice(asked: Asked) -> bool:
    return any(notice.rule == _PERSONAL for notice in asked.answer.notices)


def _curve(rated: Sequence[Asked], wrong: Sequence[bool]) -> dict[str, Estimate]:
    """Measure the risk-coverage curve: its area, that area between the best order and none, and its height at one coverage."""
    confidence = [each.answer.confidence for each in rated]
    answerable = [each.judged.label is Label.ANSWERABLE for each in rated]
    estimates = {"AURC": aurc(confidence, wrong)} if rated else {}
    if 0 < sum(wrong) < len(wrong):
        estimates["NAURC"] = naurc(confidence, wrong)
    if any(answerable):
        estimates[f"risk at {100 * _COVERAGE:.0f} % coverage"] = risk_at(_COVERAGE, confidence, wrong, answerable)
    return estimates


def _add_share(estimates: dict[str, Estimate], name: str, values: Sequence[bool]) -> None:
    if values:
        estimates[name] = share(values)
