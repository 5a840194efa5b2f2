"""The project's own table of disagreements: a contradicted claim stands beside its better source wherever it is quoted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import kqa
from kqa.index import check_fresh
from kqa.intake import take_in
from kqa.store import open_generation
from kqa.trust import TABLE, Contradiction, Side, disagreements, read_contradictions
from kqa.types import Citation, Quote, Span

ROOT = Path(__file__).resolve().parents[1]
CORPUS, INDEX = ROOT / "corpus", ROOT / "index"
LINES = (ROOT / "tests" / "data" / "claims.jsonl").read_text(encoding="utf-8").splitlines()
CONTRADICTED = [claim for claim in map(json.loads, LINES) if claim["verdict"] == "contradicted"]
COUNT, PAIRS = 28, 81
TEXT = (CORPUS / TABLE).read_text(encoding="utf-8")

by_claim = pytest.mark.parametrize("claim", CONTRADICTED, ids=lambda claim: claim["claim"])


@pytest.fixture(scope="module")
def table() -> list[Contradiction]:
    return read_contradictions(CORPUS, take_in(CORPUS, strict=True).documents)


@pytest.fixture(scope="module")
def own_index() -> kqa.Index:
    """Return the project's index; one that is older than the corpus is an error that says how to rebuild it."""
    if not (INDEX / "CURRENT").is_file():
        pytest.skip("index/ is not built; build it with: kqa build")
    check_fresh(open_generation(INDEX).manifest, CORPUS, INDEX)
    return kqa.Index.load(INDEX)


def holds(citation: Citation, side: Side) -> bool:
    """Whether a quote covers more than half of a side; written apart from ``kqa.trust`` on purpose."""
    covered = set(range(citation.span.start, citation.span.end)) & set(range(side.span.start, side.span.end))
    return citation.document == side.document and len(covered) > (side.span.end - side.span.start) / 2


def place(claim: dict[str, str], index: kqa.Index) -> Side:
    start = index.documents[claim["document"]].text.index(claim["text"])
    return Side(claim["document"], Span(start, start + len(claim["text"])))


def answered_by_reference(claim: dict[str, str], shown: tuple[kqa.Disagreement, ...]) -> bool:
    """Whether one of the disagreements shows a better supported reference sentence first and the claim second."""
    return any(
        found.better_supported == 1
        and found.sides[0].citation.document.startswith("reference/")
        and (found.sides[1].citation.document, found.sides[1].text) == (claim["document"], claim["text"])
        for found in shown
    )


def shown_quotes(answer: kqa.Answer) -> tuple[Quote, ...]:
    return answer.quotes or answer.closest


def test_every_contradicted_claim_has_a_better_reference_sentence(table: list[Contradiction]) -> None:
    assert len(CONTRADICTED) == COUNT
    sources = {row.sides[1] for row in table if row.better_supported and row.sides[0].document.startswith("reference/")}
    documents = {document.path: document.text for document in take_in(CORPUS, strict=True).documents}
    answered = {(side.document, documents[side.document][side.span.start : side.span.end]) for side in sources}
    assert [claim["claim"] for claim in CONTRADICTED if (claim["document"], claim["text"]) not in answered] == []


def test_every_pair_of_claims_that_disagree_is_accounted_for() -> None:
    named = re.findall(r"K\d{3}", " ".join(line for line in TEXT.splitlines() if line.startswith("# pairs ")))
    assert sorted(named) == [f"K{number:03}" for number in range(1, PAIRS + 1)]


def test_no_two_rows_say_the_same(table: list[Contradiction]) -> None:
    assert len({row.sides for row in table}) == len(table)
    assert all(row.sides[0] != row.sides[1] for row in table)


def test_a_side_is_one_sentence_with_its_source(table: list[Contradiction]) -> None:
    documents = {document.path: document.text for document in take_in(CORPUS, strict=True).documents}
    for row in table:
        for side in row.sides:
            text = documents[side.document][side.span.start : side.span.end]
            end = r"[^.!?]\.(\[\^[a-z0-9-]+\])+" if side.document.startswith("reference/") else r"[^\]]\."
            assert re.search(f"{end}$", text), text
            assert documents[side.document][side.span.end : side.span.end + 1] in (" ", "\n", ""), text


def test_a_clinic_is_never_better_than_a_reference(table: list[Contradiction]) -> None:
    assert [row.topic for row in table if row.sides[1].document.startswith("reference/")] == []


@pytest.mark.weights
@by_claim
def test_no_passage_quotes_a_contradicted_claim_without_its_better_source(claim: dict[str, str], own_index: kqa.Index) -> None:
    index, side = own_index, place(claim, own_index)
    quotes = [index.documents[p.document].cut(p.span, p.section) for p in index.passages if p.document == side.document]
    quoting = [quote for quote in quotes if holds(quote.citation, side)]
    assert quoting
    for quote in quoting:
        shown = disagreements([quote], index.contradictions, index.documents, index.passages)
        assert answered_by_reference(claim, shown), quote.text


@pytest.mark.weights
@by_claim
def test_an_answer_that_quotes_a_contradicted_claim_shows_its_better_source(
    claim: dict[str, str], table: list[Contradiction], own_index: kqa.Index
) -> None:
    side = place(claim, own_index)
    questions = [claim["text"], *(row.shows_on for row in table if side in row.sides)]
    answers = [kqa.ask(question, own_index) for question in questions]
    quoting = [answer for answer in answers if any(holds(quote.citation, side) for quote in shown_quotes(answer))]
    assert quoting, "no question quotes the claim, so this test tests nothing; ask another in shows_on"
    for answer in quoting:
        assert answered_by_reference(claim, answer.disagreements), answer.question


def sides_of(answer: kqa.Answer) -> list[tuple[Side, ...]]:
    return [tuple(Side(side.citation.document, side.citation.span) for side in found.sides) for found in answer.disagreements]


@pytest.mark.weights
def test_each_row_is_shown_where_it_must_be_and_not_where_it_must_not(own_index: kqa.Index) -> None:
    wrong = []
    for row in own_index.contradictions:
        showing, silent = kqa.ask(row.shows_on, own_index), kqa.ask(row.silent_on, own_index)
        quoted = {side for side in row.sides for quote in showing.quotes if holds(quote.citation, side)}
        # A sentence that already stands beside another opposite of it brings no second panel.
        beside = {side for sides in sides_of(showing) for side in sides}
        if showing.outcome is not kqa.Outcome.ANSWERED or not quoted or not quoted <= beside:
            wrong.append(f"{row.topic}: not shown on: {row.shows_on} ({showing.outcome})")
        if row.sides in sides_of(silent):
            wrong.append(f"{row.topic}: shown on: {row.silent_on}")
    assert wrong == []
