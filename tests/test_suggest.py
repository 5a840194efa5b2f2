from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import kqa
from conftest import CALIBRATION, ROOT
from kqa.passages import slug
from kqa.rules import load_rules
from kqa.suggest import completions, nearest, offers, related, starters
from kqa.types import Outcome

MakeCorpus = Callable[[Mapping[str, str | bytes]], Path]
ARTICLE = """---
title: {0}
asks:
  when-does-the-{1}-run: [hours of the {1}]
  who-owns-the-{1}: [owner of the {1}]
  a-heading-about-the-{1}: [more on the {1}]
---
## When does the {1} run?

The {1} runs from the stone quay at dawn, at noon and at dusk on every day of the year.

## Who owns the {1}?

The {1} belongs to the island's council, which bought it from the innkeeper with the harbour dues.

## A heading about the {1}

The {1} is painted green and white, as the council's minutes of that spring set down.
"""


@pytest.fixture
def index(make_corpus: MakeCorpus, tmp_path: Path) -> kqa.Index:
    names = ("ferry", "tram", "lift", "bus")
    files = {f"{name}.md": ARTICLE.format(f"About the {name}", name) for name in names}
    corpus = make_corpus({**files, "plain.txt": "A notice\n\nNothing here lists a question that it answers.\n"})
    kqa.build(corpus, tmp_path / "index", kqa.Config(encoder="hashing", calibration=CALIBRATION))
    return kqa.Index.load(tmp_path / "index", corpus)


def test_starters_are_answered_headings_spread_over_the_documents(index: kqa.Index) -> None:
    assert starters(index, 4) == tuple(f"When does the {name} run?" for name in ("bus", "ferry", "lift", "tram"))
    assert starters(index, 2) == ("When does the ferry run?", "When does the tram run?")
    for question in starters(index):
        assert kqa.ask(question, index).outcome is kqa.Outcome.ANSWERED


def test_related_are_the_other_questions_of_the_documents_quoted(index: kqa.Index) -> None:
    runs, owner = (p for p in index.passages if p.document == "tram.md" and p.section.endswith("?"))
    quotes = [index.documents["tram.md"].cut(passage.span, passage.section) for passage in (runs, owner)]
    answer = replace(kqa.ask("When does the tram run?", index), quotes=(quotes[0],))
    assert related(answer, index) == ("Who owns the tram?",)
    assert related(replace(answer, quotes=(quotes[1],)), index) == ()  # the other heading is what was asked
    assert related(replace(answer, question="Is it loud?", quotes=(quotes[1],)), index) == ("When does the tram run?",)


def test_a_document_taken_out_since_suggests_nothing(index: kqa.Index) -> None:
    answer = kqa.ask("When does the tram run?", index)
    assert answer.quotes
    assert related(answer, replace(index, documents={})) == ()


def abstained(index: kqa.Index, question: str, *sections: tuple[str, str]) -> kqa.Answer:
    """Return an abstention beside which these sections lie closest."""
    places = [next(p for p in index.passages if (p.document, p.section) == place) for place in sections]
    closest = tuple(index.documents[place.document].cut(place.span, place.section) for place in places)
    blank = kqa.ask("Is the zebra loud?", index)
    return replace(blank, question=question, outcome=Outcome.ABSTAINED, quotes=(), closest=closest, follows=None)


def test_instead_of_an_unanswered_question_the_nearest_are_offered_then_the_usual(index: kqa.Index) -> None:
    tram, lift = ("tram.md", "Who owns the tram?"), ("lift.md", "When does the lift run?")
    usual = ("When does the bus run?", lift[1], "Who owns the bus?", "What dose is right?", "How much ketamine should I take?")
    plain = ("plain.txt", "")
    answer = abstained(index, "Is ketamine sold on the tram?", plain, tram, ("tram.md", "A heading about the tram"), lift, tram)
    assert nearest(answer, index, usual) == (tram[1], lift[1], usual[0], usual[2])
    assert nearest(answer, index, usual, 2) == (tram[1], lift[1])
    elsewhere = replace(answer, question="Is bread sold on it?")
    assert nearest(elsewhere, index, usual) == (usual[0], lift[1], usual[2])
    assert nearest(replace(elsewhere, follows="Is ketamine legal?"), index) == (tram[1], lift[1])
    assert nearest(replace(answer, question=tram[1]), index, (tram[1], usual[0])) == (usual[0],)  # not what was asked


