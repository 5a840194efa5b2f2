"""Reading judged questions, qrels and runs: every malformed line is refused with its place."""

from __future__ import annotations

import json
import re

import pytest

from kqa.errors import JudgmentError
from kqa.judgments import Label, Split, Style, read_qrels, read_questions, read_run, trec_lines, with_relevant
from kqa.types import Document, Source, Span

DOCUMENT = Document("a.md", "Sleep é first. Then walk.", "00", Source("A"))
DOCUMENTS = {"a.md": DOCUMENT}
ANSWER = {"document": "a.md", "start": 0, "end": 14, "text": "Sleep é first.", "grade": 2}
GOOD = {
    "id": "q-1", "split": "dev", "question": "What comes first?", "history": [], "style": "lay", "label": "answerable",
    "answers": [ANSWER],
}  # fmt: skip


def write(folder, *rows):
    path = folder / "questions.jsonl"
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_question_is_read(tmp_path):
    row = {**GOOD, "history": ["Before?"], "claim": "C001", "note": "…"}
    [question] = read_questions(write(tmp_path, "\ufeff" + json.dumps(row), "", "  "), DOCUMENTS)
    assert (question.split, question.style, question.label) == (Split.DEV, Style.LAY, Label.ANSWERABLE)
    assert question.history == ("Before?",)
    assert question.answers[0].span == Span(0, 14)
    assert question.answers[0].text == DOCUMENT.text[0:14]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "no JSON object"),
        ({key: value for key, value in GOOD.items() if key != "style"}, "style missing"),
        ({**GOOD, "facts": []}, "facts not known"),
        ({**GOOD, "id": ""}, "the id"),
        ({**GOOD, "id": "q 1"}, "the id"),
        ({**GOOD, "id": 7}, "the id"),
        ({**GOOD, "split": "train"}, "the split 'train' is not known; use one of dev, test"),
        ({**GOOD, "style": "loud"}, "the style 'loud'"),
        ({**GOOD, "label": "answered"}, "the label 'answered'"),
        ({**GOOD, "label": ["answerable"]}, "the label"),
        ({**GOOD, "question": ""}, "cannot be asked"),
        ({**GOOD, "question": "?!"}, "cannot be asked"),
        ({**GOOD, "question": None}, "cannot be asked"),
        ({**GOOD, "question": "why " * 1000}, "cannot be asked"),
        ({**GOOD, "question": "why\u0007 not"}, "cannot be asked: the question holds control characters"),
        ({**GOOD, "history": "Before?"}, "history is no list"),
        ({**GOOD, "history": [1]}, "history is no list"),
        ({**GOOD, "answers": {}}, "answers is no list"),
        ({**GOOD, "answers": ["Sleep"]}, "an answer is no JSON object"),
        ({**GOOD, "answers": []}, "answerable without an answer"),
        ({**GOOD, "label": "near_topic"}, "near_topic with an answer"),
        ({**GOOD, "answers": [ANSWER, ANSWER]}, "the same answer stands twice"),
        ({**GOOD, "answers": [{"document": "a.md"}]}, "end, grade, start, text missing"),
        ({**GOOD, "answers": [{**ANSWER, "page": 1}]}, "page not known"),
        ({**GOOD, "answers": [{**ANSWER, "document": "b.md"}]}, "no document 'b.md'"),
        ({**GOOD, "answers": [{**ANSWER, "document": []}]}, "no document"),
        ({**GOOD, "answers": [{**ANSWER, "start": -1}]}, "no span"),
        ({**GOOD, "answers": [{**ANSWER, "end": 0}]}, "no span"),
        ({**GOOD, "answers": [{**ANSWER, "start": False}]}, "no span"),
        ({**GOOD, "answers": [{**ANSWER, "end": 14.0}]}, "no span"),
        ({**GOOD, "answers": [{**ANSWER, "grade": 3}]}, "the grade 3"),
        ({**GOOD, "answers": [{**ANSWER, "grade": True}]}, "the grade True"),
        ({**GOOD, "answers": [{**ANSWER, "text": "Sleep e first."}]}, "corpus changed; locate the answer again"),
        ({**GOOD, "answers": [{**ANSWER, "start": 1}]}, "corpus changed"),
        ({**GOOD, "answers": [{**ANSWER, "start": 900, "end": 901, "text": ""}]}, "corpus changed"),
    ],
)
def test_a_malformed_line_is_refused_with_its_place(tmp_path, row, says):
    path = write(tmp_path, {**GOOD, "id": "q-0"}, "", row)
    with pytest.raises(JudgmentError, match=f"^{re.escape(str(path))}, line 3.*{re.escape(says)}"):
        read_questions(path, DOCUMENTS)


