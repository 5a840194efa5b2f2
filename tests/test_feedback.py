"""What readers say of passages: what is kept and what never is, and the judged questions that come of it."""

from __future__ import annotations

import json
import logging
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import kqa.feedback
from conftest import KEEPING, run_python
from kqa.commands import FINE, REFUSED
from kqa.errors import ConfigError, FeedbackError, JudgmentError, QuestionError
from kqa.feedback import (
    PassageJudgment,
    check_target,
    check_writable,
    export,
    judgment_of,
    keep,
    notes,
    read_feedback,
    to_table,
    write_questions,
)
from kqa.index import Index
from kqa.intake import take_in
from kqa.judgments import Label, Split, Style, read_questions
from kqa.question import clean
from kqa.types import Document, ReaderVerdict, Source
from shown import HOSTILE

HORN = "When does the horn sound in fog?"
LAMP = "When is the lamp of the tower lit?"
TEXT = "Sleep é first. Then walk. Then eat."
DOCUMENTS = {"a.md": Document("a.md", TEXT, "00", Source("A"))}
GOOD = {
    "judged": "2026-11-26", "question": "What comes first?", "history": [], "document": "a.md", "sha256": "00", "start": 0,
    "end": 14, "text": "Sleep é first.", "verdict": "answers", "manifest": "m",
}  # fmt: skip


def sent(index: Index, **changes: object) -> dict[str, Any]:
    """Return what the page sends for the passage about the horn."""
    passage = next(p for p in index.passages if p.section == "Fog")
    place = {"document": passage.document, "start": passage.start, "end": passage.end}
    return {"question": HORN, "history": [], **place, "verdict": "answers", **changes}


def judged(**changes: object) -> PassageJudgment:
    """Return a judgment of one of the sentences of ``DOCUMENTS``."""
    data: dict[str, Any] = {**GOOD, **changes}
    data["text"] = changes.get("text", TEXT[data["start"] : data["end"]])
    return PassageJudgment(**{**data, "history": tuple(data["history"]), "verdict": ReaderVerdict(data["verdict"])})


def write(folder: Path, *rows: object) -> Path:
    path = folder / "judged.jsonl"
    path.write_bytes(b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows))
    return path


def test_what_is_kept_is_the_question_the_passage_and_the_day(index: Index, tmp_path: Path) -> None:
    path = tmp_path / "judged.jsonl"
    before = date.today().isoformat()
    keep(judgment_of(sent(index, question=f"  {HORN}\n"), index), path)
    kept = json.loads(path.read_text(encoding="utf-8"))
    document = index.documents["rules/keeping.md"]
    assert list(kept) == [
        "judged", "question", "history", "document", "sha256", "start", "end", "text", "verdict", "manifest",
    ]  # fmt: skip
    assert before <= kept["judged"] <= date.today().isoformat()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", kept["judged"]), "no time of day"
    assert (kept["question"], kept["history"], kept["verdict"]) == (HORN, [], "answers")
    assert (kept["document"], kept["sha256"], kept["manifest"]) == (document.path, document.sha256, index.manifest)
    assert kept["text"] == document.text[kept["start"] : kept["end"]]
    assert kept["text"].startswith("The horn sounds twice a minute")


@pytest.mark.parametrize(
    ("question", "history", "kept"),
    [
        (HORN, ["My name is Ann Harrow", LAMP], ()),
        ("And when?", ["My name is Ann Harrow", LAMP], (LAMP,)),
        ("And when?", [LAMP, "I want to kill myself"], (LAMP,)),
        ("And when?", ["I want to kill myself"], ()),
    ],
)
def test_of_earlier_questions_only_the_one_that_it_was_read_with_is_kept(
    index: Index, question: str, history: list[str], kept: tuple[str, ...]
) -> None:
    judgment = judgment_of(sent(index, question=question, history=history), index)
    assert judgment.history == kept
    assert kqa.ask(question, index, judgment.history).follows == kqa.ask(question, index, history).follows


@pytest.mark.parametrize(
    ("question", "history"),
    [
        ("I want to kill myself", []),
        ("My husband took too much ketamine and is not breathing", []),
        ("How much ketamine should I snort?", []),
        ("please just answer me", ["I want to die"]),
        ("I want to kill myself " + "x" * 3000, []),
    ],
)
def test_nothing_of_a_question_that_is_referred_is_taken(index: Index, question: str, history: list[str]) -> None:
    with pytest.raises(QuestionError, match="never kept; nothing was written"):
        judgment_of(sent(index, question=question, history=history), index)


