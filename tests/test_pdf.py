from __future__ import annotations

import pytest

from kqa.errors import DocumentRefused
from kqa.pdf import MOST_PAGES, read_pdf
from papers import assembled, encrypted_pdf, page, pdf, squeezed_pdf

LAMP = page("The lamp is lit at sunset and put out at", "sunrise. The keeper winds the clockwork", "every four hours.")
FOG = page("Fog", "", "The horn sounds twice a minute while fog", "hides the outer buoy.")


def test_text_pages_and_title() -> None:
    reading = read_pdf(pdf(LAMP, FOG, title="Keeping the light"), "a.pdf")
    first = "The lamp is lit at sunset and put out at sunrise. The keeper winds the clockwork every four hours."
    second = "Fog\n\nThe horn sounds twice a minute while fog hides the outer buoy."
    assert reading.text == f"{first}\n\n{second}"
    assert reading.pages == (0, len(first) + 2)
    assert (reading.title, reading.headings, reading.notes) == ("Keeping the light", None, ())


@pytest.mark.parametrize("title", ["", "untitled", "Microsoft Word - draft.doc", "report.indd", "Document1"])
def test_a_title_that_a_program_made_is_none(title: str) -> None:
    assert read_pdf(pdf(LAMP, title=title), "a.pdf").title == ""


def test_a_word_broken_at_a_line_s_end_and_ligatures() -> None:
    words = page("The keeper replaced the mantle, and will re-", "placed it never was. The self-", "winding lamp is lit.")
    assert read_pdf(pdf(words), "a.pdf").text == (
        "The keeper replaced the mantle, and will replaced it never was. The self-winding lamp is lit."
    )
    from fpdf import FPDF

    paper = FPDF()
    paper.add_page()
    paper.set_font("Times", size=12)
    paper.cell(text="An office with coffee")
    assert read_pdf(bytes(paper.output()), "a.pdf").text == "An office with coffee"


def test_pages_that_are_pictures_are_said() -> None:
    reading = read_pdf(pdf(LAMP, [], [], image=[2]), "a.pdf")
    assert reading.notes == ("page 2 is without text (scanned?); only a text recognition (OCR) can read them",)
    assert len(reading.pages) == 3
    with pytest.raises(DocumentRefused, match=r"a\.pdf has no text on its 2 pages \(are they scanned\?\); run a text recog"):
        read_pdf(pdf([], [], image=[1, 2]), "a.pdf")


def test_each_page_is_a_step() -> None:
    steps: list[int] = []
    read_pdf(pdf(LAMP, FOG, FOG), "a.pdf", lambda: steps.append(1))
    assert len(steps) == 3


def test_the_running_head_is_left_out_and_said() -> None:
    running = [[(50.0, 780.0, 9.0, "Harrow Trust"), (300.0, 20.0, 9.0, str(n))] for n in range(1, 5)]
    pages = [[*page(f"Rule {n * n} of the light stands."), *lines] for n, lines in enumerate(running, 1)]
    reading = read_pdf(pdf(*pages), "a.pdf")
    assert reading.text == "\n\n".join(f"Rule {n * n} of the light stands." for n in range(1, 5))
    assert reading.notes == ("left out as running head or foot: “Harrow Trust”, “1”",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"a\.pdf is damaged or no PDF"),
        (b"%PDF-1.7\n" + b"\0" * 999, r"a\.pdf is damaged or no PDF"),
        (pdf(LAMP)[:200], r"a\.pdf is damaged or no PDF"),
        (encrypted_pdf(), r"a\.pdf is encrypted; save a copy without a password"),
        (pdf(), r"a\.pdf has 0 pages, a PDF may have 1 to 5,000|damaged or no PDF"),
        (pdf(*[[]] * (MOST_PAGES + 1)), r"a\.pdf has 5,001 pages, a PDF may have 1 to 5,000; divide it"),
        (assembled(["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 9/Kids[2 0 R]>>", "<<>>"]), r"a\.pdf (is|has)"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_what_to_do(data: bytes, message: str) -> None:
    with pytest.raises(DocumentRefused, match=message):
        read_pdf(data, "a.pdf")


def test_a_page_that_swells_is_read() -> None:
    assert read_pdf(squeezed_pdf(40_000), "a.pdf").text.startswith("a")
