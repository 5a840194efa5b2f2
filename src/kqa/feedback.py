"""What readers say of quoted passages, where the operator asks for it: kept in one local file, exported as judged questions.

A line of the file holds a question, a passage and a verdict; nothing of who sent it but the day.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

from kqa.answer import read_with
from kqa.errors import ConfigError, FeedbackError, JudgmentError, QuestionError
from kqa.index import Index
from kqa.judgments import Label, Split, Style, askable, check_keys, member, numbered_lines, read_object
from kqa.question import clean
from kqa.records import passages_of
from kqa.render import for_terminal
from kqa.routes import checked_question
from kqa.safety import screen
from kqa.tables import aligned
from kqa.types import Document, ReaderVerdict

LARGEST = 50_000_000  # bytes of the file
_MODE = 0o600  # the questions of people about their health: for the operator alone
_GRADES = {ReaderVerdict.ANSWERS: 2, ReaderVerdict.PART: 1}
_DIGITS = 8  # of a question's hash, in its id
_SHOWN = 160  # characters of a question in the table
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PassageJudgment:
    """One line of the file: on which day a reader judged which passage of which index, for which question.

    ``history`` holds the earlier question that this one was read with, if there was one.
    """

    judged: str
    question: str
    history: tuple[str, ...]
    document: str
    sha256: str
    start: int
    end: int
    text: str
    verdict: ReaderVerdict
    manifest: str

    @property
    def place(self) -> str:
        """The passage's place, for people."""
        return f"{self.document} [{self.start}, {self.end})"


@dataclass(frozen=True, slots=True)
class Export:
    """Judged questions in the form of ``evaluation/questions.jsonl``, and what is not among them.

    ``questions`` have a passage that answers; of the ``unanswered`` ones none was judged to. ``doubted`` are the passages
    judged harmful, then those judged wrong; ``gone`` are judgments of words that no longer stand in the corpus.
    """

    questions: Sequence[Mapping[str, Any]]
    unanswered: int
    doubted: Sequence[PassageJudgment]
    gone: Sequence[PassageJudgment]


def judgment_of(data: Any, index: Index) -> PassageJudgment:
    """Check what a browser sent, trusting nothing in it, and return it as it may be kept.

    Raises QuestionError for what is no judgment of a passage of the index, and for a question that is referred to help.
    """
    question, history = checked_question(data)
    asked = clean(question)
    if screen(question, history, index.triage).outcome:
        raise QuestionError("a question like this one is never kept; nothing was written")
    earlier = read_with(question, history, index)
    try:
        verdict = ReaderVerdict(data.get("verdict"))
    except ValueError as error:
        raise QuestionError(f"this judgment is not known; send one of {', '.join(ReaderVerdict)}") from error
    path, start, end = (data.get(name) for name in ("document", "start", "end"))
    places = isinstance(path, str) and type(start) is int and type(end) is int
    if not places or not any((p.start, p.end) == (start, end) for p in passages_of(index.passages, path)):
        raise QuestionError("this passage is not in the index; reload the page")
    document = index.documents[path]
    if data.get("sha256", document.sha256) != document.sha256:
        raise QuestionError("this document changed since you asked; ask again, and judge what stands there now")
    day, text = date.today().isoformat(), document.text[start:end]
    kept = (earlier,) if earlier else ()
    return PassageJudgment(day, asked, kept, path, document.sha256, start, end, text, verdict, index.manifest)


def check_writable(path: Path) -> None:
    """Make the file, readable by its owner alone, where there is none; raises ConfigError when it cannot be written."""
    try:
        os.close(_opened(path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror}); name another file with --feedback") from error


def keep(judgment: PassageJudgment, path: Path) -> None:
    """Append one judgment as a line of JSON; whole and on the disk, or not at all.

    Raises FeedbackError, in words for the reader, when the file is full or cannot be written; the log has the reason alone.
    """
    line = json.dumps(asdict(judgment), ensure_ascii=False) + "\n"
    try:
        _append(path, line.encode("utf-8"))
    except OSError as error:
        _log.error("a judgment was not kept: %s: %s", path, error.strerror)
        full = "is full" if error.errno == errno.EFBIG else "cannot be written"
        raise FeedbackError(f"this was not kept: the file for it {full}; please tell whoever runs this page") from error


def read_feedback(path: Path) -> list[PassageJudgment]:
    """Read the file; raises JudgmentError, naming file and line, for a line that ``keep`` would not have written."""
    found = []
    for where, line in numbered_lines(path):
        try:
            found.append(_judgment(line, where))
        except JudgmentError as error:
            raise JudgmentError(f"{error}; or take the line out") from error
    if not found:
        raise JudgmentError(f"{path} holds no judgment yet; kqa serve --feedback {path} collects them")
    return found


def export(judgments: Sequence[PassageJudgment], documents: Mapping[str, Document]) -> Export:
    """Turn judgments into judged questions; of several on the same passage for the same question the last one counts."""
    last = {(j.question, j.history, j.document, j.start, j.end): j for j in judgments}
    asked: dict[tuple[str, tuple[str, ...]], list[PassageJudgment]] = {(j.question, j.history): [] for j in last.values()}
    standing = [judgment for judgment in last.values() if _stands(judgment, documents)]
    for judgment in standing:
        if judgment.verdict in _GRADES:
            asked[judgment.question, judgment.history].append(judgment)
    questions: dict[str, Mapping[str, Any]] = {}
    for (question, history), answers in asked.items():
        if answers:
            name = _name(question, history, questions)
            questions[name] = _question(name, question, history, answers)
    doubted = sorted(
        (judgment for judgment in standing if judgment.verdict not in _GRADES),
        key=lambda j: (j.verdict is not ReaderVerdict.HARMFUL, j.document, j.start, j.end, j.question),
    )
    gone = [judgment for judgment in last.values() if not _stands(judgment, documents)]
    return Export(list(questions.values()), len(asked) - len(questions), doubted, gone)


