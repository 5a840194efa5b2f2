"""Ask what seems to lean on an earlier question after one on something else: python evaluation/subjects.py [--split dev]."""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

from kqa.answer import ask
from kqa.index import Index
from kqa.judgments import JudgedQuestion, Label, Split, read_questions
from kqa.measures import share
from kqa.question import leans
from kqa.types import Answer, Outcome

SEED, TIMES = 1, 3  # each question after so many others


def right(answer: Answer, judged: JudgedQuestion) -> bool:
    """Whether an answer was given and its first passage holds a judged one."""
    first = answer.quotes[0].citation if answer.outcome is Outcome.ANSWERED else None
    return bool(first) and any(
        a.document == first.document and a.span.start < first.span.end and first.span.start < a.span.end for a in judged.answers
    )


def pairs(questions: Sequence[JudgedQuestion], draw: random.Random) -> list[tuple[JudgedQuestion, str]]:
    """Return each question that seems to lean and does not, with earlier ones of other questions."""
    others = [judged.question for judged in questions if not leans(judged.question)]
    leaning = [judged for judged in questions if leans(judged.question)]
    return [(judged, earlier) for judged in leaning for earlier in draw.sample(others, TIMES)]


def main() -> None:
    """Print how many are answered rightly alone, after another subject, and, of true follow-ups, after their own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, default=Path("index"))
    parser.add_argument("--split", choices=list(Split))
    given = parser.parse_args()
    index = Index.load(given.index)
    judged = read_questions(Path("evaluation/questions.jsonl"), index.documents)
    questions = [q for q in judged if q.label is Label.ANSWERABLE]
    chosen = [q for q in questions if given.split in (None, q.split)]
    alone = pairs([q for q in chosen if not q.history], random.Random(SEED))
    rows = {
        "alone": [right(ask(q.question, index), q) for q, _ in alone],
        "after another subject": [right(ask(q.question, index, [earlier]), q) for q, earlier in alone],
        "true follow-ups": [right(ask(q.question, index, q.history), q) for q in chosen if q.history],
    }
    for name, found in rows.items():
        rate = share(found)
        print(f"{name}: {sum(found)} of {len(found)}, {rate.value:.3f} [{rate.low:.2f}, {rate.high:.2f}]")


if __name__ == "__main__":
    main()
