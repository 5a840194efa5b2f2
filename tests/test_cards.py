"""One quote as a card, and what can be done with it."""

from __future__ import annotations

import json

import pytest

from kqa.cards import actions_html, card_html, plain_words
from kqa.html import sources_html, turn_html
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
