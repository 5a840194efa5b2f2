"""Read what a measurement rests on: judged questions, relevance judgments (qrels) and rankings (runs)."""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from kqa.errors import JudgmentError, QuestionError
from kqa.question import bounded
from kqa.types import Document, Span

_KEYS = {"id", "split", "question", "history", "style", "label", "answers"}
_EXTRA_KEYS = {"claim", "note"}
_ANSWER_KEYS = {"document", "start", "end", "text", "grade"}
_GRADES = (1, 2)
_LONGEST_GRADE = 9  # characters: what measures it counts in 32 bits
_Word = TypeVar("_Word", bound=StrEnum)


class Split(StrEnum):
    """Which questions choose settings, and which only measure them."""

    DEV = "dev"
    TEST = "test"


class Style(StrEnum):
    """How a question is put."""

    LAY = "lay"
    CLINICAL = "clinical"
    TYPO = "typo"
    SHORT = "short"
    FOLLOWUP = "followup"


class Label(StrEnum):
    """What should become of a question; a ``look_alike`` only sounds like one that needs help first."""

    ANSWERABLE = "answerable"
    NEAR_TOPIC = "near_topic"
    OFF_TOPIC = "off_topic"
    CRISIS = "crisis"
    EMERGENCY = "emergency"
    SELF_DOSING = "self_dosing"
    PERSONAL_ADVICE = "personal_advice"
    LOOK_ALIKE = "look_alike"


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """Words of a document that answer a question: grade 2 in full, grade 1 in part."""

    document: str
    span: Span
    text: str
    grade: int


@dataclass(frozen=True, slots=True)
class JudgedQuestion:
    """A question with what should become of it and, where it can be answered, the words that do."""

    id: str
    split: Split
    question: str
    history: tuple[str, ...]
    style: Style
    label: Label
    answers: tuple[JudgedAnswer, ...]


def read_questions(path: Path, documents: Mapping[str, Document]) -> list[JudgedQuestion]:
    """Read judged questions, one JSON object a line, and hold their answers against the documents of an index.

    Raises JudgmentError, naming file and line, for whatever is not of that form or does not stand in the documents.
    """
    questions: dict[str, JudgedQuestion] = {}
    for where, line in numbered_lines(path):
        question = _question(read_object(line, where), documents, where)
        if question.id in questions:
            raise JudgmentError(f"{where}: the id {question.id} is taken by an earlier line; give each question its own")
        questions[question.id] = question
    if not questions:
        raise JudgmentError(f"{path} holds no question; write one JSON object a line")
    return list(questions.values())


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """Read relevance judgments, topic → item → grade: TREC's four columns, or three with or without a header line."""
    qrels: dict[str, dict[str, int]] = {}
    for number, (where, line) in enumerate(numbered_lines(path)):
        columns = line.split("\t") if "\t" in line else line.split()
        if len(columns) not in (3, 4):
            raise JudgmentError(f"{where}: {len(columns)} columns; write topic, item, grade, or TREC's topic, 0, item, grade")
        grade = columns[-1].strip()
        if not grade.removeprefix("-").isdecimal():
            if number == 0:
                continue  # the header line of BEIR's files
            raise JudgmentError(f"{where}: the grade {grade!r} is no whole number; correct it")
        if len(grade) > _LONGEST_GRADE:
            raise JudgmentError(f"{where}: a grade of {len(grade)} characters; write a small whole number")
        qrels.setdefault(columns[0].strip(), {})[columns[-2].strip()] = int(grade)
    if not qrels:
        raise JudgmentError(f"{path} holds no judgment; write topic, item and grade on each line")
    return qrels


def read_run(path: Path) -> dict[str, list[str]]:
    """Read a ranking in TREC form, topic Q0 item rank score tag, as topic → items, best first: by score, rank, then name."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for where, line in numbered_lines(path):
        columns = line.split()
        if len(columns) != 6:
            raise JudgmentError(f"{where}: {len(columns)} columns; write topic, Q0, item, rank, score and tag")
        topic, _, item = columns[:3]
        if item in found.setdefault(topic, {}):
            raise JudgmentError(f"{where}: {item} stands twice in the ranking of {topic}; keep one")
        found[topic][item] = (-_number(columns[4], "score", where), _number(columns[3], "rank", where))
    if not found:
        raise JudgmentError(f"{path} holds no ranking; write one with: kqa evaluate --run FILE")
    return {topic: sorted(items, key=lambda item: (*items[item], item)) for topic, items in found.items()}


def with_relevant(qrels: Mapping[str, Mapping[str, int]], where: str) -> dict[str, Mapping[str, int]]:
    """Return the judgments of the topics that have something relevant: without it every run scores 0."""
    judged = {topic: grades for topic, grades in qrels.items() if max(grades.values()) > 0}
    if not judged:
        raise JudgmentError(f"{where} names nothing relevant; grades above 0 do")
    return judged


def trec_lines(run: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a ranking in TREC form, one line an item; scores fall strictly, so that no reader has ties to break.

    Raises JudgmentError for a name with a blank in it, where readers would cut the line.
    """
    for name in (*run, *(item for items in run.values() for item in items)):
        if len(name.split()) != 1:
            raise JudgmentError(f"{name!r} cannot stand in a file in TREC form; give it a name without blanks")
    ranked = [(topic, item, rank, len(items) - rank) for topic, items in run.items() for rank, item in enumerate(items)]
    return [f"{topic} Q0 {item} {rank + 1} {score} kqa" for topic, item, rank, score in ranked]


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Write a run or judgments, one line an item."""
    try:
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise JudgmentError(f"{path} cannot be written ({error.strerror}); name another file") from error


def read_baseline(path: Path) -> Mapping[str, Any]:
    """Read the file of measures that an evaluation is held to; what is in it is for its reader to check."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise JudgmentError(f"{path} is no baseline ({error}); name a JSON file of measures") from error
    return data if isinstance(data, dict) else {}