@pytest.mark.parametrize(
    "changes",
    [
        {"question": None}, {"question": ""}, {"question": "?!"}, {"question": ["a"]}, {"question": "why " * 600},
        {"question": "a\x00b"}, {"history": "a"}, {"history": [1]}, {"history": None},
        {"verdict": None}, {"verdict": "great"}, {"verdict": ["answers"]}, {"verdict": {}}, {"verdict": "ANSWERS"},
        {"document": None}, {"document": 7}, {"document": ["a"]}, {"document": "../../etc/passwd"}, {"document": "ferry.txt"},
        {"start": None}, {"start": "0"}, {"start": True}, {"start": -1}, {"start": 0}, {"end": 10**30}, {"end": 1.5},
    ],
    ids=str,
)  # fmt: skip
def test_anything_else_is_refused_in_words(index: Index, changes: dict[str, object]) -> None:
    with pytest.raises(QuestionError):
        judgment_of(sent(index, **changes), index)


@pytest.mark.parametrize("data", [None, 7, [], "text", {}])
def test_what_is_no_object_is_refused(index: Index, data: Any) -> None:
    with pytest.raises(QuestionError):
        judgment_of(data, index)


def test_words_that_may_have_changed_are_not_judged(index: Index) -> None:
    whole = sent(index)
    now = index.documents[whole["document"]].sha256
    assert judgment_of({**whole, "sha256": now}, index) == judgment_of(whole, index)
    for other in ("0" * 64, None, 3, [now]):
        with pytest.raises(QuestionError, match="this document changed since you asked"):
            judgment_of({**whole, "sha256": other}, index)


def test_a_span_must_be_a_whole_passage(index: Index) -> None:
    whole = sent(index)
    for place in ({"end": whole["end"] - 1}, {"start": whole["start"] + 1}, {"start": float(whole["start"])}):
        with pytest.raises(QuestionError, match="not in the index; reload the page"):
            judgment_of({**whole, **place}, index)


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "judged.jsonl"
    check_writable(path)
    assert path.read_bytes() == b""
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keep(judged(), path)
    check_writable(path)
    assert path.read_bytes().count(b"\n") == 1
    path.unlink()
    keep(judged(), path)  # moved away while the server runs
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_was_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    path, questions = tmp_path / "judged.jsonl", tmp_path / "questions.jsonl"
    for file in (path, questions):
        file.touch()
        file.chmod(0o644)
    check_writable(path)
    write_questions(questions, [{"id": "fb-1"}])
    assert [stat.S_IMODE(file.stat().st_mode) for file in (path, questions)] == [0o600, 0o600]


@pytest.mark.parametrize("text", [*(h for h in HOSTILE if "\ud800" not in h), "a\nb\r\nc\u2028d\u0085e"])
def test_whatever_it_holds_a_judgment_is_one_line_and_reads_back(tmp_path: Path, text: str) -> None:
    one = replace(judged(), question=clean(f"Is it {text}"), history=(text,), text=text)
    path = tmp_path / "judged.jsonl"
    keep(one, path)
    keep(judged(), path)
    lines = path.read_bytes().split(b"\n")
    assert len(lines) == 3
    assert {**json.loads(lines[0]), "history": (text,)} == asdict(one)
    if len(text) < 2000:
        assert read_feedback(path) == [one, judged()]


def test_threads_and_processes_mix_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "judged.jsonl"
    code = (
        "import sys; sys.path.insert(0, 'tests'); from pathlib import Path; from test_feedback import judged; "
        "from kqa.feedback import keep\n"
        "for n in range(40): keep(judged(question=f'other {n} ' + 'x' * 1500), Path(sys.argv[1]))"
    )
    with ThreadPoolExecutor(8) as pool:
        other = pool.submit(run_python, code, path)
        list(pool.map(lambda n: keep(judged(question=f"mine {n} " + "y" * 1500), path), range(200)))
        assert other.result().stderr == ""
    found = [judgment.question.rpartition(" ")[0] for judgment in read_feedback(path)]
    assert sorted(found) == sorted([f"mine {n}" for n in range(200)] + [f"other {n}" for n in range(40)])


def test_a_line_that_was_cut_short_spoils_no_other(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, b'{"judged": "20')
    keep(judged(), path)
    first, torn, last = path.read_bytes().splitlines()
    assert torn == b'{"judged": "20'
    assert json.loads(first) == json.loads(last)


