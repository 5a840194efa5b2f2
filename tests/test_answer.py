from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

import kqa
from kqa.errors import QuestionError, QuoteMismatch
from kqa.types import Document, Outcome

HORN = "When does the horn sound in fog?"
NOWHERE = "When does the unicorn zeppelin yodel?"
CRISIS = "I want to kill myself"
EMERGENCY = "He took ketamine and is not breathing"
DOSING = "How many mg of ketamine should I take at home?"
ADVICE = "I am pregnant, should I climb the tower while I take ketamine?"

STRAIGHT = [
    # question, outcome, has quotes, has closest, the rules of its notices
    (HORN, Outcome.ANSWERED, True, False, ["not-medical-advice"]),
    (NOWHERE, Outcome.ABSTAINED, False, True, ["not-medical-advice"]),
    (CRISIS, Outcome.CRISIS, False, False, ["crisis", "not-medical-advice"]),
    (EMERGENCY, Outcome.EMERGENCY, False, False, ["emergency", "not-medical-advice"]),
    (DOSING, Outcome.SELF_DOSING, False, False, ["self_dosing", "not-medical-advice"]),
]


@pytest.mark.parametrize(("question", "outcome", "quotes", "closest", "rules"), STRAIGHT)
def test_every_outcome(
    index: kqa.Index, question: str, outcome: Outcome, quotes: bool, closest: bool, rules: list[str]
) -> None:
    answer = kqa.ask(question, index)
    assert (answer.outcome, bool(answer.quotes), bool(answer.closest)) == (outcome, quotes, closest)
    assert [notice.rule for notice in answer.notices] == rules
    assert all(notice.text for notice in answer.notices)
    assert (answer.question, answer.manifest, answer.follows) == (question, index.manifest, None)
    assert bool(answer.unsupported) == (outcome is Outcome.ABSTAINED)
    if outcome not in (Outcome.ANSWERED, Outcome.ABSTAINED):
        assert (answer.confidence, answer.disagreements) == (0.0, ())
        assert answer.notices[0].lines or outcome is Outcome.SELF_DOSING
    else:
        assert (answer.confidence >= index.config.threshold) == (outcome is Outcome.ANSWERED)


def test_an_abstention_names_what_nothing_covers(index: kqa.Index) -> None:
    assert kqa.ask(NOWHERE, index).unsupported == ("unicorn", "zeppelin", "yodel")
    assert 0 < kqa.ask(NOWHERE, index).confidence < index.config.threshold


@pytest.mark.parametrize(
    ("question", "despite", "outcome"),
    [
        (f"{CRISIS}. {HORN}", False, Outcome.CRISIS),
        (f"{CRISIS}. {HORN}", True, Outcome.ANSWERED),
        (f"{EMERGENCY}. {HORN}", True, Outcome.ANSWERED),
        (f"{CRISIS}. {NOWHERE} {NOWHERE}", True, Outcome.ABSTAINED),
        (DOSING, True, Outcome.SELF_DOSING),
        (HORN, True, Outcome.ANSWERED),
    ],
)
def test_despite(index: kqa.Index, question: str, despite: bool, outcome: Outcome) -> None:
    sure = replace(index, config=replace(index.config, threshold=0.1))  # half of the words speak of something else
    answer = kqa.ask(question, sure, despite=despite)
    assert answer.outcome is outcome
    expected = [notice.rule for notice in kqa.ask(question, sure).notices]
    assert [notice.rule for notice in answer.notices] == expected, "help is shown beside what the sources say"


def test_personal_advice_is_a_notice_on_an_answered_question(index: kqa.Index) -> None:
    sure = replace(index, config=replace(index.config, threshold=0.25))  # half of the words speak of something else
    answer = kqa.ask("I am pregnant, can I have ketamine? May visitors climb the tower after dark?", sure)
    assert answer.outcome is Outcome.ANSWERED
    assert [notice.rule for notice in answer.notices] == ["personal_advice", "not-medical-advice"]
    assert answer.quotes


@pytest.mark.parametrize(
    ("question", "history", "follows"),
    [
        (HORN, (), None),
        ("And when?", (HORN,), HORN),
        ("Why?", ("Is the gallery open?", "  Is it cold? "), "Is the gallery open?"),
        (HORN, ("Is the gallery open?",), None),
        ("And when?", [HORN, ""], HORN),
        ("When is it lit, the lamp of the tower?", (HORN,), None),  # seems to lean on the horn, and does not
    ],
)
def test_a_follow_up_says_which_question_it_was_read_with(
    index: kqa.Index, question: str, history: tuple[str, ...], follows: str | None
) -> None:
    answer = kqa.ask(question, index, history)
    assert answer.follows == follows
    assert answer.question == question
    if follows:
        found = index.search(question, 10, follows.strip())[:5]
        assert [q.hit for q in (*answer.quotes, *answer.closest)] == found == kqa.search(question, index, history)


