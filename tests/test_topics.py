"""One record a question: where its best answer stands, what came, whether that was right."""

from __future__ import annotations

import pytest

from kqa.judgments import JudgedAnswer, JudgedQuestion, Label, Split, Style
from kqa.outcomes import Asked, Finding
from kqa.topics import by_section, topics_of
from kqa.types import Answer, Outcome, Passage, Span

PASSAGES = [Passage(n, "a.md", s, e, h, (Span(s, e),)) for n, (s, e, h) in enumerate([(0, 10, "One"), (10, 40, "Two")])]
PASSAGES.append(Passage(2, "b.md", 0, 10, "One", (Span(0, 10),)))


def asked(name, *answers, label=Label.ANSWERABLE, outcome=Outcome.ANSWERED):
    listed = tuple(JudgedAnswer(document, Span(start, end), "…", grade) for document, start, end, grade in answers)
    judged = JudgedQuestion(name, Split.DEV, f"{name}?", (), Style.LAY, label, listed)
    return Asked(judged, [], Answer(judged.question, outcome, 0.5, (), (), (), (), "m"))


@pytest.mark.parametrize(
    ("answers", "place"),
    [
        ([("a.md", 0, 5, 2)], ("a.md", "One")),
        ([("a.md", 8, 12, 2)], ("a.md", "One")),  # two of each: the first that holds as much
        ([("a.md", 8, 13, 2)], ("a.md", "Two")),
        ([("a.md", 0, 5, 1), ("b.md", 0, 5, 2), ("a.md", 10, 15, 2)], ("b.md", "One")),  # the first of the best
        ([("a.md", 40, 50, 2)], ("a.md", "")),
        ([("c.md", 0, 5, 2)], ("c.md", "")),
        ([], ("", "")),
    ],
)
def test_the_place_is_that_of_the_best_answer(answers, place):
    topic = topics_of([asked("q", *answers)], {}, {}, PASSAGES)["q"]
    assert (topic.document, topic.section) == place


def test_what_no_finding_names_is_right():
    findings = {kind: [Finding(name, "?", "", "")] for kind, name in (("not found", "a"), ("unreachable", "b"), ("other", "c"))}
    topics = topics_of([asked(name) for name in "abcd"], {}, findings, PASSAGES)
    assert {name: topic.right for name, topic in topics.items()} == {"a": False, "b": True, "c": False, "d": True}


def test_questions_are_grouped_by_section_where_they_are_ranked():
    questions = [asked(name, (document, start, start + 5, 2)) for name, document, start in
                 (("z", "a.md", 0), ("b", "a.md", 0), ("c", "a.md", 20), ("d", "b.md", 0), ("e", "b.md", 0))]  # fmt: skip
    measured = {name: {"RR": 1.0} for name in "zbcd"}
    sections = by_section(topics_of(questions, measured, {}, PASSAGES))
    assert sections == {"a.md": {"One": ["b", "z"], "Two": ["c"]}, "b.md": {"One": ["d"]}}
    assert list(sections) == ["a.md", "b.md"]