def test_a_full_file_takes_no_more_and_the_log_says_so_without_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, GOOD)
    monkeypatch.setattr(kqa.feedback, "LARGEST", path.stat().st_size * 2)
    before = path.read_bytes()
    with pytest.raises(FeedbackError, match="not kept: the file for it is full") as refused:
        keep(judged(question="my secret " * 20), path)
    assert path.read_bytes() == before
    assert "export it, then move it away" in caplog.text
    assert "secret" not in caplog.text + str(refused.value)
    assert str(tmp_path) not in str(refused.value), "where the file is, is not for readers"
    keep(judged(question="Why?"), path)


def test_the_bound_is_fifty_million_bytes() -> None:
    assert kqa.feedback.LARGEST == 50_000_000


def test_a_write_that_fails_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path, whole = write(tmp_path, GOOD), os.write
    before = path.read_bytes()
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda descriptor, line: whole(descriptor, line[:20]))
        with pytest.raises(FeedbackError, match="cannot be written; please tell whoever runs this page"):
            keep(judged(question="my secret"), path)
    assert path.read_bytes() == before

    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refuse)
        with pytest.raises(FeedbackError):
            keep(judged(question="my secret"), path)
    assert path.read_bytes() == before
    assert "Input/output error" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("name", ["no/such/folder.jsonl", ".", "/dev/null", "pipe"])
def test_a_file_that_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match=r"cannot be written \(.+\); name another file with --feedback"):
        check_writable(tmp_path / name)
    caplog.set_level(logging.INFO)
    with pytest.raises(FeedbackError, match="cannot be written"):
        keep(judged(question="my secret"), tmp_path / name)
    assert caplog.text
    assert "secret" not in caplog.text


def test_a_file_of_somebody_else_is_refused(tmp_path: Path, powerless: tuple[str, ...]) -> None:
    path = write(tmp_path, GOOD)
    path.chmod(0o444)
    code = "import sys; from pathlib import Path; from kqa.feedback import check_writable; check_writable(Path(sys.argv[1]))"
    assert "ConfigError" in run_python(code, path, prefix=powerless).stderr


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (b'{"judged": "20\n', "is not JSON"),
        (b"\x00\x00\n", "is not JSON"),
        (b"[" * 100_000 + b"\n", "is not JSON"),
        (b"[]\n", "no JSON object"),
        ({key: value for key, value in GOOD.items() if key != "text"}, "text missing"),
        ({**GOOD, "address": "192.0.2.1"}, "address not known"),
        ({**GOOD, "verdict": "great"}, "the verdict 'great' is not known; use one of answers, part, wrong, harmful"),
        ({**GOOD, "verdict": []}, "the verdict"),
        ({**GOOD, "question": "?!"}, "cannot be asked"),
        ({**GOOD, "question": None}, "cannot be asked"),
        ({**GOOD, "history": "Before?"}, "history is no list"),
        ({**GOOD, "history": [1]}, "history is no list"),
        ({**GOOD, "start": -1}, "no span"),
        ({**GOOD, "start": False}, "no span"),
        ({**GOOD, "end": 0}, "no span"),
        ({**GOOD, "end": "14"}, "no span"),
        *(({**GOOD, name: 7}, f"{name} is no text") for name in ("judged", "document", "sha256", "text", "manifest")),
    ],
)
def test_a_damaged_line_is_named_with_a_remedy(tmp_path: Path, row: object, says: str) -> None:
    path = write(tmp_path, GOOD, b"\n", row, GOOD)
    with pytest.raises(JudgmentError, match=rf"^{re.escape(str(path))}, line 3.*{re.escape(says)}.*; or take the line out$"):
        read_feedback(path)


def test_bytes_that_are_no_text_are_named_by_their_line(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD, b"\xff\xfe\n")
    with pytest.raises(JudgmentError, match=rf"^{re.escape(str(path))}, line 2 cannot be read .*; write UTF-8"):
        read_feedback(path)


def test_a_file_without_judgments_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JudgmentError, match="holds no judgment yet"):
        read_feedback(write(tmp_path))
    with pytest.raises(JudgmentError, match="cannot be read"):
        read_feedback(tmp_path / "none.jsonl")