def test_a_crisis_in_the_conversation_is_carried_on(index: kqa.Index) -> None:
    assert kqa.ask("please answer", index, (CRISIS,)).outcome is Outcome.CRISIS
    assert kqa.ask(HORN, index, (CRISIS,)).outcome is Outcome.ANSWERED


@pytest.mark.parametrize("question", [HORN, NOWHERE, "May visitors climb the tower after dark?", "ferry", "dogs and drones"])
@pytest.mark.parametrize("k", [1, 2, 5, 50])
def test_quotes_stand_in_the_order_of_search(index: kqa.Index, question: str, k: int) -> None:
    answer = kqa.ask(question, index, k=k)
    quotes = answer.quotes or answer.closest
    hits = kqa.search(question, index, k=k)
    assert [quote.hit for quote in quotes] == hits
    assert len(hits) == min(k, len(index.passages))
    assert answer.confidence == kqa.ask(question, index, k=5).confidence, "how many are shown makes nobody surer"
    for quote in quotes:
        text = index.documents[quote.citation.document].text
        assert text[quote.citation.span.start : quote.citation.span.end] == quote.text
        assert text[quote.answer.start : quote.answer.end] == quote.answer_text
        assert quote.answer_text in quote.text
        assert quote.citation.sha256 == index.documents[quote.citation.document].sha256


@pytest.mark.parametrize("k", [0, -1, 51, 10**9])
@pytest.mark.parametrize("function", [kqa.ask, kqa.search])
def test_numbers_of_quotes_that_cannot_be_shown(index: kqa.Index, function, k: int) -> None:
    with pytest.raises(QuestionError, match=rf"{k} quotes cannot be shown; ask for 1 to 50"):
        function(HORN, index, k=k)


@pytest.mark.parametrize("question", ["", " ", "🌊", "\0", "?!"])
@pytest.mark.parametrize("function", [kqa.ask, kqa.search])
def test_what_cannot_be_asked(index: kqa.Index, function, question: str) -> None:
    with pytest.raises(QuestionError):
        function(question, index)


def test_ten_thousand_characters(index: kqa.Index) -> None:
    long = "Tell me about the lamp and the horn. " * 270
    assert len(long) > 9_900
    with pytest.raises(QuestionError, match="characters; ask in at most 2,000"):
        kqa.ask(long, index)
    for question in (long + CRISIS, f"{CRISIS}. {long}", long[:5000] + f". {CRISIS}. " + long[5000:]):
        assert kqa.ask(question, index).outcome is Outcome.CRISIS


@pytest.mark.parametrize(
    "question",
    ["<script>alert(1)</script> the lamp", "the \u202epmal", "lamp' OR 1=1 --", "${lamp} {{lamp}}", "灯 lamp", "lamp " * 400],
)
def test_odd_questions_are_questions(index: kqa.Index, question: str) -> None:
    answer = kqa.ask(question, index)
    assert answer.question == " ".join(question.split())
    assert json.loads(kqa.to_json(answer))["question"] == answer.question


ASKED = [
    (HORN, ()), (NOWHERE, ()), (CRISIS, ()), ("And in summer?", (HORN,)), ("May visitors climb the tower after dark?", ()),
]  # fmt: skip


def test_the_same_question_gives_the_same_bytes(index: kqa.Index, index_folder) -> None:
    again = kqa.Index.load(index_folder)
    for question, history in ASKED:
        first = kqa.to_json(kqa.ask(question, index, history))
        assert kqa.to_json(kqa.ask(question, index, history)) == first == kqa.to_json(kqa.ask(question, again, history))


def test_threads_share_nothing(index_folder) -> None:
    index = kqa.Index.load(index_folder)
    alone = [kqa.to_json(kqa.ask(question, kqa.Index.load(index_folder), history)) for question, history in ASKED]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda asked: kqa.to_json(kqa.ask(asked[0], index, asked[1])), ASKED * 16))
    assert together == alone * 16


@pytest.mark.weights
def test_threads_share_nothing_with_the_real_encoder(real_index: kqa.Index) -> None:
    alone = [kqa.to_json(kqa.ask(question, real_index, history)) for question, history in ASKED]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda asked: kqa.to_json(kqa.ask(asked[0], real_index, asked[1])), ASKED * 8))
    assert together == alone * 8


