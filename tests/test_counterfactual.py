"""What happens to answers when something else was so: the document gone, the question put otherwise, the files in disorder."""

from __future__ import annotations

import os
import random
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import kqa
from conftest import LIGHTHOUSE, ROOT, write_files
from kqa.dense import Dense, Moments, Owners
from kqa.index import lexical_text, quoted_text
from kqa.judgments import JudgedQuestion, Label, Split, read_questions
from kqa.lexical import Lexical
from kqa.scan import Scan
from kqa.spelling import Spelling, vocabulary
from kqa.types import Answer, Outcome

STAYED = 0.75  # least share of questions that end well without the document of their best answer; measured: 104 of 131
AGREED = 0.75  # least share of pairs that quote the same passage first; measured: 19 of 22

# The same question twice: as a dictionary would spell it or a colleague put it, and as somebody else might.
PAIRS = [
    ("Is ketamine addictive?", "is ketamin adictive"),
    ("Is ketamine addictive?", "Can you get hooked on ketamine?"),
    ("How long does a session last?", "how long dose a sesion last"),
    ("How long does a session last?", "How much time does one session take?"),
    ("Can I drive after treatment?", "can i drve after treatmnt"),
    ("Can I drive after treatment?", "Am I allowed to drive home after a treatment?"),
    ("Does ketamine raise blood pressure?", "does ketamine rais blod presure"),
    ("Does ketamine raise blood pressure?", "Will my blood pressure go up on ketamine?"),
    ("Can ketamine damage the bladder?", "can ketamine damge the blader"),
    ("Can ketamine damage the bladder?", "Is ketamine bad for your bladder?"),
    ("Is ketamine safe during pregnancy?", "is ketamine safe durring pregnency"),
    ("Is ketamine safe during pregnancy?", "Is it safe to have ketamine when pregnant?"),
    ("How much does Spravato cost?", "how much dose spravatto cost"),
    ("How much does Spravato cost?", "What is the price of Spravato?"),
    ("How fast does ketamine work for depression?", "how fast dose ketamine wrk for depresion"),
    ("How fast does ketamine work for depression?", "How quickly does ketamine work on depression?"),
    ("What are the side effects of Spravato?", "waht are the side efects of spravato"),
    ("What are the side effects of Spravato?", "Which side effects does Spravato have?"),
    ("Does ketamine help chronic pain?", "does ketamine help cronic pian"),
    ("Does ketamine help chronic pain?", "Is ketamine any help with chronic pain?"),
    ("Can I drink alcohol before a session?", "can i drink alchohol befor a session"),
    ("Can I drink alcohol before a session?", "May I have alcohol before my session?"),
]  # fmt: skip


@pytest.fixture(scope="module")
def whole() -> kqa.Index:
    """Return the project's own index."""
    if not (ROOT / "index" / "CURRENT").is_file():
        pytest.skip("index/ is missing; build it with: kqa build")
    return kqa.Index.load(ROOT / "index", ROOT / "corpus")


def without(index: kqa.Index, gone: str) -> kqa.Index:
    """Return the index that would have been built without a document, its vectors taken over, all else made anew."""
    documents = {path: document for path, document in index.documents.items() if path != gone}
    kept = [passage for passage in index.passages if passage.document != gone]
    passages = [replace(passage, number=number) for number, passage in enumerate(kept)]
    numbers = {passage.number: number for number, passage in enumerate(kept)}
    rows = np.array([number in numbers for number, _ in index.dense._owners.tolist()])
    owners = np.array([(numbers[number], ordinal) for number, ordinal in index.dense._owners[rows]], np.int32)
    halves = index.dense._scan.halves[rows]
    counted = vocabulary(f"{quoted_text(documents, passage)} {passage.section}" for passage in passages)
    sentences = halves[owners[:, 1] >= 0]
    return replace(
        index,
        documents=documents,
        passages=passages,
        adverts=index.adverts[list(numbers)],
        dense=Dense(Scan.build(halves, index.config.sketch_from), Owners.of(owners), index.config, Moments.of(sentences)),
        lexical=Lexical.build([lexical_text(documents, passage) for passage in passages]),
        spelling=Spelling(counted, index.encoder.knows),
        contradictions=[],
    )


