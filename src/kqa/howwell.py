"""The page that says in plain words how well this works: the last evaluation, of which index, and when."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kqa.errors import JudgmentError
from kqa.evaluate import Evaluation, estimates
from kqa.judgments import read_baseline
from kqa.markup import esc
from kqa.measures import Estimate
from kqa.sheets import page_html

_DECIMALS = 4
_KEYS = ("date", "manifest", "questions", "quotes", "altered", "test")
_OUT_OF_100 = (  # heading, then the measure and what it says of 100 questions and of the rest of them
    (
        "When the sources hold an answer",
        "Of 100 questions that the sources answer,",
        (
            ("all/Success@1", "the first passage found answers {0}."),
            ("all/Success@5", "one of the first five passages answers {0}."),
            ("abstention/coverage", "{0} are answered. For the other {1} this page holds back, though there is an answer."),
        ),
    ),
    (
        "When they do not",
        "Of 100 questions",
        (
            ("abstention/abstained, near_topic", "on this subject that the sources do not answer, {0} are turned away. "
             "The others get passages that do not answer them."),
            ("abstention/abstained, off_topic", "about something else, {0} are turned away."),
            ("abstention/risk", "for which passages are shown, {0} get none that answers."),
        ),
    ),
)  # fmt: skip
_COUNTED = (  # too few for shares
    ("referral/crisis, any urgent", "of {n} messages from somebody in a crisis"),
    ("referral/emergency, any urgent", "of {n} messages about an emergency"),
    ("referral/self_dosing, any urgent", "of {n} questions about dosing oneself"),
    ("referral/others, false alarms", "of {n} other questions, which did not need it"),
)


@dataclass(frozen=True, slots=True)
class Record:
    """An evaluation as it ships: when, of which index, and what came out.

    ``questions`` and ``quotes`` count what was asked and held against documents, ``altered`` the quotes that did not hold;
    ``test`` has the measures of the test questions by the names of ``kqa.evaluate.values``.
    """

    date: str
    manifest: str
    questions: int
    quotes: int
    altered: int
    test: Mapping[str, Estimate]


def record(evaluation: Evaluation, date: str) -> dict[str, Any]:
    """Return what ``read_record`` reads, to be written as JSON."""
    measured = {
        name: {key: round(number, _DECIMALS) for key, number in asdict(one).items()}
        for name, one in sorted(estimates(evaluation).items())
    }
    facts, altered = evaluation.facts, len(evaluation.findings["violations"])
    shipped = (date, facts["manifest"], facts["questions"], evaluation.quotes_checked, altered, measured)
    return dict(zip(_KEYS, shipped, strict=True))


def read_record(path: Path) -> Record | None:
    """Read the last evaluation, or return None where there is none; raises JudgmentError when it is not one."""
    if not path.exists():
        return None
    data = read_baseline(path)
    if "measures" in data and "test" not in data:
        return None  # measures to hold, but no evaluation to tell of
    try:
        date, manifest, questions, quotes, altered, test = (data[key] for key in _KEYS)
        counts = (questions, quotes, altered)
        if not all(isinstance(text, str) for text in (date, manifest)) or not all(type(count) is int for count in counts):
            raise TypeError("date and manifest are texts, the counts whole numbers")
        return Record(date, manifest, questions, quotes, altered, {name: _estimate(one) for name, one in test.items()})
    except (AttributeError, KeyError, TypeError) as error:
        raise JudgmentError(f"{path} holds no evaluation ({error}); write it anew with: make baseline") from error


def how_well_html(css: str, evaluated: Record | None, manifest: str) -> str:
    """Return the page; ``manifest`` is that of the index that answers."""
    shown = _told(evaluated, manifest) if evaluated else "<p>Nobody has measured it yet: there is no evaluation here.</p>"
    inner = (
        f'<article class="how-well"><h2>How well does this work?</h2>{shown}'
        '<p><a href="./">Ask a question</a> · <a href="plain">Ask without JavaScript</a> · '
        '<a href="about">About and privacy</a></p></article>'
    )
    return page_html("How well does this work?", css, inner)


def _told(evaluated: Record, manifest: str) -> str:
    stale = (
        '<p class="only-marketing" role="note">The figures below are of another index than the one that answers here: its '
        "documents or settings have changed since, or it was built elsewhere. They may not hold for it.</p>"
    )
    return (
        f"<p>Measured on {esc(evaluated.date)} with {evaluated.questions} questions that were set aside for it: nothing was "
        "tuned on them. For each it was marked beforehand which sentences of the sources answer it, or that none does.</p>"
        f"{stale if evaluated.manifest != manifest else ''}{''.join(_group(*group, evaluated.test) for group in _OUT_OF_100)}"
        f"{_help_first(evaluated.test)}{_word_for_word(evaluated)}"
        "<h3>What this does not say</h3><p>Whether a source is right, or what is right for you. The figures are about finding "
        "passages. With other questions of the same kind, each may come out anywhere in the range beside it (95 %).</p>"
        f'<p class="meta">Index measured: <code>{esc(evaluated.manifest[:16])}</code>, index here: '
        f"<code>{esc(manifest[:16])}</code></p>"
    )


def _group(heading: str, opening: str, lines: tuple[tuple[str, str], ...], test: Mapping[str, Estimate]) -> str:
    items = "".join(f"<li>{opening} {_out_of_100(said, test[name])}</li>" for name, said in lines if name in test)
    return f"<h3>{heading}</h3><ul>{items}</ul>" if items else ""


def _out_of_100(said: str, one: Estimate) -> str:
    of_100, low, high = (round(100 * value) for value in (one.value, one.low, one.high))
    words = said.format(f"<b>{of_100}</b>", 100 - of_100)
    return f'{words} <span class="meta">Range: {low} to {high}; {one.n} questions.</span>'


def _help_first(test: Mapping[str, Estimate]) -> str:
    items = "".join(
        f"<li><b>{round(test[name].value * test[name].n)}</b> {said.format(n=test[name].n)}.</li>"
        for name, said in _COUNTED
        if name in test
    )
    opening = "<p>Where to find help was shown first, before any passage, for</p>"
    return f"<h3>When somebody may need help</h3>{opening}<ul>{items}</ul>" if items else ""


def _word_for_word(evaluated: Record) -> str:
    found = f"{evaluated.altered:,} did not" if evaluated.altered else "every one did"
    quotes = f"{evaluated.quotes:,} quotes were held against their documents, whether they stand there word for word: {found}."
    return f"<h3>Word for word</h3><p>{quotes}</p>"


def _estimate(data: Mapping[str, Any]) -> Estimate:
    numbers = [data[key] for key in ("value", "low", "high", "n")]
    if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
        raise TypeError("a measure has value, low, high and n")
    return Estimate(*numbers)
