from __future__ import annotations

import pytest

from kqa.lines import SOFT, Line, paragraphs


def at(text: str, y: float, right: float = 300, left: float = 50, size: float = 14, hyphen: str = "") -> Line:
    return Line(text, left, right, y, size, hyphen)


FULL = [
    at("The lamp is lit at sunset and", 700),
    at("put out at sunrise. The lens is", 686),
    at("turned by a clockwork that the", 672),
    at("keeper winds.", 658),
    at("Fog comes.", 644),
]
JOINED = " ".join(line.text for line in FULL)
FULL_LIST = [at("Bring", 700), at("• a lamp", 686), at("2) a horn", 672), at("- a dog", 658)]
SHORT = [at("It ends here.", 700, 120), at("Another paragraph stands", 686), at("here.", 672, 80)]
NEXT_COLUMN = at("second column goes on.", 700, 600, 350)


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([at("The lamp is", 700), at("lit.", 686, 70)], "The lamp is lit."),
        ([*FULL, at("Far below.", 600)], f"{JOINED}\n\nFar below."),
        ([at("Fog", 700, 80, size=20), at("The horn sounds.", 680)], "Fog\n\nThe horn sounds."),
        (FULL_LIST, "Bring\n\n• a lamp\n\n2) a horn\n\n- a dog"),
        # a short line that ends a sentence ends its paragraph, a full one does not
        (SHORT, "It ends here.\n\nAnother paragraph stands here."),
        ([at("It goes on here.", 700, 299), at("The same.", 686)], "It goes on here. The same."),
        # cells beside each other
        ([at("Summer", 700, 90), at("ten until six", 700, 300, 150)], "Summer ten until six"),
        # another column
        ([at("The last line of the", 100), NEXT_COLUMN], "The last line of the second column goes on."),
        ([at("The last line ends.", 100), NEXT_COLUMN], "The last line ends.\n\nsecond column goes on."),
    ],
)
def test_lines_are_joined_by_the_stated_rule(lines: list[Line], text: str) -> None:
    assert paragraphs([lines])[0] == text


@pytest.mark.parametrize(
    ("first", "hyphen", "second", "elsewhere", "text"),
    [
        ("a treat", "-", "ment of", "Treatment", "a treatment of"),
        ("a treat", "-", "ment of", "nothing", "a treat-ment of"),
        ("a self", "-", "winding clock", "winding self", "a self-winding clock"),
        ("a treat", SOFT, "ment of", "nothing", "a treatment of"),
        ("pages 3", "-", "4 of it", "nothing", "pages 3-4 of it"),
    ],
)
def test_a_hyphen_goes_only_where_the_whole_word_stands_elsewhere(
    first: str, hyphen: str, second: str, elsewhere: str, text: str
) -> None:
    found, _, _ = paragraphs([[at(first, 700, hyphen=hyphen), at(second, 686)], [at(elsewhere, 700)]])
    assert found.startswith(text)


def test_pages_start_where_their_first_line_does() -> None:
    pages = [[at("The lamp is", 100)], [], [at("lit at sunset.", 700)], [at("Fog comes.", 700)], []]
    text, starts, _ = paragraphs(pages)
    assert text == "The lamp is lit at sunset.\n\nFog comes."
    assert starts == (0, 12, 12, 28, len(text))


def test_running_heads_and_feet_are_left_out_and_named() -> None:
    def page(number: int) -> list[Line]:
        foot = at(f"Page {number + 1} of 4", 20)
        return [at("Standing orders", 790), foot, at(f"Rule {7 * number * number} stands.", 700), at("It holds.", 300)]

    text, starts, left_out = paragraphs([page(n) for n in range(4)])
    assert left_out == ("Standing orders", "Page 1 of 4")
    assert text.startswith("Rule 0 stands.\n\nIt holds.\n\nRule 7 stands.")
    assert [text[start : start + 4] for start in starts] == ["Rule"] * 4
    assert paragraphs([page(n) for n in range(2)])[2] == (), "two pages are too few to tell"


def test_no_lines() -> None:
    assert paragraphs([[], []]) == ("", (0, 0), ())