def ends_well(answer: Answer, judged: JudgedQuestion) -> bool:
    """Whether the answer abstains or refers, or one of its quotes is another right one."""
    if answer.outcome is not Outcome.ANSWERED:
        return True
    return any(
        quote.hit.passage.span.covers(span.span) and quote.citation.document == span.document
        for quote in answer.quotes
        if quote.hit
        for span in judged.answers
    )


@pytest.mark.weights
def test_without_the_document_another_answers_or_none_does(whole: kqa.Index) -> None:
    by_document = defaultdict(list)
    for judged in read_questions(ROOT / "evaluation" / "questions.jsonl", whole.documents):
        if judged.split is Split.DEV and judged.label is Label.ANSWERABLE:
            by_document[max(judged.answers, key=lambda answer: answer.grade).document].append(judged)
    ended = {}
    for gone in sorted(by_document)[::2]:
        index = without(whole, gone)
        for judged in by_document[gone]:
            answer = kqa.ask(judged.question, index, judged.history)
            assert gone not in {quote.citation.document for quote in (*answer.quotes, *answer.closest)}
            ended[judged.id] = ends_well(answer, judged)
    assert len(ended) >= 60
    assert sum(ended.values()) / len(ended) >= STAYED, sorted(name for name, well in ended.items() if not well)


@pytest.mark.weights
def test_an_index_made_anew_with_everything_answers_the_same(whole: kqa.Index) -> None:
    again = without(whole, "no such document")
    for question, _ in PAIRS[::4]:
        first, second = kqa.ask(question, whole), kqa.ask(question, again)
        assert [quote.text for quote in first.quotes] == [quote.text for quote in second.quotes]
        assert first.confidence == pytest.approx(second.confidence, abs=0.01)  # half-precision rows, read twice


@pytest.mark.weights
def test_a_question_put_otherwise_quotes_the_same_passage_first(whole: kqa.Index) -> None:
    differ = []
    for one, other in PAIRS:
        first, second = (kqa.search(question, whole, k=1)[0].passage for question in (one, other))
        if first != second:
            differ.append((one, other, first.section, second.section))
    assert 1 - len(differ) / len(PAIRS) >= AGREED, differ


def test_the_order_of_the_files_changes_nothing(
    index_folder: Path, config: kqa.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = list(LIGHTHOUSE)
    draw = random.Random(2)
    walk = os.walk

    def disordered(*arguments, **named):
        for folder, folders, files in walk(*arguments, **named):
            draw.shuffle(folders)
            draw.shuffle(files)
            yield folder, folders, files

    monkeypatch.setattr(os, "walk", disordered)
    ordered = kqa.Index.load(index_folder)
    for number in range(3):
        draw.shuffle(names)
        corpus = write_files(tmp_path / f"corpus-{number}", {name: LIGHTHOUSE[name] for name in names})
        kqa.build(corpus, tmp_path / f"index-{number}", config)
        index = kqa.Index.load(tmp_path / f"index-{number}")
        assert index.manifest == ordered.manifest
        for question in ("When does the horn sound in fog?", "May visitors climb the tower?", "When does the last boat leave?"):
            assert kqa.to_json(kqa.ask(question, index)) == kqa.to_json(kqa.ask(question, ordered))


@pytest.mark.weights
@pytest.mark.parametrize(
    ("earlier", "question"),
    [
        ("Can I drive home after a session?", "is ketamine addictive"),
        ("How much does it cost?", "evidence in PTSD"),
        ("Can ketamine damage my bladder?", "Is it approved by the FDA?"),
        ("remission rates esketamine vs quetiapine", "is ketamine addictive"),
        ("What are the side effects of Spravato?", "contraindications to esketamine"),
    ],
)
def test_a_change_of_subject_is_answered_as_if_it_had_been_asked_first(whole: kqa.Index, earlier: str, question: str) -> None:
    after, alone = kqa.ask(question, whole, [earlier]), kqa.ask(question, whole)
    assert after.outcome is Outcome.ANSWERED
    assert (after.follows, after.quotes) == (None, alone.quotes)


@pytest.mark.weights
@pytest.mark.parametrize(
    "question",
    [
        "will it mess up my bladder", "will it screw up my liver", "Can adolescents receive ketamine for depression?",
        "Is ketamine non-inferior to ECT?", "he has hi blood presure can he have it", "he drinks alot can he still have it",
    ],
)  # fmt: skip
def test_empty_words_keep_nobody_from_an_answer(whole: kqa.Index, question: str) -> None:
    assert kqa.ask(question, whole).outcome is Outcome.ANSWERED
