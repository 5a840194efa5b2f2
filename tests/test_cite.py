"""What is said about a quote: plain words for its kind, whom it restates, numbers for its marks, its citation."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import pytest

from conftest import write_files
from kqa.cite import (
    citation_to_dict,
    citation_to_text,
    dated,
    interest,
    kind_label,
    kind_meaning,
    numbered,
    only_marketing,
    quote_to_dict,
    reference_lines,
    restatement,
    side_card,
    superscript,
    with_numbers,
)
from kqa.types import Disagreement, Document, Gathered, Gathering, Kind, Reference, Source, Span
from kqa.verify import read_citations, verify
from shown import HOSTILE, make_answer, make_document, make_quote

LABELS = {
    Kind.REFERENCE: "Reference",
    Kind.REGULATOR: "Regulator",
    Kind.GUIDELINE: "Guideline",
    Kind.LABEL: "Label",
    Kind.REVIEW: "Review",
    Kind.TRIAL: "Trial",
    Kind.UNSTATED: "Kind not stated",
    Kind.CLINIC_MARKETING: "Clinic marketing",
}


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_is_said_in_plain_words(kind: Kind) -> None:
    assert kind_label(Source("Title", kind, "Some publisher")) == LABELS[kind]


@pytest.mark.parametrize(
    ("source", "label"),
    [
        (Source("", Kind.REFERENCE, "kqa editors"), "Reference by kqa, sources named"),
        (Source("", Kind.REFERENCE, "KQA"), "Reference by kqa, sources named"),
        (Source("", Kind.CLINIC_MARKETING, "kqa editors", restates="An article"), "Clinic marketing, restated"),
        (Source("", Kind.REGULATOR, "kqa editors"), "Regulator"),
    ],
)
def test_what_kqa_wrote_itself_says_so(source: Source, label: str) -> None:
    assert kind_label(source) == label


@pytest.mark.parametrize(
    ("restates", "line"),
    [
        (None, None),
        ("", None),
        ("Best Care", "kqa's restatement of the clinic article “Best Care” (not the clinic's words)."),
    ],
)
def test_a_restatement_names_the_article(restates: str | None, line: str | None) -> None:
    assert restatement(Source("", restates=restates)) == line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("No mark.", "No mark."),
        ("One.[^b] Two.[^a] Three.[^b]", "One.¹ Two.² Three.¹"),
        ("Side by side.[^a][^b]", "Side by side.¹\u202f²"),  # not ¹², which is twelve
        ("Unknown.[^nobody] Known.[^b]", "Unknown. Known.¹"),
        ("Unknown first.[^nobody][^a]", "Unknown first.¹"),
        ("[not a mark] and [^ neither]", "[not a mark] and [^ neither]"),
        (
            "*Stars*, `ticks` and [links](https://example.org) stay.[^a]",
            "*Stars*, `ticks` and [links](https://example.org) stay.¹",
        ),
    ],
)
def test_marks_become_numbers_in_the_order_of_the_text(text: str, shown: str) -> None:
    assert with_numbers(make_quote(make_document(text))) == shown


@pytest.mark.parametrize(("path", "shown"), [("a.md", "Use  here."), ("A.MD", "Use  here."), ("a.txt", "Use [^a-z] here.")])
def test_only_markdown_has_footnotes(path: str, shown: str) -> None:
    assert with_numbers(make_quote(make_document("Use [^a-z] here.", path=path))) == shown


def test_references_are_numbered_as_their_marks_are() -> None:
    quote = make_quote(make_document("One.[^b] Two.[^a] Three.[^b]"))
    assert [reference.id for reference in numbered(quote)] == ["b", "a"]
    assert reference_lines(quote) == [
        "¹ Org b (2020). Study b. doi:10.1000/b",
        "² Org a (2020). Study a. doi:10.1000/a",
    ]


def test_a_quote_lists_its_own_references_only() -> None:
    document = make_document("One.[^a] Two.[^b]")
    assert [reference.id for reference in numbered(document.cut(Span(9, 17)))] == ["b"]


@pytest.mark.parametrize(("number", "raised"), [(0, "⁰"), (1, "¹"), (23, "²³"), (456789, "⁴⁵⁶⁷⁸⁹")])
def test_numbers_are_raised(number: int, raised: str) -> None:
    assert superscript(number) == raised


def test_citation_text_says_where_the_words_stand() -> None:
    source = Source("Ketamine", Kind.CLINIC_MARKETING, "kqa editors", "2026-01-02", restates="Best Care")
    reference = Reference("fda", "FDA", "Alert", 2023, "regulator", "https://www.fda.gov/x")
    document = Document("clinics/a.md", "It is safe.[^fda]", "0a" * 32, source, references=(reference,), pages=(0,))
    assert citation_to_text(document.cut(Span(0, 17), "Safety")).splitlines() == [
        "“It is safe.¹”",
        "Ketamine, “Safety”. kqa editors, 2026-01-02. Clinic marketing, restated. "
        f"clinics/a.md, characters 0 to 17, page 1, SHA-256 {'0a' * 32}.",
        "kqa's restatement of the clinic article “Best Care” (not the clinic's words).",
        "¹ FDA (2023). Alert. https://www.fda.gov/x",
    ]


def test_citation_text_leaves_out_what_is_not_known() -> None:
    quote = Document("a.txt", "Words.", "f" * 64, Source("Title")).cut(Span(0, 5))
    assert citation_to_text(quote) == f"“Words”\nTitle. Kind not stated. a.txt, characters 0 to 5, SHA-256 {'f' * 64}."


def test_citation_json_is_the_contract() -> None:
    quote = make_quote(make_document("One.[^b]", date="2026", jurisdiction="US", url="https://example.org"))
    assert citation_to_dict(quote.citation) == {
        "document": "a.md", "sha256": "f" * 64, "start": 0, "end": 8, "page": None, "title": "Title", "section": "Section",
        "kind": "reference", "publisher": "kqa editors", "date": "2026", "reviewed": False, "jurisdiction": "US", "url": "https://example.org",
        "restates": None,
        "references": [
            {"id": "b", "org": "Org b", "title": "Study b", "year": 2020, "evidence": "rct", "locator": "doi:10.1000/b"}
        ],
    }  # fmt: skip


def test_a_quote_without_a_hit_has_no_score() -> None:
    data = quote_to_dict(3, make_document("One. Two.").cut(Span(5, 9)))
    assert (data["rank"], data["score"], data["evidence"]) == (3, None, {})
    assert data["answer"] == {"start": 5, "end": 9, "text": "Two."}


@pytest.mark.parametrize("text", [t for t in HOSTILE if "\ud800" not in t] + ["Nine.[^a]\r\nTen\u0085 🌊 \u2028 naïve.[^b]"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_citation_json_is_read_back_and_stands(text: str, ascii_only: bool, tmp_path: Path) -> None:
    write_files(tmp_path, {"a.txt": text.encode()})
    document = Document("a.txt", text, hashlib.sha256(text.encode()).hexdigest(), Source(text, publisher=text, restates=text))
    sent = json.dumps(quote_to_dict(1, make_quote(document, text)), ensure_ascii=ascii_only)
    [citation] = read_citations(sent, "the clipboard")
    assert citation["text"] == text
    verdict = verify(citation, tmp_path)
    assert (verdict.stands, verdict.reason) == (True, "word for word there, and the document is unchanged")


@pytest.mark.parametrize(
    ("held", "better", "verdict"),
    [
        (0, 1, "Better supported: the quote above."),
        (1, 1, "Better supported: what contradicts it."),
        (0, 0, "Neither is better"),
    ],
)
def test_a_contested_quote_is_copied_with_the_other_side(held: int, better: int, verdict: str) -> None:
    sides = make_quote(make_document("It harms.[^a]")), make_quote(make_document("It does not.", path="ad.md"))
    contested = (Disagreement("harm", sides, better, "A trial says so."),)
    own, against = citation_to_text(sides[held], contested).split("\n\n")
    assert own == citation_to_text(sides[held])
    assert against.startswith(f"Contradicted by: {citation_to_text(sides[1 - held])}\n{verdict}")
    assert against.endswith(" A trial says so.")


def test_a_quote_that_holds_both_sides_contradicts_nothing_else() -> None:
    document = make_document("It harms. It does not.")
    sides = document.cut(Span(0, 9)), document.cut(Span(10, 22))
    whole = document.cut(Span(0, 22))
    assert citation_to_text(whole, (Disagreement("harm", sides, 1, ""),)) == citation_to_text(whole)


MARKETING = make_quote(make_document("Claim.", path="ad.md", kind=Kind.CLINIC_MARKETING))
BETTER = {
    kind: make_quote(make_document("Fact.", path="fact.md", kind=kind)) for kind in Kind if kind is not Kind.CLINIC_MARKETING
}


@pytest.mark.parametrize("kind", list(BETTER))
def test_marketing_stands_alone_only_without_any_better_kind(kind: Kind) -> None:
    better = BETTER[kind]
    contested = (Disagreement("", (better, MARKETING), 1, ""),)
    assert only_marketing(make_answer(MARKETING))
    assert only_marketing(make_answer(MARKETING, MARKETING))
    assert not only_marketing(make_answer())
    assert not only_marketing(make_answer(better))
    assert not only_marketing(make_answer(MARKETING, better))
    assert not only_marketing(make_answer(MARKETING, disagreements=contested))
    assert not only_marketing(make_answer(MARKETING, gathered=Gathered(Gathering.NUMBERS, (better,))))


@pytest.mark.parametrize(
    ("side", "cards", "number"),
    [
        (Span(10, 20), [], None),
        (Span(10, 20), [Span(0, 10), Span(10, 20)], 2),
        (Span(10, 20), [Span(0, 15), Span(15, 30)], None),  # half is not most
        (Span(10, 20), [Span(0, 14), Span(14, 30)], 2),
        (Span(10, 20), [Span(0, 30), Span(10, 20)], 1),
        (Span(10, 20), [Span(20, 30)], None),
    ],
)
def test_a_side_is_found_in_the_card_that_holds_most_of_it(side: Span, cards: list[Span], number: int | None) -> None:
    document = make_document("x" * 40)
    assert side_card(document.cut(side), [document.cut(card) for card in cards]) == number


def test_a_side_is_not_found_in_another_document() -> None:
    assert side_card(make_quote(make_document()), [make_quote(make_document(path="b.md"))]) is None


@pytest.mark.parametrize(
    ("date_given", "said"),
    [
        ("2026-11-22", "dated 2026-11-22"),
        ("2025-12-01", "dated 2025-12-01"),
        ("2025-11-30", "dated 2025-11-30, 1 year ago"),
        ("2023-01", "dated 2023-01, 3 years ago"),
        ("2019", "dated 2019, 6 years ago"),
        ("Spring 2019", "Spring 2019"),
        ("", ""),
    ],
)
def test_a_source_says_how_old_it_is_from_a_year_on(date_given: str, said: str) -> None:
    assert dated(Source("A", date=date_given), date(2026, 11, 26)) == said
    reviewed = Source("A", date=date_given, reviewed=True)
    assert dated(reviewed, date(2026, 11, 26)) == said.replace("dated", "reviewed")


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_meaning_and_only_marketing_an_interest(kind: Kind) -> None:
    source = Source("A", kind)
    assert kind_meaning(source).endswith(".")
    assert (interest(source) is not None) is (kind is Kind.CLINIC_MARKETING)