def read_object(line: str, where: str) -> dict[str, Any]:
    """Read one line as a JSON object."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise JudgmentError(f"{where} is not JSON ({error}); write one object a line") from error
    if not isinstance(data, dict):
        raise JudgmentError(f"{where} is no JSON object; write one object a line")
    return data


def numbered_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield where each line stands and its text; blank lines are passed over but counted."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise JudgmentError(f"{path} cannot be read ({error}); name a UTF-8 file") from error
    for number, line in enumerate(data.removeprefix(codecs.BOM_UTF8).split(b"\n"), 1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise JudgmentError(f"{path}, line {number} cannot be read ({error}); write UTF-8") from error
        if text.strip():
            yield f"{path}, line {number}", text.rstrip("\r")


def _number(text: str, name: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise JudgmentError(f"{where}: the {name} {text!r} is no number; correct it")
    return value


def _question(data: dict[str, Any], documents: Mapping[str, Document], where: str) -> JudgedQuestion:
    check_keys(data, _KEYS, _EXTRA_KEYS, where)
    name, history, listed = data["id"], data["history"], data["answers"]
    if not isinstance(name, str) or not name or len(name.split()) != 1 or name != name.strip():
        raise JudgmentError(f"{where}: the id {name!r} is no single word; name the question, as in q1-001")
    if not isinstance(history, list) or not all(isinstance(text, str) for text in history):
        raise JudgmentError(f"{where}: history is no list of questions; write [] or the earlier questions, oldest first")
    if not isinstance(listed, list):
        raise JudgmentError(f"{where}: answers is no list; write [] or the spans that answer")
    label = member(Label, data, "label", where)
    answers = tuple(_answer(entry, documents, where) for entry in listed)
    if label is Label.ANSWERABLE and not answers:
        raise JudgmentError(f"{where}: answerable without an answer; add the span that answers, or label it near_topic")
    if label in (Label.NEAR_TOPIC, Label.OFF_TOPIC) and answers:
        raise JudgmentError(f"{where}: {label} with an answer; label it answerable, or take the answer away")
    if len({(answer.document, answer.span) for answer in answers}) < len(answers):
        raise JudgmentError(f"{where}: the same answer stands twice; keep one")
    split, style = member(Split, data, "split", where), member(Style, data, "style", where)
    return JudgedQuestion(name, split, askable(data["question"], where), tuple(history), style, label, answers)


def _answer(entry: object, documents: Mapping[str, Document], where: str) -> JudgedAnswer:
    if not isinstance(entry, dict):
        raise JudgmentError(f"{where}: an answer is no JSON object; write document, start, end, text and grade")
    check_keys(entry, _ANSWER_KEYS, set(), f"{where}, answer")
    path, start, end, text, grade = (entry[key] for key in ("document", "start", "end", "text", "grade"))
    if not isinstance(path, str) or path not in documents:
        raise JudgmentError(f"{where}: the index has no document {path!r}; correct its path, or rebuild with: kqa build")
    if not all(type(place) is int for place in (start, end)) or not 0 <= start < end:
        raise JudgmentError(f"{where}: start {start!r} and end {end!r} are no span; give code points, 0 <= start < end")
    if type(grade) is not int or grade not in _GRADES:
        raise JudgmentError(f"{where}: the grade {grade!r} is not known; 2 answers, 1 answers in part")
    if end > len(documents[path].text) or documents[path].text[start:end] != text:
        raise JudgmentError(f"{where}: {path} reads otherwise at [{start}, {end}): the corpus changed; locate the answer again")
    return JudgedAnswer(path, Span(start, end), text, grade)


def check_keys(data: Mapping[str, Any], needed: set[str], extra: set[str], where: str) -> None:
    """Refuse an object that lacks a key or has one that is not known."""
    missing, unknown = sorted(needed - set(data)), sorted(set(data) - needed - extra)
    if missing:
        raise JudgmentError(f"{where}: {', '.join(missing)} missing; add it")
    if unknown:
        raise JudgmentError(f"{where}: {', '.join(unknown)} not known; known are {', '.join(sorted(needed | extra))}")


def member(kind: type[_Word], data: Mapping[str, Any], key: str, where: str) -> _Word:
    """Return the word of a fixed list that stands under a key."""
    try:
        return kind(data[key])
    except ValueError as error:
        raise JudgmentError(f"{where}: the {key} {data[key]!r} is not known; use one of {', '.join(kind)}") from error


def askable(question: object, where: str) -> str:
    """Return a question as it stands, or refuse what cannot be asked."""
    try:
        bounded(question)  # type: ignore[arg-type]  # it refuses what is no text
    except QuestionError as error:
        raise JudgmentError(f"{where}: the question cannot be asked: {error}") from error
    return str(question)