def test_judgments_become_judged_questions(tmp_path: Path) -> None:
    exported = export(
        [
            judged(verdict="part", start=15, end=25),
            judged(),
            judged(question="And then?", history=["What comes first?"], start=15, end=25),
            judged(question="Is it safe?", verdict="wrong"),
            judged(verdict="harmful", start=26, end=35),
        ],
        DOCUMENTS,
    )
    target = tmp_path / "questions.jsonl"
    write_questions(target, exported.questions)
    first, second = read_questions(target, DOCUMENTS)
    assert re.fullmatch(r"fb-[0-9a-f]{8}", first.id)
    assert first.id != second.id
    assert (first.split, first.style, first.label) == (Split.DEV, Style.LAY, Label.ANSWERABLE)
    assert [(answer.text, answer.grade) for answer in first.answers] == [("Sleep é first.", 2), ("Then walk.", 1)]
    assert (second.question, second.history, second.style) == ("And then?", ("What comes first?",), Style.FOLLOWUP)
    assert exported.unanswered == 1
    assert [judgment.verdict for judgment in exported.doubted] == ["harmful", "wrong"]
    assert exported.gone == []
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_of_several_judgments_of_one_passage_the_last_counts() -> None:
    rows = [judged(verdict=v) for v in ("wrong", "part", "harmful", "answers")]
    exported = export([*rows, judged(question="Why?"), judged(question="Why?", verdict="wrong")], DOCUMENTS)
    [question] = exported.questions
    assert [answer["grade"] for answer in question["answers"]] == [2]
    assert [(j.question, j.verdict) for j in exported.doubted] == [("Why?", "wrong")]
    follow_up = judged(history=["Before?"], verdict="wrong")
    assert len(export([*rows, follow_up], DOCUMENTS).questions) == 1, "with another history it is another question"


def test_words_that_no_longer_stand_are_left_out_and_said() -> None:
    gone = [
        judged(text="Sleep e first."),
        judged(document="b.md", verdict="harmful", text="Sleep é first."),
        judged(start=26, end=99, text="Then eat."),  # a slice of Python would end with the text
    ]
    exported = export([*gone, judged(question="Why?")], DOCUMENTS)
    assert [question["question"] for question in exported.questions] == ["Why?"]
    assert exported.gone == [gone[0], gone[1], gone[2]]
    assert (exported.doubted, exported.unanswered) == ([], 1)
    said = notes(exported, Path("corpus"))
    assert said[1] == "left out b.md [0, 14), judged harmful: corpus reads otherwise there"
    assert said[3] == "left out: questions without a passage judged to answer: 1; passages judged wrong: 0, harmful: 0"


def test_names_are_the_questions_own_and_never_given_twice() -> None:
    same = ["Is the lamp number 29736 lit?", "Is the lamp number 64596 lit?"]  # hashes that begin with the same eight digits
    alone = [export([judged(question=q)], DOCUMENTS).questions[0]["id"] for q in same]
    assert alone == ["fb-95f5519f"] * 2
    both = [question["id"] for question in export([judged(question=q) for q in same], DOCUMENTS).questions]
    assert both[0] == "fb-95f5519f"
    assert re.fullmatch(r"fb-[0-9a-f]{8}", both[1])
    assert both[0] != both[1]


def test_the_table_shows_the_harmful_first_and_steers_no_terminal() -> None:
    hostile = "is it \x1b[31m red \u202e after \n next " + "long " * 100
    doubted = [judged(verdict="wrong"), judged(verdict="harmful", question=hostile, history=["Before?"])]
    lines = to_table(export(doubted, DOCUMENTS)).splitlines()
    assert lines[0].split() == ["passage", "verdict", "question"]
    assert lines[1].startswith("a.md [0, 14)  harmful  is it \ufffd[31m red \ufffd after next long")
    assert lines[1].endswith("…")
    assert lines[2] == "a.md [0, 14)  wrong    What comes first?"
    assert len(lines) == 3
    after = export([judged(verdict="wrong", question="And then?", history=["Before?"])], DOCUMENTS)
    assert to_table(after).splitlines()[1].endswith("And then? after: Before?")
    assert to_table(export([judged()], DOCUMENTS)) == ""


def test_half_a_character_in_an_edited_file_breaks_nothing(tmp_path: Path) -> None:
    with pytest.raises(JudgmentError, match="line 1: the question cannot be asked: the question holds control characters"):
        read_feedback(write(tmp_path, {**GOOD, "question": "half \ud800"}))
    path = write(tmp_path, {**GOOD, "question": "half", "history": ["\udfff half"]})
    exported = export(read_feedback(path), DOCUMENTS)
    write_questions(tmp_path / "questions.jsonl", exported.questions)
    assert [question.question for question in read_questions(tmp_path / "questions.jsonl", DOCUMENTS)] == ["half"]


