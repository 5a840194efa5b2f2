"""The evaluation of a small index: what is relevant, what is scored, what is listed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from math import log2

import pytest

from kqa.answer import search
from kqa.building import build_index
from kqa.config import Config
from kqa.errors import JudgmentError
from kqa.evaluate import against_baseline, evaluate, qrels_lines, read_questions, run_lines, to_json, to_table, values
from kqa.index import Index
from kqa.judgments import read_qrels, read_run
from kqa.measures import score_run
from kqa.topics import Topic
from kqa.types import Document, Source

TEXTS = {
    "blood pressure.md": (
        "## Pressure\n\nKetamine raises blood pressure for about an hour. Nurses measure the pressure every ten minutes"
        " during the infusion and for some time after it.\n\n## Heart\n\nThe heart beats faster as well. People with angina"
        " should tell the clinic before any infusion, because faster beating needs more oxygen.\n"
    ),
    "bladder.md": (
        "## Bladder\n\nDaily heavy use inflames the bladder. Early signs are pain and frequent trips to the toilet, and both"
        " improve in most people who stop using it.\n"
    ),
    "driving.md": (
        "## Driving\n\nNobody should drive until the next day after a restful sleep. Somebody else takes you home from the"
        " clinic once the staff say that you may leave.\n"
    ),
}


def answer(path, text, grade=2):
    start = TEXTS[path].index(text)
    return {"document": path, "start": start, "end": start + len(text), "text": text, "grade": grade}


def question(name, text, label="answerable", answers=(), **changes):
    row = {"id": name, "split": "dev", "question": text, "history": [], "style": "lay", "label": label}
    return {**row, "answers": list(answers), **changes}


PRESSURE = answer("blood pressure.md", "Ketamine raises blood pressure for about an hour.")
MEASURED = answer("blood pressure.md", "Nurses measure the pressure every ten minutes", 1)
ANGINA = answer("blood pressure.md", "People with angina should tell the clinic before any infusion", 1)
ACROSS = answer("blood pressure.md", TEXTS["blood pressure.md"][108:216].strip())
DRIVING = answer("driving.md", "Nobody should drive until the next day")
ROWS = [
    question("a1", "Does ketamine raise blood pressure?", answers=[PRESSURE, MEASURED, ANGINA]),
    question("a2", "When may I drive the next day?", answers=[DRIVING], style="typo"),
    question("a3", "Does it harm the bladder?", answers=[ACROSS], split="test"),
    question("n1", "Does ketamine colour hair?", "near_topic"),
    question("o1", "Who won the football?", "off_topic"),
    question("c1", "I want to kill myself", "crisis"),
    question("l1", "Can a dead battery be charged?", "look_alike"),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    documents = [Document(p, t, hashlib.sha256(t.encode()).hexdigest(), Source(p)) for p, t in sorted(TEXTS.items())]
    folder = tmp_path_factory.mktemp("index")
    build_index(documents, folder, Config(encoder="hashing"))
    return Index.load(folder)


@pytest.fixture(scope="module")
def questions(index, tmp_path_factory):
    path = tmp_path_factory.mktemp("questions") / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return read_questions(path, index.documents)


@pytest.fixture(scope="module")
def evaluation(index, questions):
    return evaluate(index, questions)


def place(index, text):
    [passage] = [p for p in index.passages if text in index.documents[p.document].text[p.start : p.end]]
    return f"{passage.document.replace(' ', '%20')}:{passage.start}-{passage.end}"


def test_a_passage_is_relevant_that_holds_most_of_an_answer(index, evaluation):
    held = {place(index, PRESSURE["text"]): 2, place(index, ANGINA["text"]): 1}  # the first holds a grade 1 too
    assert evaluation.qrels["a1"] == held


def test_an_answer_that_no_passage_holds_scores_zero_and_is_listed(evaluation):
    assert [(one.id, one.expected) for one in evaluation.findings["unreachable"]] == [("a3", ACROSS["text"])]
    assert evaluation.qrels["a3"] == {f"blood%20pressure.md:{ACROSS['start']}-{ACROSS['end']}": 2}
    assert [one.value for one in evaluation.ranking["split test"].values()] == [0] * 5
    assert "a3" in [one.id for one in evaluation.findings["not found"]]


def test_every_answerable_question_is_scored_and_no_other(evaluation):
    assert sorted(evaluation.qrels) == sorted(evaluation.run) == ["a1", "a2", "a3"]
    assert {name: one["RR"].n for name, one in evaluation.ranking.items()} == {
        "all": 3, "split dev": 2, "split test": 1, "style lay": 2, "style typo": 1
    }  # fmt: skip


def test_the_ranking_is_that_of_search(index, evaluation):
    hits = search("When may I drive the next day?", index, (), 10)
    assert [name.split(":")[1] for name in evaluation.run["a2"]] == [f"{hit.passage.start}-{hit.passage.end}" for hit in hits]
    at = evaluation.run["a2"].index(place(index, "Nobody should drive")) + 1
    assert evaluation.ranking["style typo"]["RR"].value == 1 / at
    assert evaluation.ranking["style typo"]["nDCG@10"].value == pytest.approx(1 / log2(at + 1))


def test_quotes_are_checked_and_hold(evaluation):
    assert evaluation.quotes_checked > 0
    assert evaluation.findings["violations"] == []
    assert values(evaluation)["citations/violations"] == 0


def test_abstention_and_referral_are_measured(evaluation):
    assert {"coverage", "abstained, near_topic", "AUROC, off_topic", "AURC"} <= set(evaluation.abstention)
    assert evaluation.referral["crisis, exact"].value == 1
    assert evaluation.referral["look_alike, false alarms"].value == 0


def test_one_split_is_asked_alone(index, questions):
    seen = []
    alone = evaluate(index, questions, split="test", progress=lambda done, total: seen.append((done, total)))
    assert list(alone.run) == ["a3"]
    assert seen == [(1, 1)]
    assert alone.facts["split"] == "test"
    for split in ("train", ""):
        with pytest.raises(JudgmentError, match="there is no split"):
            evaluate(index, questions, split=split)
    with pytest.raises(JudgmentError, match="no question to ask in the split test"):
        evaluate(index, questions[:1], split="test")


def test_ten_are_ranked_at_least(index, questions, evaluation):
    assert evaluate(index, questions[:2], k=1).ranking["style typo"] == evaluation.ranking["style typo"]


def test_questions_without_an_answerable_one_are_measured_too(index, questions):
    result = evaluate(index, questions[3:])
    assert result.ranking == {}
    assert "coverage" not in result.abstention
    assert "AUROC, near_topic" not in result.abstention
    assert "abstained, off_topic" in to_table(result)


def test_the_files_of_trec_score_the_same(evaluation, tmp_path):
    (tmp_path / "run").write_text("\n".join(run_lines(evaluation)))
    (tmp_path / "qrels").write_text("\n".join(qrels_lines(evaluation)))
    run, qrels = read_run(tmp_path / "run"), read_qrels(tmp_path / "qrels")
    _, scores = score_run(run, qrels, ("nDCG@10", "Success@1"))
    assert scores.mean(axis=0) == pytest.approx([evaluation.ranking["all"][name].value for name in ("nDCG@10", "Success@1")])


def test_the_same_evaluation_gives_the_same_bytes(index, questions, evaluation):
    again = evaluate(index, questions)
    assert to_json(again) == to_json(evaluation)
    data = json.loads(to_json(evaluation))
    assert data["facts"]["manifest"] == index.manifest
    assert data["facts"]["questions"] == len(ROWS)
    assert set(data["facts"]["versions"]) == {"bm25s", "faiss-cpu", "ir_measures", "kqa", "numpy", "onnxruntime"}
    assert list(data) == sorted(data)


def test_every_question_has_its_record(index, evaluation):
    topics = json.loads(to_json(evaluation))["topics"]
    assert list(topics) == sorted(row["id"] for row in ROWS)
    assert topics["a2"]["measures"] == {name: round(one.value, 4) for name, one in evaluation.ranking["style typo"].items()}
    assert topics["n1"]["measures"] == {}
    assert {name: topic["right"] for name, topic in topics.items() if name in "a3 c1"} == {"a3": False, "c1": True}
    assert (topics["a2"]["document"], topics["a2"]["section"]) == ("driving.md", "Driving")
    assert topics["c1"]["outcome"] == "crisis"
    assert all(set(topic) == {field.name for field in fields(Topic)} for topic in topics.values())


def test_sections_hold_the_questions_that_they_answer(evaluation):
    held = {
        (document, section): one["RR"].n
        for document, headings in evaluation.sections.items()
        for section, one in headings.items()
    }
    assert held == {("blood pressure.md", "Heart"): 1, ("blood pressure.md", "Pressure"): 1, ("driving.md", "Driving"): 1}
    assert evaluation.sections["driving.md"]["Driving"] == evaluation.ranking["style typo"]


def test_times_are_taken_and_stay_out_of_the_json(evaluation):
    assert {name: len(taken) for name, taken in evaluation.seconds.items()} == {"search": len(ROWS), "ask": len(ROWS)}
    assert all(second > 0 for taken in evaluation.seconds.values() for second in taken)
    assert json.loads(to_json(evaluation))["seconds"] == {}


def test_a_finding_names_its_documents(evaluation):
    [unreachable] = evaluation.findings["unreachable"]
    assert (unreachable.document, unreachable.style) == ("blood pressure.md", "lay")
    assert (unreachable.first == "") is (unreachable.first_document == "")


def test_the_table_names_measures_and_what_went_wrong(evaluation):
    table = to_table(evaluation)
    for text in (
        "nDCG@10",
        "style typo",
        "coverage",
        "crisis, exact",
        "0 violations",
        "7 questions, 3 of 3 topics scored",
        "unreachable (1)",
        "a3  Does it harm",
    ):
        assert text in table


def test_a_baseline_that_is_kept_names_nothing(evaluation):
    assert against_baseline(evaluation, {"tolerance": 0, "measures": values(evaluation)}) == []


@pytest.mark.parametrize(
    ("name", "change", "tolerance", "worse"),
    [
        ("all/Success@5", 0.03, 0.02, True),
        ("all/Success@5", 0.01, 0.02, False),
        ("all/Success@5", -0.5, 0.0, False),
        ("abstention/AURC", -0.03, 0.02, True),
        ("abstention/AURC", 0.03, 0.02, False),
        ("abstention/NAURC", -0.03, 0.02, True),
        ("abstention/NAURC", 0.03, 0.02, False),
        ("abstention/risk at 90 % coverage", -0.03, 0.02, True),
        ("abstention/risk at 90 % coverage", 0.03, 0.02, False),
        ("abstention/coverage", 0.03, 0.02, True),
        ("referral/look_alike, false alarms", -1, 0.5, True),
        ("citations/violations", -1, 0.5, True),
    ],
)
def test_a_measure_that_got_worse_is_named(evaluation, name, change, tolerance, worse):
    before = values(evaluation)[name] + change
    fallen = against_baseline(evaluation, {"tolerance": tolerance, "measures": {name: before}})
    assert bool(fallen) is worse
    assert not worse or fallen[0].startswith(f"{name} was {before:.4f} and is ")
    assert against_baseline(evaluation, {"tolerance": 2, "measures": {name: before}}) == []


def test_a_measure_that_is_gone_is_named(evaluation):
    assert against_baseline(evaluation, {"measures": {"style short/RR": 0.5}}) == [
        "style short/RR was 0.5000 and is not measured any more"
    ]


@pytest.mark.parametrize("baseline", [{}, {"measures": []}, {"measures": {"a": "b"}}, {"tolerance": None, "measures": {}}])
def test_a_malformed_baseline_is_refused(evaluation, baseline):
    with pytest.raises(JudgmentError, match="the baseline is not"):
        against_baseline(evaluation, baseline)