def test_no_question_that_is_referred_or_about_doses_is_offered(make_corpus: MakeCorpus, tmp_path: Path) -> None:
    headings = ("Is the dose the same?", "What if I feel suicidal?", "Should I take ketamine?", "Is ketamine legal here?")
    asks = "".join(f"  {slug(heading)}: [a listed question]\n" for heading in headings)
    body = "".join(
        f"## {heading}\n\nThe council of the island wrote {n} words on this.\n\n" for n, heading in enumerate(headings)
    )
    corpus = make_corpus({"a.md": f"---\ntitle: Words\nasks:\n{asks}---\n{body}"})
    kqa.build(corpus, tmp_path / "index", kqa.Config(encoder="hashing", calibration=CALIBRATION, min_words=3))
    index = kqa.Index.load(tmp_path / "index", corpus)
    answer = abstained(index, "Is ketamine sold?", *(("a.md", heading) for heading in headings))
    assert nearest(answer, index, headings[:1]) == (headings[-1],)


@pytest.mark.weights
def test_the_nearest_questions_of_this_corpus_have_answers() -> None:
    """They are offered as such; each is a heading of the corpus."""
    if not (ROOT / "index" / "CURRENT").is_file():
        pytest.skip("no index of the corpus here: make build")
    whole = kqa.Index.load(ROOT / "index")
    headings = {p.section: p for p in whole.passages if p.section.endswith("?")}
    every = [abstained(whole, "Is ketamine loud?", (p.document, p.section)) for p in headings.values()]
    offered = [question for answer in every for question in nearest(answer, whole)]
    assert len(offered) > 100
    assert [question for question in offered if kqa.ask(question, whole).outcome is not Outcome.ANSWERED] == []
    assert [question for question in offered if "dose" in question.lower()] == []


def test_a_corpus_that_lists_nothing_suggests_nothing(make_corpus: MakeCorpus, tmp_path: Path) -> None:
    corpus = make_corpus({"a.txt": "A notice\n\nThe ferry runs three times a day.\n"})
    kqa.build(corpus, tmp_path / "index", kqa.Config(encoder="hashing", calibration=CALIBRATION))
    index = kqa.Index.load(tmp_path / "index", corpus)
    assert starters(index) == ()
    assert related(kqa.ask("When does the ferry run?", index), index) == ()


def test_what_is_offered_instead_of_doses_has_answers(index: kqa.Index) -> None:
    assert offers(index) == ()


@pytest.mark.weights
def test_this_corpus_answers_what_is_offered_instead_of_doses() -> None:
    if not (ROOT / "index" / "CURRENT").is_file():
        pytest.skip("no index of the corpus here: make build")
    index = kqa.Index.load(ROOT / "index")
    assert offers(index) == load_rules().offers[Outcome.SELF_DOSING]


LISTED = """---
title: About the ferry
asks:
  when-does-the-ferry-run: [{0}]
---
## When does the ferry run?

The ferry runs from the stone quay at dawn, at noon and at dusk on every day of the year. Who wants to die at sea calls it.
"""


@pytest.mark.parametrize(
    ("listed", "offered"),
    [
        ("when does the ferry run at noon", "When does the ferry run at noon?"),
        ("Does the ferry run at dusk?", "Does the ferry run at dusk?"),
        ("does the fery run at dusk", None),  # a word that stands nowhere is no word to suggest
        ("ferry at noon on every day", None),  # keywords
        ("does the ferry", None),
        ("when does it run from the quay", None),  # leans on something said before
        ("is the day at the quay noon", None),  # does not name its subject
        ("WHO runs the ferry at dawn", None),
        ("does the ferry run. at noon", None),
        ("does the ferry run at dusk " + "at noon " * 8, None),
        ("does the ferry want to die", None),  # referred to help
        ("WHEN DOES THE FERRY RUN", None),
        ("when-does-the-ferry-run", None),
    ],
)
def test_only_carefully_written_listed_questions_complete_what_is_typed(
    make_corpus: MakeCorpus, tmp_path: Path, listed: str, offered: str | None
) -> None:
    corpus = make_corpus({"a.md": LISTED.format(f'"{listed}"')})
    kqa.build(corpus, tmp_path / "index", kqa.Config(encoder="hashing", calibration=CALIBRATION, min_words=3))
    found = completions(kqa.Index.load(tmp_path / "index", corpus))
    assert found == ("When does the ferry run?", *([offered] if offered else []))


def test_completions_come_by_document_and_each_once(index: kqa.Index) -> None:
    names = ("bus", "ferry", "lift", "tram")
    assert completions(index) == tuple(q for name in names for q in (f"When does the {name} run?", f"Who owns the {name}?"))


@pytest.mark.parametrize(("bound", "value"), [("_MOST", 5), ("_BYTES", 5 * 30)])
def test_a_page_carries_only_so_many_and_some_of_every_document(
    index: kqa.Index, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    monkeypatch.setattr(kqa.suggest, bound, value)
    found = completions(index)
    assert 4 <= len(found) <= 5
    assert [q for q in found if q.startswith("When")] == [f"When does the {n} run?" for n in ("bus", "ferry", "lift", "tram")]