def to_table(exported: Export) -> str:
    """Return the passages that readers found wrong or harmful, one a line, and the question; empty when there are none."""
    rows = [[j.place, j.verdict, _asked(j)] for j in exported.doubted]
    return for_terminal(aligned([["passage", "verdict", "question"], *rows])) if rows else ""


def notes(exported: Export, corpus: Path) -> list[str]:
    """Say what was left out of the judged questions, and why."""
    lines = [for_terminal(f"left out {j.place}, judged {j.verdict}: {corpus} reads otherwise there") for j in exported.gone]
    counts = Counter(judgment.verdict for judgment in exported.doubted)
    wrong, harmful = counts[ReaderVerdict.WRONG], counts[ReaderVerdict.HARMFUL]
    left = f"questions without a passage judged to answer: {exported.unanswered}"
    return [*lines, f"left out: {left}; passages judged wrong: {wrong}, harmful: {harmful}"]


def check_target(target: Path, feedback: Path, force: bool) -> None:
    """Refuse to write where something stands, unless ``force``, and ever onto the file of judgments itself."""
    if target.resolve() == feedback.resolve():
        raise JudgmentError(f"{target} holds the judgments themselves; name another file with --to")
    if target.exists() and not force:
        raise JudgmentError(f"{target} is there already; name another file with --to, or replace it with --force")


def write_questions(target: Path, questions: Sequence[Mapping[str, Any]]) -> None:
    """Write judged questions, one JSON object a line, for their owner alone; raises JudgmentError when there are none."""
    if not questions:
        raise JudgmentError(f"no passage was judged to answer its question; {target} was not written, collect more judgments")
    text = "".join(json.dumps(question, ensure_ascii=False) + "\n" for question in questions)
    try:
        with open(target, "wb", opener=_opened) as file:
            file.write(text.encode("utf-8", "backslashreplace"))  # half a character becomes its escape in JSON
    except OSError as error:
        raise JudgmentError(f"{target} cannot be written ({error.strerror}); name another file with --to") from error


def _opened(path: Path | str, flags: int = os.O_RDWR | os.O_CREAT | os.O_APPEND) -> int:
    descriptor = os.open(path, flags, _MODE)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no ordinary file")
        os.fchmod(descriptor, _MODE)  # one that was there already may be open to others
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _append(path: Path, line: bytes) -> None:
    """Append in one write under the file's own lock, which holds among threads and servers; a write that fails is undone."""
    from fcntl import LOCK_EX, flock

    descriptor = _opened(path)
    try:
        flock(descriptor, LOCK_EX)
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line  # what a crash or an editor cut short spoils no line but its own
        if size + len(line) > LARGEST:
            raise OSError(errno.EFBIG, f"it may hold {LARGEST:,} bytes; export it, then move it away")
        try:
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def _judgment(line: str, where: str) -> PassageJudgment:
    data = read_object(line, where)
    check_keys(data, {field.name for field in fields(PassageJudgment)}, set(), where)
    verdict, question = member(ReaderVerdict, data, "verdict", where), askable(data["question"], where)
    for name in ("judged", "document", "sha256", "text", "manifest"):
        if not isinstance(data[name], str):
            raise JudgmentError(f"{where}: {name} is no text; mend the line")
    history, start, end = data["history"], data["start"], data["end"]
    if not isinstance(history, list) or not all(isinstance(earlier, str) for earlier in history):
        raise JudgmentError(f"{where}: history is no list of questions; mend the line")
    if not all(type(place) is int for place in (start, end)) or not 0 <= start < end:
        raise JudgmentError(f"{where}: start {start!r} and end {end!r} are no span; mend the line")
    return PassageJudgment(**{**data, "question": question, "history": tuple(history), "verdict": verdict})


def _stands(judgment: PassageJudgment, documents: Mapping[str, Document]) -> bool:
    document = documents.get(judgment.document)
    if document is None or judgment.end > len(document.text):
        return False
    return document.text[judgment.start : judgment.end] == judgment.text


def _name(question: str, history: Sequence[str], taken: Mapping[str, object]) -> str:
    """Name a question by its hash; where two have the same few digits, the later one is hashed again."""
    digest = hashlib.sha256(json.dumps([question, list(history)]).encode("ascii")).hexdigest()
    while f"fb-{digest[:_DIGITS]}" in taken:
        digest = hashlib.sha256(digest.encode("ascii")).hexdigest()
    return f"fb-{digest[:_DIGITS]}"


def _question(name: str, question: str, history: Sequence[str], answers: Sequence[PassageJudgment]) -> dict[str, Any]:
    graded = sorted(answers, key=lambda j: (-_GRADES[j.verdict], j.document, j.start, j.end))
    return {
        "id": name,
        "split": Split.DEV,
        "question": question,
        "history": list(history),
        "style": Style.FOLLOWUP if history else Style.LAY,
        "label": Label.ANSWERABLE,
        "answers": [
            {"document": j.document, "start": j.start, "end": j.end, "text": j.text, "grade": _GRADES[j.verdict]}
            for j in graded
        ],
    }


def _asked(judgment: PassageJudgment) -> str:
    asked = " ".join(" after: ".join([judgment.question, *reversed(judgment.history)]).split())
    return asked if len(asked) <= _SHOWN else asked[:_SHOWN] + "…"