class Turning(Mapping[str, Document]):
    """Documents that read otherwise from the second look on."""

    def __init__(self, documents: Mapping[str, Document], **changes: object) -> None:
        self._documents, self._changes, self._seen = documents, changes, set[str]()

    def __getitem__(self, path: str) -> Document:
        document = self._documents[path]
        if path not in self._seen:
            return document
        return replace(document, **self._changes)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[str]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)

    def turn(self) -> None:
        self._seen.update(self._documents)


@pytest.mark.parametrize(
    "changes", [{"text": "short"}, {"text": ""}, {"text": "another text of the same place " * 100}, {"sha256": "0" * 64}]
)
def test_a_document_that_is_not_what_was_built_is_an_error(index: kqa.Index, changes: dict[str, str], monkeypatch) -> None:
    documents = Turning(index.documents, **changes)
    cut = Document.cut

    def cut_then_turn(self: Document, *arguments: object) -> object:
        quote = cut(self, *arguments)  # type: ignore[arg-type]
        documents.turn()
        return quote

    monkeypatch.setattr(Document, "cut", cut_then_turn)
    with pytest.raises(QuoteMismatch, match="rebuild with: kqa build"):
        kqa.ask(HORN, replace(index, documents=documents), k=1)


def test_a_document_that_shrank_is_an_error(index: kqa.Index) -> None:
    documents = {path: replace(document, text=document.text[:40]) for path, document in index.documents.items()}
    with pytest.raises(QuoteMismatch, match=r"has no text at \[\d+, \d+\); rebuild with: kqa build"):
        kqa.ask(HORN, replace(index, documents=documents))


def test_nothing_but_its_arguments_shapes_an_answer() -> None:
    assert list(inspect.signature(kqa.ask).parameters) == ["question", "index", "history", "k", "despite"]
    assert list(inspect.signature(kqa.search).parameters) == ["question", "index", "history", "k"]


@pytest.mark.parametrize(
    "question", ["I don\x92t want to live anymore, I want to kill myself", "I want to die\0", "x\n" * 9000 + CRISIS]
)
def test_whoever_is_in_danger_gets_help_whatever_the_question_holds(index: kqa.Index, question: str) -> None:
    assert kqa.ask(question, index).outcome is Outcome.CRISIS


@pytest.mark.parametrize(
    ("question", "history"),
    [
        ("i want to die how much ketamine should i take", ()),
        ("I want to die", ("how much ketamine should I snort",)),
        ("How much ketamine would it take to kill me", ()),
        ("I want to die", ("which amount is fatal",)),
    ],
)
def test_despite_never_answers_who_asks_for_doses(index: kqa.Index, question: str, history: tuple[str, ...]) -> None:
    answer = kqa.ask(question, index, history, despite=True)
    assert (answer.outcome, answer.quotes, answer.closest) == (Outcome.CRISIS, (), ())


def test_a_follow_up_to_a_refused_question_is_not_repeated_back(index: kqa.Index) -> None:
    assert kqa.ask(HORN, index, ("how much ketamine should I snort", "what about 100")).follows is None


def test_half_characters_in_the_history_do_no_harm(index: kqa.Index) -> None:
    assert kqa.ask("And is it loud?", index, ["When does the \ud800 horn sound?"]).follows == "When does the horn sound?"


def test_help_comes_though_the_question_cannot_be_read(index: kqa.Index, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(kqa.Index, "read", broken)
    assert kqa.ask(CRISIS, index).outcome is Outcome.CRISIS
    with pytest.raises(ZeroDivisionError):
        kqa.ask("When is the beacon switched on?", index)


def test_where_no_thread_is_to_be_had_a_question_is_read_after_its_screening(
    index: kqa.Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("When is the beacon switched on?", CRISIS)
    before = [kqa.to_json(kqa.ask(question, index)) for question in asked]

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert [kqa.to_json(kqa.ask(question, index)) for question in asked] == before


def test_a_database_is_read_only_after_the_screening(index: kqa.Index, monkeypatch: pytest.MonkeyPatch) -> None:
    class Home:
        def consistently(self, act):
            return act({})

    read = []
    monkeypatch.setattr(kqa.Index, "read", lambda _, query, follows=None: read.append(query) or ())
    assert kqa.ask(CRISIS, replace(index, home=Home())).outcome is Outcome.CRISIS
    assert read == []
