"""An answer as HTML: help first, every word of a quote as it stands, nothing in a document or a question that acts."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from kqa.cards import kept_html
from kqa.cite import quote_to_dict
from kqa.html import STOPPED, sources_html, summary, to_html, turn_html
from kqa.types import Disagreement, Gathered, Gathering, HelpLine, Kind, Notice, Outcome, Quote, ReaderVerdict, Reference, Span
from kqa.verify import read_citations
from shown import CRISIS, HOSTILE, SHOWABLE, Parsed, check_inert, make_answer, make_document, make_quote

MARKS = re.compile(r"\[\^[^\]\s]+\]")


def every_view(text: str, path: str) -> list[str]:
    document = make_document(text, text, path, publisher=text, date=text, url=text, restates=text)
    quote = make_quote(document, text)
    disagreement = Disagreement(text, (quote, make_quote(make_document(text, path="other" + path))), 1, text)
    notice = Notice("personal_advice", text, (HelpLine(text, text, text, text, True),))
    answer = make_answer(quote, question=text, notices=(notice,), disagreements=(disagreement,) * 2, follows=text)
    nothing = make_answer(outcome=Outcome.ABSTAINED, question=text, unsupported=(text,), closest=(quote,))
    return [
        turn_html(answer, 1),
        turn_html(answer, 1, judged=True),
        to_html(answer),
        turn_html(nothing, 1, examples=[text]),
        to_html(nothing),
        sources_html(answer, 1),
    ]


@pytest.mark.parametrize("path", ["a.txt", "a.md", "<img src=x onerror=x()>{{x}}.md"])
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_acts(text: str, path: str) -> None:
    for html in every_view(text, path):
        check_inert(html)


@pytest.mark.parametrize("name", HOSTILE[:9])
def test_a_reference_and_a_file_name_stay_text(name: str) -> None:
    document = make_document(path=f"{name}.md")
    hostile = Reference("a", name, name, 2020, name, name)
    quote = make_quote(type(document)(document.path, "One.[^a]", "f" * 64, document.source, references=(hostile,)))
    parsed = check_inert(turn_html(make_answer(quote), 1))
    assert f"{name} (2020). {name}. {name}" in parsed.text
    assert parsed.values("data-document") == [f"{name}.md"]
    assert f"{name}.md, characters 0 to 8" in check_inert(to_html(make_answer(quote))).text


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("path", ["a.md", "a.txt"])
@pytest.mark.parametrize("text", [*SHOWABLE, "One.[^b] *Two*.[^a][^b]\n\n- Three[^nobody]\n| a | b |", "\r\nA 🌊.\r\n"])
def test_every_word_of_a_quote_stands_and_its_marks_do_not(text: str, path: str, live: bool) -> None:
    parsed = Parsed(turn_html(make_answer(make_quote(make_document(text, path=path))), 1, live=live))
    assert parsed.inside("blockquote") == (MARKS.sub("", text) if path == "a.md" else text)


@pytest.mark.parametrize("text", SHOWABLE, ids=range(len(SHOWABLE)))
def test_what_is_said_about_a_quote_reads_as_it_was(text: str) -> None:
    quote = make_quote(make_document("Words.", text, "a.txt", publisher=text, date=text), text)
    parsed = Parsed(turn_html(make_answer(quote, question=text), 1))
    assert parsed.inside("h3") == text
    assert parsed.inside("q") == text
    assert parsed.inside("bdi") == text * 4, "title, section, publisher and date, each kept from turning its neighbours around"
    assert parsed.values("data-question") == [text]


def test_footnote_marks_become_numbers_in_the_order_of_the_text() -> None:
    html = turn_html(make_answer(make_quote(make_document("One.[^b] Two.[^a] Three.[^b][^unknown]"))), 3)
    assert "[^" not in Parsed(html).text
    assert re.findall(r'<sup><a href="#(t3-c1-r\d)"[^>]*>(\d)', html) == [
        ("t3-c1-r1", "1"),
        ("t3-c1-r2", "2"),
        ("t3-c1-r1", "1"),
    ]
    assert html.index("Study b") < html.index("Study a")
    assert 'id="t3-c1-r1"' in html


@pytest.mark.parametrize(("path", "shown"), [("a.md", "Use  here."), ("a.txt", "Use [^a-z] here.")])
def test_a_footnote_mark_in_plain_text_is_no_footnote(path: str, shown: str) -> None:
    quote = make_document("Use [^a-z] here.", path=path).cut(Span(0, 16))
    sides = (Disagreement("", (quote, quote), 0, ""),)
    assert Parsed(turn_html(make_answer(quote), 1)).inside("blockquote") == shown
    assert Parsed(turn_html(make_answer(disagreements=sides), 1)).inside("blockquote") == f"“{shown}”" * 2


@pytest.mark.parametrize(
    ("answer", "marked"),
    [
        (Span(5, 15), "First one."),
        (Span(16, 31), "Second <b> one."),
        (Span(32, 42), "Third one."),
        (Span(5, 42), "First one. Second <b> one. Third one."),
    ],
)
def test_the_answering_sentence_is_marked(answer: Span, marked: str) -> None:
    document = make_document("Zero.First one. Second <b> one. Third one. Fourth.")
    parsed = Parsed(turn_html(make_answer(document.cut(Span(5, 42), "", answer)), 1))
    assert parsed.inside("mark") == marked
    assert parsed.inside("blockquote") == "First one. Second <b> one. Third one."


def test_copied_citations_are_read_back_whatever_the_text_holds() -> None:
    text = "Nine\x00\x9b\x85\u202e\u2028 <b> 🌊 {{x}} ${x} \"quoted\" 'x' &amp; naïve.\r\n"
    parsed = Parsed(turn_html(make_answer(make_quote(make_document(text, path="a.txt"))), 1))
    said, exact = parsed.values("data-copy")
    assert said.startswith("“Nine")
    [citation] = read_citations(exact, "the clipboard")
    assert citation["text"] == text
    assert (citation["rank"], citation["citation"]["document"], citation["citation"]["end"]) == (1, "a.txt", len(text))


def test_a_card_opens_its_document_at_its_place() -> None:
    document = make_document("First one. Second one. Third one.")
    parsed = Parsed(turn_html(make_answer(document.cut(Span(11, 33), "", Span(23, 33))), 1))
    assert (parsed.values("data-document"), parsed.values("data-span")) == (["a.md"], ["11,33,23,33"])


def test_a_card_without_scripts_says_where_it_stands() -> None:
    parsed = Parsed(to_html(make_answer(make_quote(make_document("Words.")))))
    assert f"a.md, characters 0 to 6, SHA-256 {'f' * 64}" in parsed.text
    assert "button" not in parsed.elements


@pytest.mark.parametrize("kind", list(Kind))
def test_every_card_has_the_badge_of_its_kind(kind: Kind) -> None:
    assert f'<span class="badge {kind}">' in turn_html(make_answer(make_quote(make_document(kind=kind))), 1)


def test_a_restatement_says_so() -> None:
    quote = make_quote(make_document("Claim.", kind=Kind.CLINIC_MARKETING, restates="Our Best Article"))
    note = "kqa's restatement of the clinic article “Our Best Article” (not the clinic's words)."
    assert note in Parsed(turn_html(make_answer(quote), 1)).text


FACT = make_quote(make_document("Yes.[^a]"))
CLAIM = make_quote(make_document("No.", title="Ad", path="b.md", kind=Kind.CLINIC_MARKETING, publisher="Clinic"))


@pytest.mark.parametrize(
    ("quotes", "sides", "said"),
    [
        ((CLAIM,), (), True),
        ((CLAIM, CLAIM), (), True),
        ((CLAIM, FACT), (), False),
        ((FACT,), (), False),
        ((CLAIM,), (FACT, CLAIM), False),
        ((), (), False),
    ],
)
def test_only_marketing_is_said_only_of_marketing_alone(
    quotes: tuple[Quote, ...], sides: tuple[Quote, Quote], said: bool
) -> None:
    answer = make_answer(*quotes, disagreements=(Disagreement("", sides, 1, ""),) if sides else ())
    html = turn_html(answer, 1)
    assert ("Only clinic marketing supports this" in html) is said
    assert not said or html.index("Only clinic marketing") < html.index('class="card"')


def test_help_comes_first_with_numbers_to_call() -> None:
    html = turn_html(make_answer(outcome=Outcome.CRISIS, notices=(CRISIS,)), 1)
    assert html.index("tel:911") < html.index("sms:741741") < html.index("talk to a person") < html.index("tel:116123")
    assert 'href="https://findahelpline.com"' in html
    assert "data-kept" not in html
    assert 'class="card"' not in html


def test_help_stays_first_when_the_sources_are_shown_despite() -> None:
    answer = make_answer(FACT, notices=(CRISIS,))
    assert to_html(answer).index("tel:911") < to_html(answer).index('class="card"')


@pytest.mark.parametrize("outcome", sorted(STOPPED))
def test_only_crisis_and_emergency_offer_the_sources(outcome: Outcome) -> None:
    assert ("data-despite" in turn_html(make_answer(outcome=outcome), 1)) == (outcome is not Outcome.SELF_DOSING)
    assert "data-despite" not in to_html(make_answer(outcome=outcome))


def test_sides_disagree_in_order_the_better_first() -> None:
    answer = make_answer(CLAIM, disagreements=(Disagreement("harm", (FACT, CLAIM), 1, "A trial says so."),))
    html = turn_html(answer, 2)
    parsed = Parsed(html)
    places = [
        html.index(part) for part in ("Sources disagree", "“Yes.”", "“No.”", "Better supported: the first.", 'class="card"')
    ]
    assert places == sorted(places)
    assert "From: Org a (2020)" in parsed.text
    assert "A trial says so." in parsed.text
    assert parsed.values("data-jump") == ["t2-c1"], "the side that is a card leads to it, the other opens its document"
    assert 'id="t2-c1"' in html
    assert parsed.values("data-document") == ["a.md", "b.md"]


def test_copies_of_a_contested_quote_carry_the_other_side() -> None:
    parsed = Parsed(turn_html(make_answer(FACT, CLAIM, disagreements=(Disagreement("harm", (FACT, CLAIM), 1, "So."),)), 1))
    first, first_json, second, _ = parsed.values("data-copy")
    assert "Contradicted by: “" in first
    assert "Better supported: what contradicts it. So." in second
    assert [len(read_citations(text, "here")) for text in (first_json, json.dumps(quote_to_dict(1, FACT)))] == [3, 1]
    alone = Parsed(turn_html(make_answer(FACT), 1)).values("data-copy")
    assert "Contradicted" not in "".join(alone)
    assert "disagreements" not in "".join(alone)


@pytest.mark.parametrize(("better", "verdict"), [(1, "Better supported: the first."), (0, "Neither is better supported.")])
def test_a_disagreement_says_which_side_is_better_supported(better: int, verdict: str) -> None:
    answer = make_answer(FACT, disagreements=(Disagreement("", (FACT, CLAIM), better, ""),))
    assert Parsed(turn_html(answer, 1)).inside("b") == verdict


def test_a_disagreement_about_another_sentence_of_a_passage_stands_in_its_card() -> None:
    document = make_document("The answer. An aside.")
    other = make_quote(make_document("No.", path="b.md"))
    shown, aside = document.cut(Span(0, 21), "", Span(0, 11)), document.cut(Span(12, 21))
    html = turn_html(make_answer(shown, disagreements=(Disagreement("it", (aside, other), 1, ""),)), 1)
    assert html.index('id="t1-c1"') < html.index("Sources disagree")


def test_further_disagreements_stand_in_their_cards() -> None:
    first, second = make_quote(make_document("One.")), make_quote(make_document("Two.", path="b.md"))
    absent = make_quote(make_document("Three.", path="c.md"))
    topics = [Disagreement(topic, sides, 0, "") for topic, sides in (("x", (first, absent)), ("y", (absent, second)))]
    html = turn_html(make_answer(first, second, disagreements=tuple(topics)), 1)
    assert html.index("on x</span>") < html.index('id="t1-c1"') < html.index('id="t1-c2"') < html.index("on y</span>")


def test_only_the_first_passages_bring_a_disagreement_above_all_and_no_closest_one_does() -> None:
    one, two, three = (make_quote(make_document(f"{name}.", path=f"{name}.md")) for name in ("One", "Two", "Three"))
    absent = make_quote(make_document("Other.", path="d.md"))
    on_two, on_three = ((Disagreement("it", (quote, absent), 1, ""),) for quote in (two, three))
    second, third = (turn_html(make_answer(one, two, three, disagreements=on), 1) for on in (on_two, on_three))
    assert second.index("Sources disagree") < second.index('id="t1-c1"')
    assert third.index('id="t1-c3"') < third.index("Sources disagree")
    closest = turn_html(make_answer(outcome=Outcome.ABSTAINED, closest=(one, two), disagreements=on_two), 1)
    assert closest.index('id="t1-n2"') < closest.index("Sources disagree")


def test_an_abstention_names_what_is_missing_and_hides_the_closest() -> None:
    html = turn_html(make_answer(outcome=Outcome.ABSTAINED, unsupported=("denver",), closest=(FACT,)), 1, examples=["Why?"])
    parsed = Parsed(html)
    assert "Nothing here covers denver." in parsed.text
    assert html.index("which do not answer it") < html.index('class="card"')
    assert parsed.inside("details").startswith("Show the closest passages, which do not answer it1Title")
    assert parsed.values("data-ask") == ["Why?"]
    assert sources_html(make_answer(outcome=Outcome.ABSTAINED, closest=(FACT,)), 1) == ""


def test_a_follow_up_says_what_it_was_read_with() -> None:
    parsed = Parsed(turn_html(make_answer(FACT, follows="Is it safe?"), 1))
    assert "Read as a follow-up to: Is it safe?" in parsed.text
    assert parsed.values("data-after") == ["Is it safe?"]


@pytest.mark.parametrize(
    ("outcome", "quotes", "said"),
    [
        (Outcome.ANSWERED, 1, "1 passage"),
        (Outcome.ANSWERED, 2, "2 passages"),
        (Outcome.ABSTAINED, 0, "No source here answers that"),
        (Outcome.CRISIS, 0, "You do not have to go through this alone"),
        (Outcome.EMERGENCY, 0, "Get help now"),
        (Outcome.SELF_DOSING, 0, "No doses or ways to get it here"),
    ],
)
def test_every_outcome_is_said_in_a_few_words(outcome: Outcome, quotes: int, said: str) -> None:
    answer = make_answer(*[FACT] * quotes, outcome=outcome)
    assert summary(answer) == said
    assert Parsed(turn_html(answer, 1)).values("data-said") == [said]


def test_turns_keep_their_ids_apart() -> None:
    contested = (Disagreement("", (FACT, CLAIM), 1, ""),) * 2
    both = "".join(turn_html(make_answer(FACT, CLAIM, FACT, disagreements=contested), turn) for turn in (1, 2))
    ids = Parsed(both).values("id")
    assert len(ids) == len(set(ids)) > 0
    assert {href[1:] for href in Parsed(both).values("href") if href.startswith("#")} <= set(ids)


def test_the_standing_notice_closes_the_fragment() -> None:
    assert to_html(make_answer(FACT)).endswith('<p class="standing">Not medical advice.</p>')


def test_copied_json_is_the_quote_of_the_contract() -> None:
    exact = json.loads(Parsed(turn_html(make_answer(FACT), 1)).values("data-copy")[1])
    assert list(exact) == ["rank", "text", "answer", "score", "evidence", "citation"]


@pytest.mark.parametrize(
    ("follows", "sent"), [(None, "Sends your question and"), ("Before?", "Sends your question, the one it was read with and")]
)
def test_a_reader_may_judge_each_passage_of_an_answer_and_is_told_what_is_sent(follows: str | None, sent: str) -> None:
    parsed = check_inert(turn_html(make_answer(FACT, CLAIM, follows=follows), 1, judged=True))
    assert parsed.values("data-verdict") == [*ReaderVerdict] * 2
    assert parsed.inside("summary").count("Judge this passage") == 2
    assert parsed.text.count(f"{sent} this judgment to whoever runs this page, who keeps them in a file.") == 2
    for label in ("Answers it", "Answers in part", "Wrong", "Harmful"):
        assert parsed.inside("button").count(label) == 2


def test_nothing_else_is_judged() -> None:
    despite = make_answer(FACT, notices=(CRISIS,))
    htmls = [
        turn_html(make_answer(FACT), 1),
        turn_html(make_answer(FACT), 1, live=False, judged=True),
        turn_html(make_answer(outcome=Outcome.ABSTAINED, closest=(FACT,)), 1, judged=True),
        *(turn_html(make_answer(FACT, outcome=outcome, notices=(CRISIS,)), 1, judged=True) for outcome in STOPPED),
        sources_html(despite, 1),
        to_html(make_answer(FACT)),
    ]
    assert [html for html in htmls if re.search("judge|verdict", html, re.IGNORECASE)] == []


def test_a_judgment_that_was_kept_is_said_in_the_words_of_its_button() -> None:
    said = [check_inert(kept_html(verdict)).text for verdict in ReaderVerdict]
    assert said == [f"Thank you. Kept: “{label}”." for label in ("Answers it", "Answers in part", "Wrong", "Harmful")]


@pytest.mark.parametrize(("what", "first"), [(Gathering.EXCLUSIONS, True), (Gathering.DURATIONS, False)])
def test_reasons_not_to_stand_before_the_passages_and_the_rest_behind(what: Gathering, first: bool) -> None:
    quote = make_quote(make_document("One <b>day</b>. Two."))
    html = turn_html(replace(make_answer(quote), gathered=Gathered(what, (quote, quote))), 1)
    assert (html.index('class="gathered"') < html.index('class="cards"')) is first
    assert check_inert(html)


def test_the_badges_of_an_answer_are_explained_once_each() -> None:
    advert = make_quote(make_document("Three.", path="c.md", kind=Kind.CLINIC_MARKETING))
    parsed = Parsed(turn_html(make_answer(FACT, FACT, advert), 1))
    assert parsed.text.count("What clinics say to win patients. Not evidence.") == 1
    assert parsed.text.count("Written from primary sources") == 1
    assert parsed.text.count("Written to sell this treatment.") == 1


def test_the_badges_of_gathered_sentences_are_explained_too() -> None:
    advert = make_quote(make_document("Three.", path="c.md", kind=Kind.CLINIC_MARKETING))
    gathered = Gathered(Gathering.NUMBERS, (FACT,))
    parsed = Parsed(turn_html(replace(make_answer(advert), gathered=gathered), 1))
    assert parsed.text.count("Written from primary sources") == 1
    assert "Only clinic marketing supports this." not in parsed.text


def test_questions_on_the_dangers_are_offered_instead_of_doses() -> None:
    asked = "Is it safe at home?"
    stopped = make_answer(outcome=Outcome.SELF_DOSING)
    assert Parsed(turn_html(stopped, 1, examples=[asked])).values("data-ask") == [asked]
    assert Parsed(turn_html(stopped, 1, live=False, examples=[asked])).values("data-ask") == []
    assert Parsed(turn_html(make_answer(outcome=Outcome.CRISIS), 1, examples=[asked])).values("data-ask") == []


def test_what_only_a_gathered_sentence_is_contested_for_stands_with_it() -> None:
    other = make_quote(make_document("Three.", path="c.md"))
    answer = make_answer(other, disagreements=(Disagreement("days", (FACT, CLAIM), 1, "Because."),))
    html = turn_html(replace(answer, gathered=Gathered(Gathering.DURATIONS, (FACT, other))), 1)
    assert html.count("Sources disagree") == 1
    assert html.index('class="cards"') < html.index('class="gathered"') < html.index("Sources disagree")
    assert turn_html(answer, 1).index("Sources disagree") < turn_html(answer, 1).index('class="cards"')