def test_an_id_is_given_once(tmp_path):
    with pytest.raises(JudgmentError, match="line 2: the id q-1 is taken"):
        read_questions(write(tmp_path, GOOD, GOOD), DOCUMENTS)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "latin.jsonl").write_bytes(b"\xe9")
    for path, says in ((tmp_path / "none.jsonl", "cannot be read"), (tmp_path / "latin.jsonl", "cannot be read")):
        with pytest.raises(JudgmentError, match=says):
            read_questions(path, DOCUMENTS)
    with pytest.raises(JudgmentError, match="holds no question"):
        read_questions(write(tmp_path, ""), DOCUMENTS)


@pytest.mark.parametrize(
    "text",
    [
        "query-id\tcorpus-id\tscore\nq1\td 1\t2\nq1\td2\t0\n",
        "q1\td 1\t2\nq1\td2\t0\n",
        "q1\t0\td 1\t2\r\nq1\t0\td2\t0\r\n",
    ],
)
def test_qrels_are_read_with_and_without_a_header(tmp_path, text):
    path = tmp_path / "qrels.tsv"
    path.write_bytes(text.encode())
    assert read_qrels(path) == {"q1": {"d 1": 2, "d2": 0}}


def test_qrels_of_trec_are_read(tmp_path):
    path = tmp_path / "qrels.txt"
    path.write_text("q1 0 d1 2\nq1 0 d2 -1\n")
    assert read_qrels(path) == {"q1": {"d1": 2, "d2": -1}}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("q1 d1 1\nq1 d2 high\n", "line 2: the grade 'high'"),
        ("q1 d1 1\nq1 d2 99999999999999999999\n", "line 2: a grade of 20 characters; write a small whole number"),
        ("q1 d1 " + "9" * 5000, "line 1: a grade of 5000 characters; write a small whole number"),
        ("q1 d1\n", "line 1: 2 columns"),
        ("query-id corpus-id score\n", "holds no judgment"),
        ("", "holds no judgment"),
    ],
)
def test_malformed_qrels_are_refused(tmp_path, text, says):
    path = tmp_path / "qrels.tsv"
    path.write_text(text)
    with pytest.raises(JudgmentError, match=says):
        read_qrels(path)


def test_topics_with_nothing_relevant_are_left_out():
    assert with_relevant({"a": {"x": 1}, "b": {"x": 0}}, "qrels") == {"a": {"x": 1}}
    with pytest.raises(JudgmentError, match="names nothing relevant"):
        with_relevant({"b": {"x": 0}}, "qrels")


def test_a_run_is_read_by_score_then_rank_then_name(tmp_path):
    path = tmp_path / "a.run"
    path.write_text("q Q0 low 1 0.1 t\nq Q0 late 3 0.5 t\nq Q0 b 2 0.5 t\nq Q0 a 2 0.5 t\nq Q0 top 9 1e1 t\n")
    assert read_run(path) == {"q": ["top", "a", "b", "late", "low"]}


def test_a_written_run_reads_back(tmp_path):
    run = {"q1": ["c", "a", "b"], "q2": ["a"]}
    path = tmp_path / "a.run"
    path.write_text("\n".join(trec_lines(run)))
    assert read_run(path) == run


@pytest.mark.parametrize("run", [{"q 1": ["a"]}, {"q": ["a\tb"]}, {"q": [""]}])
def test_a_name_that_would_be_cut_is_refused(run):
    with pytest.raises(JudgmentError, match="without blanks"):
        trec_lines(run)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("q Q0 a 1 0.5\n", "line 1: 5 columns"),
        ("q Q0 a 1 nan t\n", "the score 'nan'"),
        ("q Q0 a first 1 t\n", "the rank 'first'"),
        ("q Q0 a 1 2 t\nq Q0 a 2 1 t\n", "line 2: a stands twice"),
        ("", "holds no ranking"),
    ],
)
def test_a_malformed_run_is_refused(tmp_path, text, says):
    path = tmp_path / "a.run"
    path.write_text(text)
    with pytest.raises(JudgmentError, match=says):
        read_run(path)