def test_a_target_is_not_written_over_by_chance(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    (tmp_path / "there").write_text("mine", encoding="utf-8")
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(JudgmentError, match="is there already; name another file with --to, or replace it with --force"):
        check_target(tmp_path / "there", path, force=False)
    check_target(tmp_path / "there", path, force=True)
    check_target(tmp_path / "new", path, force=False)
    for same in (path, tmp_path / "link", tmp_path / "x" / ".." / path.name):
        with pytest.raises(JudgmentError, match="holds the judgments themselves"):
            check_target(same, path, force=True)
    with pytest.raises(JudgmentError, match="cannot be written"):
        write_questions(tmp_path, [{}])


def kept_file(index: Index, path: Path) -> Path:
    """Write what three readers said of the lighthouse."""
    lamp = next(p for p in index.passages if p.section == "The lamp")
    place = {"document": lamp.document, "start": lamp.start, "end": lamp.end}
    for changes in ({}, {"question": "And in summer?", "history": [LAMP]}, {"verdict": "wrong", **place}):
        keep(judgment_of(sent(index, **changes), index), path)
    return path


def test_the_command_writes_what_evaluate_reads(
    run, index: Index, index_folder: Path, lighthouse: Path, tmp_path: Path
) -> None:
    path, target = kept_file(index, tmp_path / "judged.jsonl"), tmp_path / "questions.jsonl"
    code, out, err = run("feedback", path, "--to", target, "--corpus", lighthouse)
    assert code == FINE
    assert re.fullmatch(rf"passage +verdict +question\nrules/keeping\.md \[\d+, \d+\) +wrong +{re.escape(HORN)}\n", out)
    assert "kqa: left out: questions without a passage judged to answer: 0; passages judged wrong: 1, harmful: 0\n" in err
    assert err.endswith(f"kqa: questions written to {target}: 2\n")
    assert [q.question for q in read_questions(target, {d.path: d for d in take_in(lighthouse, strict=True).documents})] == [
        HORN,
        "And in summer?",
    ]
    code, out, _ = run("evaluate", target, "--index", index_folder, "--json")
    assert code == FINE
    assert json.loads(out)["topics"][read_questions(target, index.documents)[0].id]["measures"]["RR"] == 1


def test_the_command_refuses_and_leaves_what_is_there(run, index: Index, lighthouse: Path, tmp_path: Path) -> None:
    path, target = kept_file(index, tmp_path / "judged.jsonl"), tmp_path / "questions.jsonl"
    before = path.read_bytes()
    assert run("feedback", path, "--to", path, "--corpus", lighthouse, "--force")[0] == REFUSED
    assert path.read_bytes() == before
    target.write_text("mine", encoding="utf-8")
    code, out, err = run("feedback", path, "--to", target, "--corpus", lighthouse)
    assert (code, out, target.read_text(encoding="utf-8")) == (REFUSED, "", "mine")
    assert re.fullmatch(r"kqa: .* is there already; .*\n", err)
    path.write_bytes(before + b"{\n")
    code, out, err = run("feedback", path, "--to", target, "--corpus", lighthouse, "--force")
    assert (code, out, target.read_text(encoding="utf-8")) == (REFUSED, "", "mine")
    assert re.fullmatch(rf"kqa: {re.escape(str(path))}, line 4 is not JSON .*; or take the line out\n", err)
    path.write_bytes(before)
    assert run("feedback", path, "--to", target, "--corpus", lighthouse, "--force")[0] == FINE
    assert target.read_text(encoding="utf-8").startswith('{"id": "fb-')


def test_the_command_without_a_passage_that_answers_writes_nothing(
    run, own_lighthouse: Path, index: Index, tmp_path: Path
) -> None:
    path, target = tmp_path / "judged.jsonl", tmp_path / "questions.jsonl"
    keep(judgment_of(sent(index, verdict="harmful"), index), path)
    code, out, err = run("feedback", path, "--to", target, "--corpus", own_lighthouse)
    assert (code, target.exists()) == (REFUSED, False)
    assert "harmful" in out
    assert f"no passage was judged to answer its question; {target} was not written" in err
    keep(judgment_of(sent(index), index), path)
    (own_lighthouse / "rules" / "keeping.md").write_text(KEEPING.replace("The horn", "A horn"), encoding="utf-8")
    code, out, err = run("feedback", path, "--to", target, "--corpus", own_lighthouse)
    assert (code, out) == (REFUSED, "")
    assert re.search(
        rf"^kqa: left out rules/keeping\.md \[.*judged answers: {own_lighthouse} reads otherwise", err, re.MULTILINE
    )
