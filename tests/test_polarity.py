from __future__ import annotations

import re
import tomllib

import pytest

from kqa.polarity import OPPOSITES, Signals, compare_statements, differ, explain, read_statement

DATA = tomllib.loads(OPPOSITES.read_text(encoding="utf-8"))
FORMS = {
    **{name: DATA[name] for name in ("denying", "denying_all", "affirming", "parting", "conditional")},
    **{f"certainty.{name}": forms for name, forms in DATA["certainty"].items()},
    **{f"{name}.{side}": forms for name, pair in DATA["opposites"].items() for side, forms in pair.items()},
}


def signals(a: str, b: str) -> Signals:
    """Compare two sentences, each term weighing 1, both ways round."""
    one, other = read_statement(a), read_statement(b)
    found = compare_statements(one, other, lambda term: 1.0)
    assert found == compare_statements(other, one, lambda term: 1.0)
    spoke = bool(found.denied or found.opposed or found.apart or found.certainty)
    assert spoke == differ(one, other) == bool(explain(one, other))
    return found


@pytest.mark.parametrize(
    ("sentence", "affirmed", "denied"),
    [
        ("The lamp is lit.", "lamp lit", ""),
        ("The lamp is not lit.", "lamp", "lit"),
        ("The lamp isn’t lit.", "lamp", "lit"),
        ("The keeper cannot light the lamp, the pilot rows.", "keeper pilot row", "light lamp"),
        ("The lamp is not lit but the horn sounds.", "lamp horn sound", "lit"),
        ("The lamp burns without oil.", "lamp burn", "oil"),
        ("It is not unlikely that fog rises.", "fog rise", ""),  # twice denied
        ("The tower is open for no visitor.", "", "tower open visitor"),  # no denies its whole clause
        ("Nobody climbs the tower.", "", "climb tower"),
        ("Not only the lamp is lit.", "lamp lit", ""),
        ("If the lamp is not lit, the horn sounds.", "lamp lit horn sound", ""),  # a condition denies nothing
        ("The keeper rows rather than walks.", "keeper row", "walk"),
        ("It helps keepers who do not sleep.", "help keeper sleep", ""),
        ("", "", ""),
    ],
)
def test_what_a_sentence_affirms_and_denies(sentence: str, affirmed: str, denied: str) -> None:
    found = read_statement(sentence)
    assert (found.affirmed, found.denied) == (frozenset(affirmed.split()), frozenset(denied.split()))
    assert found.terms.keys() == found.affirmed | found.denied


@pytest.mark.parametrize(
    ("sentence", "poles"),
    [
        ("It is safe.", {"safety": (1, "safe")}),
        ("It is dangerous.", {"safety": (-1, "dangerous")}),
        ("It is not safe.", {"safety": (-1, "not safe")}),
        ("It is not without danger.", {"safety": (-1, "danger")}),
        ("It is risk-free.", {"safety": (1, "risk free")}),  # the longest form at a place counts
        ("It is safe but dangerous.", {}),  # on both sides: it says nothing
        ("It comes with no risks.", {"safety": (1, "no risks")}),  # a form that holds the denial is not turned by it
        ("It is effective unless it is safe.", {"effect": (1, "effective")}),
        ("Ketamine is approved for no illness.", {"approval": (-1, "not approved")}),
        ("It is an off-label use.", {"approval": (-1, "off label")}),
        ("The door is open.", {"presence": (1, "open")}),
    ],
)
def test_on_which_side_of_opposites_a_sentence_stands(sentence: str, poles: dict[str, tuple[int, str]]) -> None:
    assert read_statement(sentence).poles == poles


