from __future__ import annotations

import dataclasses
import hashlib

import pytest

from kqa.errors import QuoteMismatch
from kqa.types import Answer, Citation, Document, Kind, Outcome, Passage, Quote, Reference, Source, Span

TEXT = "One two.[^b] Three four.[^a] “Five” 🌊 six."
REFERENCES = tuple(Reference(name, "Org", "Title", 1911, "label", "doi:1") for name in ("a", "b", "c"))


def document(**changes: object) -> Document:
    fields = {"path": "a.md", "text": TEXT, "sha256": hashlib.sha256(TEXT.encode()).hexdigest(), "source": Source("A")}
    return Document(**{**fields, "references": REFERENCES, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("span", "text", "cited"),
    [
        (Span(0, 12), "One two.[^b]", ["b"]),
        (Span(0, 8), "One two.", []),
        (Span(0, 28), "One two.[^b] Three four.[^a]", ["a", "b"]),  # in the order of the front matter
        (Span(29, len(TEXT)), "“Five” 🌊 six.", []),  # code points, not bytes
        (Span(0, len(TEXT)), TEXT, ["a", "b"]),
    ],
)
def test_cut_is_a_slice_of_the_text(span: Span, text: str, cited: list[str]) -> None:
    quote = document().cut(span, "Section")
    assert quote.text == text == TEXT[span.start : span.end]
    assert [reference.id for reference in quote.citation.references] == cited
    assert quote.citation == Citation("a.md", document().sha256, span, None, "Section", Source("A"), quote.citation.references)
    assert quote.answer == span
    assert quote.answer_text == text


@pytest.mark.parametrize("span", [Span(-1, 4), Span(4, 4), Span(5, 4), Span(0, len(TEXT) + 1), Span(99, 100)])
def test_cut_refuses_a_span_outside_of_the_text(span: Span) -> None:
    with pytest.raises(QuoteMismatch, match=r"a\.md has no text at .* rebuild with: kqa build"):
        document().cut(span)


@pytest.mark.parametrize(
    ("pages", "start", "page"),
    [((), 0, None), ((0,), 0, 1), ((0, 10, 20), 9, 1), ((0, 10, 20), 10, 2), ((0, 10, 20), 25, 3)],
)
def test_page_is_the_last_that_starts_before_the_quote(pages: tuple[int, ...], start: int, page: int | None) -> None:
    assert document(pages=pages).cut(Span(start, start + 2)).citation.page == page


def test_answer_text_is_cut_from_the_quote() -> None:
    quote = document().cut(Span(0, 28), "", Span(13, 24))
    assert quote.answer_text == "Three four." == TEXT[13:24]


def test_spans_sort_by_start_then_end() -> None:
    assert sorted([Span(2, 3), Span(0, 9), Span(0, 1)]) == [Span(0, 1), Span(0, 9), Span(2, 3)]
    assert Passage(7, "a.md", 3, 9, "", (Span(3, 9),)).span == Span(3, 9)


@pytest.mark.parametrize(
    ("start", "end", "covers"),
    [(0, 10, True), (0, 6, True), (0, 5, False), (4, 90, True), (5, 90, False), (2, 8, True), (10, 20, False)],
)
def test_a_span_covers_what_lies_in_it_by_more_than_half(start: int, end: int, covers: bool) -> None:
    assert Span(start, end).covers(Span(0, 10)) is covers


def test_words_of_the_contract() -> None:
    assert {kind.value for kind in Kind} == {
        "reference", "clinic-marketing", "regulator", "guideline", "trial", "review", "label", "unstated",
    }  # fmt: skip
    assert {outcome.value for outcome in Outcome} == {"answered", "abstained", "crisis", "emergency", "self_dosing"}


@pytest.mark.parametrize("noun", [Answer, Citation, Document, Passage, Quote, Reference, Source, Span])
def test_nouns_are_frozen(noun: type) -> None:
    assert noun.__dataclass_params__.frozen  # type: ignore[attr-defined]
    with pytest.raises(dataclasses.FrozenInstanceError):
        Span(0, 1).start = 5  # type: ignore[misc]
