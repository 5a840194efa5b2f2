"""One quote as a card, and what can be done with it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kqa.cards import actions_html, card_html, plain_words
from kqa.html import sources_html, turn_html
from kqa.render import to_text
from kqa.types import Disagreement, Reference
from shown import HOSTILE, Parsed, check_inert, make_answer, make_document, make_quote

QUOTE = make_quote(make_document())


def test_what_is_verified_is_the_exact_quote() -> None:
    parsed = check_inert(actions_html(1, QUOTE))
    exact = next(value for name, value in parsed.attributes if name == "data-copy" and value.startswith("{"))
    assert json.loads(exact)["text"] == QUOTE.text
    assert "data-exact" in dict(parsed.attributes)
    assert parsed.text == "Open in documentCopy citationCopy as JSONCopy link to passageVerify"


def test_a_quote_that_may_not_be_linked_can_still_be_verified() -> None:
    assert "data-passage" not in actions_html(1, QUOTE, linked=False)
    assert "data-verify" in actions_html(1, QUOTE, linked=False)


def test_what_the_sources_say_to_a_referred_question_has_no_link() -> None:
    html = sources_html(make_answer(QUOTE), 1, linked=False)
    assert "data-passage" not in html
    assert "data-verify" in html
    assert "data-passage" in sources_html(make_answer(QUOTE), 1)


def test_without_scripts_a_card_has_its_place_and_no_buttons() -> None:
    html = turn_html(make_answer(QUOTE), 1, live=False)
    assert "<button" not in html
    assert f"characters 0 to {len(QUOTE.text)}, SHA-256" in Parsed(html).text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_acts(text: str) -> None:
    quote = make_quote(make_document(text, text), text)
    check_inert(card_html(1, quote, "t1-c1", "", actions_html(1, quote)))
    check_inert(plain_words(quote))


def test_the_names_of_a_cards_buttons_differ_from_those_of_the_next_and_hold_their_labels() -> None:
    names = [Parsed(actions_html(number, QUOTE)).values("aria-label")[1:] for number in (1, 2)]
    assert names[1] == [
        "Open in document, passage 2",
        "Copy citation, passage 2",
        "Copy as JSON, passage 2",
        "Copy link to passage 2",
        "Verify, passage 2",
    ]
    assert not set(names[0]) & set(names[1])


@pytest.mark.parametrize(
    ("section", "text", "there"),
    [
        ("Is it safe with psychosis?", "No, it makes symptoms worse.", True),
        ("Is it safe?", "Yes. A trial found so.", True),
        ("Is it safe?", "Nobody knows.", False),
        ("Is it safe?", "Yesterday it was.", False),
        ("Safety", "No, it is not.", False),
        ("", "No, it is not.", False),
    ],
)
def test_a_yes_or_no_stands_below_the_question_that_it_answers(section: str, text: str, there: bool) -> None:
    quote = make_quote(make_document(text), section)
    for html in (turn_html(make_answer(quote), 1), turn_html(make_answer(quote), 1, live=False)):
        parsed = check_inert(html)
        assert (f"Asked there: {section}" in parsed.text) is there
        assert parsed.inside("blockquote") == text
        assert parsed.text.count(section) == 1 or not section
    side = Disagreement("it", (quote, QUOTE), 0, "")
    assert (f"Asked there: {section}“" in Parsed(turn_html(make_answer(QUOTE, disagreements=(side,)), 1)).text) is there
    said = to_text(make_answer(quote))
    assert (f"    Asked there: {section}\n    {text}" in said) is there
    assert (f" › {section}" in said) is (bool(section) and not there)


@pytest.mark.parametrize(("kind", "said"), [("rct", "1 primary source"), ("systematic-review", "1 source")])
def test_a_review_is_no_primary_source(kind: str, said: str) -> None:
    reference = Reference("a", "Org", "Title", 2020, kind, "PMC3000408")
    document = replace(make_document("One.[^a]"), references=(reference,))
    assert f"<summary><span>{said}</span>" in turn_html(make_answer(make_quote(document)), 1)