@pytest.mark.parametrize(
    ("a", "b", "opposed"),
    [
        ("Ketamine is safe.", "Ketamine is dangerous.", 1),
        ("Ketamine is safe.", "Ketamine is not safe.", 1),
        ("Ketamine is not safe.", "Ketamine is dangerous.", 0),
        ("Ketamine is effective.", "Ketamine is ineffective.", 1),
        ("It increases the risk.", "It decreases the risk.", 1),
        ("There is no evidence that it is addictive.", "There is a risk of addiction.", 1),
        ("Insurance has covered it.", "People pay out of pocket.", 1),
        ("It is approved.", "Its use is off-label.", 1),
        ("It works quickly.", "It works slowly.", 1),
        ("The effect is long-lasting.", "The effect is temporary.", 1),
        ("It is proven to work.", "It is unproven whether it works.", 1),
        ("It is always given.", "It is sometimes given.", 1),
        ("A referral is required.", "A referral is optional.", 1),
        ("Ketamine is safe.", "Ketamine is cheap.", 0),
    ],
)
def test_words_that_are_opposites(a: str, b: str, opposed: int) -> None:
    assert signals(a, b).opposed == opposed


def test_what_is_shared_and_what_is_denied_are_shares_of_the_shorter() -> None:
    found = signals("The lamp burns at night.", "The lamp never burns in summer fog.")
    assert found.shared == pytest.approx(2 / 3)  # lamp and burn, of lamp, burn and night
    assert found.denied == pytest.approx(1 / 3)
    assert signals("The lamp never burns.", "The lamp does not burn.").denied == 0
    assert signals("The lamp burns, but it does not burn at sea.", "The lamp never burns.").denied == 0  # it says both
    assert signals("The lamp burns.", "Gulls sleep.") == Signals(0, 0, 0, 0, 0)
    assert signals("", "It is.") == Signals(0, 0, 0, 0, 0)


def test_a_telling_term_weighs_more() -> None:
    a, b = read_statement("The lamp burns."), read_statement("The lamp never burns.")
    found = compare_statements(a, b, {"lamp": 1.0, "burn": 3.0}.__getitem__)
    assert (found.shared, found.denied) == (1.0, 0.75)


@pytest.mark.parametrize(
    ("a", "b", "apart", "certainty"),
    [
        ("The session lasts 40 minutes.", "The session lasts three hours.", 1, 0),
        ("The session lasts 40 minutes.", "The session lasts under an hour.", 0, 0),
        ("It costs $40.", "It lasts 3 hours.", 0, 0),
        ("It always helps.", "It may help.", 0, 1),
        ("It is a proven cure.", "Its effect is unknown.", 0, 1),
        ("It always helps and may harm.", "It may help.", 0, 0),  # a sentence that says both doubts
        ("It helps.", "It may help.", 0, 0),
        ("It never fails.", "Experts ask whether it fails.", 0, 1),
    ],
)
def test_amounts_and_certainty(a: str, b: str, apart: int, certainty: int) -> None:
    found = signals(a, b)
    assert (found.apart, found.certainty) == (apart, certainty)


def test_signals_in_words_those_of_the_first_sentence_first() -> None:
    a = read_statement("Infusions never last.")
    b = read_statement("Some infusions last 30 seconds and are dangerous.")
    c = read_statement("Safe infusions last three days.")
    assert explain(b, a) == ("denied by one alone: last", "certainty: “some” / “never”")
    assert explain(a, b) == ("denied by one alone: last", "certainty: “never” / “some”")
    assert explain(c, b) == ("opposites: safe / dangerous", "amounts: “three days” / “30 seconds”")
    assert explain(b, b) == ()


@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_written_as_it_is_compared(name: str) -> None:
    forms = FORMS[name]
    assert forms
    assert [form for form in forms if not re.fullmatch(r"[a-z0-9]+\*?(?: [a-z0-9]+\*?)*", form)] == []
    assert [form for form in set(forms) if forms.count(form) > 1] == []


@pytest.mark.parametrize("name", DATA["opposites"])
def test_no_form_stands_on_both_sides(name: str) -> None:
    pair = DATA["opposites"][name]
    assert set(pair) == {"one", "other"}
    assert set(pair["one"]) & set(pair["other"]) == set()
    one, other = (read_statement(f"it {pair[side][0].replace('*', '')} it").poles.get(name) for side in ("one", "other"))
    assert (one and one[0], other and other[0]) == (1, -1)
