"""The page's handlers without a port: what they answer, what they refuse, and that they share nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import kqa.admission
import kqa.page
from browser_server import small_index
from kqa.errors import IndexUnreachable
from kqa.index import Index
from kqa.page import build_app, build_page, launch_settings, server_functions
from kqa.serving import Served, Serving

ROOT = Path(__file__).parents[1]
QUESTION = "Is ketamine addictive?"


def offering(*examples: str) -> Callable[[Index], Served]:
    return lambda index: Served(index, examples)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_index(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def index(folder: Path) -> Index:
    return Index.load(folder)


@pytest.fixture(scope="module")
def handlers(index: Index) -> dict[str, Any]:
    return {
        handler.__name__: handler for handler in server_functions(Serving(index, offering("Which question has an answer?")))
    }


def test_a_turn_quotes_and_shows_the_disagreement(handlers: dict[str, Any]) -> None:
    html = handlers["turn"]({"question": QUESTION, "history": [], "turn": 7})["html"]
    assert 'id="t7-c1"' in html
    assert "Sources disagree" in html
    assert "data-kept" in html


def test_a_follow_up_says_what_it_was_read_with(handlers: dict[str, Any]) -> None:
    html = handlers["turn"]({"question": "and the side effects of it?", "history": [QUESTION], "turn": 2})["html"]
    assert "Read as a follow-up to:" in html
    assert "data-alone" in html
    assert "Read as a follow-up to:" not in handlers["turn"]({"question": "and the side effects of it?"})["html"]


def test_an_abstention_offers_questions_that_have_answers(handlers: dict[str, Any]) -> None:
    html = handlers["turn"]({"question": "quantum zebra", "history": []})["html"]
    assert "No source here answers" in html
    assert "Which question has an answer?" in html


def test_a_crisis_shows_help_and_the_sources_only_when_opened(handlers: dict[str, Any]) -> None:
    asked = {"question": "I want to die", "history": [], "turn": 1}
    html = handlers["turn"](asked)["html"]
    assert 'href="tel:988"' in html
    assert 'class="card"' not in html
    assert "data-kept" not in html
    assert 'href="tel:988"' not in handlers["sources"](asked)["html"]


@pytest.mark.parametrize("country", [None, "Australia"])
def test_the_operators_country_comes_first(index: Index, country: str | None) -> None:
    [turn, *_] = server_functions(Serving(index), None, country)
    led = f'<div class="lead"><div data-country="{country or "US"}">'
    assert led in turn({"question": "I want to die"})["html"]
    assert led in turn({"question": "How much ketamine should I snort?"})["html"]
    with TestClient(build_app(index, country=country)) as client:
        stage = next(c for c in client.get("/config").json()["components"] if c["props"].get("elem_id") == "stage")
        assert led in stage["props"]["value"], "the help beside a question that was not answered"


def test_self_dosing_never_shows_amounts(handlers: dict[str, Any]) -> None:
    asked = {"question": "How much ketamine should I snort?", "history": []}
    assert "data-despite" not in handlers["turn"](asked)["html"]
    assert 'class="card"' not in handlers["sources"](asked)["html"]


def test_a_document_opens_at_its_passage(handlers: dict[str, Any], index: Index) -> None:
    passage = next(p for p in index.passages if p.section == "Is ketamine addictive?")
    sentence = passage.sentences[0]
    html = handlers["document"]({"path": passage.document, "span": [passage.start, passage.end, sentence.start, sentence.end]})[
        "html"
    ]
    assert "<mark>Ketamine can be addictive when it is used often.<sup>" in html
    assert "references:" not in html
    assert "<mark>" not in handlers["document"]({"path": passage.document, "span": None})["html"]


@pytest.mark.parametrize(
    "data",
    [
        None, 7, [], "text", {}, {"question": None}, {"question": 3}, {"question": ["a"]}, {"question": "a", "history": "b"},
        {"question": "a", "history": [1]}, {"question": ""}, {"question": " \n"}, {"question": "?!"}, {"question": "a\x00b"},
        {"question": "why " * 600},
    ],
)  # fmt: skip
def test_a_request_of_another_form_is_refused_in_words(handlers: dict[str, Any], data: Any) -> None:
    for name in ("turn", "sources"):
        reply = handlers[name](data)
        assert reply["final"]
        assert "html" not in reply


@pytest.mark.parametrize("path", [None, 3, "", "../../etc/passwd", "/etc/passwd", "reference/none.md", ["a"]])
def test_only_documents_of_the_index_open(handlers: dict[str, Any], path: Any) -> None:
    assert handlers["document"]({"path": path})["error"] == "this document is not in the index; reload the page"


@pytest.mark.parametrize(
    "span", [[1], [0, 1, 2], ["a"] * 4, [-1, 2, 3, 4], [0, 10**9, 0, 1], [9, 2, 5, 1], [True] * 4, {"a": 1}]
)
def test_a_span_of_another_form_opens_the_document_without_it(handlers: dict[str, Any], span: Any) -> None:
    assert "Whole document, word for word" in handlers["document"]({"path": "clinics/benefits.md", "span": span})["html"]


def test_turns_share_nothing(handlers: dict[str, Any]) -> None:
    asked = {"question": QUESTION, "history": [], "turn": 1}
    before = handlers["turn"](asked)
    handlers["turn"]({"question": "What are the side effects?", "history": ["my secret"], "turn": 5})
    assert handlers["turn"](asked) == before


def test_every_answer_goes_through_ask(monkeypatch: pytest.MonkeyPatch, handlers: dict[str, Any]) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("secret question")

    monkeypatch.setattr(kqa.page, "ask", refuse)
    monkeypatch.setattr(kqa.admission, "ask", refuse)
    for name in ("turn", "sources"):
        reply = handlers[name]({"question": QUESTION})
        assert "Something went wrong" in reply["error"]
        assert "secret" not in json.dumps(reply)


def test_a_failure_is_logged_without_the_question(
    monkeypatch: pytest.MonkeyPatch, handlers: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kqa.admission, "ask", lambda *_, **__: 1 / 0)
    handlers["turn"]({"question": "my secret"})
    assert "ZeroDivisionError" in caplog.text
    assert "secret" not in caplog.text


def test_where_the_index_is_is_not_told_to_strangers(monkeypatch: pytest.MonkeyPatch, handlers: dict[str, Any]) -> None:
    def broken(*_: object, **__: object) -> None:
        raise IndexUnreachable("postgresql://db.internal:5432/kqa went away")

    monkeypatch.setattr(kqa.admission, "ask", broken)
    assert handlers["turn"]({"question": QUESTION}) == {"error": "the index cannot answer now; try again", "final": False}


def test_the_page_calls_nobody_and_keeps_no_history(index: Index) -> None:
    page = build_page(Serving(index))
    assert not page.analytics_enabled
    settings = launch_settings()
    assert settings["run_history"] is False
    assert settings["footer_links"] == []


def test_the_handlers_answer_over_http_as_the_page_calls_them(index: Index) -> None:
    with TestClient(build_app(index)) as client:
        config = client.get("/config").json()
        stage = next(c for c in config["components"] if c["props"].get("elem_id") == "stage")
        asked = {"data": {"question": QUESTION}, "component_id": stage["id"], "fn_name": "turn", "session_hash": "s"}
        assert "Sources disagree" in client.post("/gradio_api/component_server/", json=asked).json()["html"]
        assert client.post("/gradio_api/run/ask", json={"data": [QUESTION]}).status_code == 404, (
            "its errors repeat the question"
        )


@pytest.fixture
def judging(index: Index, tmp_path: Path) -> dict[str, Any]:
    return {handler.__name__: handler for handler in server_functions(Serving(index), tmp_path / "judged.jsonl")}


def sent(index: Index, **changes: object) -> dict[str, Any]:
    """Return what the page sends when the first passage is judged."""
    passage = index.passages[0]
    place = {"document": passage.document, "start": passage.start, "end": passage.end}
    return {"question": QUESTION, "history": [], **place, "verdict": "part", **changes}


def test_a_judgment_is_kept_and_the_reader_told(judging: dict[str, Any], index: Index, tmp_path: Path) -> None:
    reply = judging["judge"](sent(index))
    assert reply == {"html": '<div class="kept"><p>Thank you. Kept: “Answers in part”.</p></div>'}
    kept = json.loads((tmp_path / "judged.jsonl").read_text(encoding="utf-8"))
    assert (kept["question"], kept["verdict"]) == (QUESTION, "part")


@pytest.mark.parametrize(
    "changes", [{"question": "I want to die"}, {"verdict": "great"}, {"start": 7}, {"document": {}}, {"history": 3}], ids=str
)
def test_nothing_is_written_of_what_is_refused(
    judging: dict[str, Any], index: Index, tmp_path: Path, changes: dict[str, object]
) -> None:
    reply = judging["judge"](sent(index, **changes))
    assert "html" not in reply
    assert reply["final"]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_broke_is_said_and_the_page_goes_on(judging: dict[str, Any], index: Index, tmp_path: Path) -> None:
    (tmp_path / "judged.jsonl").mkdir()
    reply = judging["judge"](sent(index))
    assert "not kept: the file for it cannot be written" in reply["error"]
    assert str(tmp_path) not in json.dumps(reply)
    assert "html" in judging["turn"]({"question": QUESTION})


def test_a_judgment_that_fails_otherwise_is_said_without_its_question(
    judging: dict[str, Any], index: Index, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kqa.page, "keep", lambda *_: 1 / 0)
    reply = judging["judge"](sent(index, question="my secret"))
    assert reply == {"error": "Something went wrong here, and this judgment was not kept. Try again."}
    assert "ZeroDivisionError" in caplog.text
    assert "secret" not in caplog.text


def test_only_answers_have_the_control(judging: dict[str, Any]) -> None:
    assert judging["turn"]({"question": QUESTION})["html"].count(">Judge this passage<") == 5
    for question in ("quantum zebra", "I want to die", "How much ketamine should I snort?"):
        assert "udge" not in judging["turn"]({"question": question})["html"]
    assert "udge" not in judging["sources"]({"question": "I want to die, is ketamine addictive?"})["html"]


TRACES = ("Judge this passage", "data-verdict", "[data-verdict]", ".verdicts", '"judge"', ".judge")


def test_where_nothing_may_be_judged_the_page_has_no_trace_of_it(index: Index, tmp_path: Path) -> None:
    assert [handler.__name__ for handler in server_functions(Serving(index))] == ["turn", "sources", "document", "verify"]
    path = tmp_path / "judged.jsonl"
    for feedback in (None, path):
        with TestClient(build_app(index, feedback=feedback), raise_server_exceptions=False) as client:
            config = client.get("/config").json()
            stage = next(c for c in config["components"] if c["props"].get("elem_id") == "stage")
            call = {"component_id": stage["id"], "session_hash": "s"}
            asked = {**call, "fn_name": "turn", "data": {"question": QUESTION}}
            turn = client.post("/gradio_api/component_server/", json=asked).json()["html"]
            page = client.get("/").text + json.dumps(config) + turn
            found = [trace for trace in TRACES if trace in page.replace("\\", "")]
            assert found == ([] if feedback is None else list(TRACES))
            plain = client.post("/plain", data={"q": QUESTION}).text
            assert [trace for trace in TRACES if trace in plain] == []
            judged = {**call, "fn_name": "judge", "data": sent(index)}
            assert (client.post("/gradio_api/component_server/", json=judged).status_code == 200) is (feedback is not None)
            assert path.exists() is (feedback is not None)


@pytest.mark.parametrize("command", [["app.py"], ["-m", "kqa", "serve"]])
def test_a_file_that_cannot_be_written_is_a_failed_start(folder: Path, tmp_path: Path, command: list[str]) -> None:
    given = ["--index", str(folder), "--port", "0", "--feedback", str(tmp_path / "no" / "judged.jsonl")]
    ran = subprocess.run([sys.executable, *command, *given], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    assert len(ran.stderr.strip().splitlines()) == 1
    assert "cannot be written (No such file or directory); name another file with --feedback" in ran.stderr


def test_the_question_box_is_not_filled_by_the_browser(index: Index) -> None:
    with TestClient(build_app(index)) as client:
        box = next(c for c in client.get("/config").json()["components"] if c["props"].get("elem_id") == "question")
    assert box["props"]["html_attributes"]["autocomplete"] == "off"


@pytest.mark.parametrize("command", [["app.py"], ["-m", "kqa", "serve"]])
def test_an_unknown_country_is_a_failed_start(folder: Path, command: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, *command, "--index", str(folder), "--port", "0", "--country", "Atlantis"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert len(ran.stderr.strip().splitlines()) == 1
    assert "choose US, UK, EU, Canada, Australia or elsewhere" in ran.stderr


@pytest.mark.parametrize("command", [["app.py"], ["-m", "kqa", "serve"]])
def test_a_missing_index_is_a_failed_start(tmp_path: Path, command: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, *command, "--index", str(tmp_path / "none"), "--port", "0"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert len(ran.stderr.strip().splitlines()) == 1
    assert "no index" in ran.stderr


def stage_of(client: TestClient) -> str:
    config = client.get("/config").json()
    return str(next(c for c in config["components"] if c["props"].get("elem_id") == "stage")["props"]["value"])


def test_the_page_carries_its_suggestions_and_no_listed_question_that_is_none(index: Index) -> None:
    with TestClient(build_app(index)) as client:
        carried = re.search(r'data-questions="([^"]*)"', stage_of(client))
    assert carried
    assert json.loads(unescape(carried[1])) == [QUESTION, "How long does a session last?"]


@pytest.mark.parametrize("at", [(0, 0), (1, -1), (1, 0), (0, 1)])
def test_a_link_shows_a_passage_only_where_it_still_is_one(handlers: dict[str, Any], index: Index, at: tuple[int, int]) -> None:
    passage = index.passages[0]
    start, end = passage.start + at[0], passage.end + at[1]
    html = handlers["document"]({"path": passage.document, "span": [start, end, start, end], "linked": True})["html"]
    assert ("no longer stand here" in html) is (at != (0, 0))
    assert (" hit" in html) is (at == (0, 0))


@pytest.mark.parametrize("span", [[], [1], "text", [5, 2, 5, 2], {"a": 1}])
def test_a_link_to_no_place_opens_the_document_and_says_so(handlers: dict[str, Any], span: Any) -> None:
    sent = {"path": "clinics/benefits.md", "linked": True}
    assert "no longer stand here" in handlers["document"]({**sent, "span": span})["html"]
    assert "no longer stand here" not in handlers["document"](sent)["html"]
    assert handlers["document"]({**sent, "path": "gone.md"})["error"] == "the document of this link is not here"


def test_verify_compares_with_the_index_and_trusts_nothing(handlers: dict[str, Any], index: Index) -> None:
    passage = index.passages[0]
    document = index.documents[passage.document]
    text = document.text[passage.start : passage.end]
    sent = {"path": document.path, "start": passage.start, "end": passage.end, "text": text, "sha256": document.sha256}
    assert "The same, word for word." in handlers["verify"](sent)["html"]
    assert "They differ" in handlers["verify"]({**sent, "text": "other"})["html"]
    for data in (None, [], {}, {**sent, "path": "../../etc/passwd"}, {**sent, "start": "1"}, {**sent, "text": None}):
        assert "html" not in handlers["verify"](data)


def test_sources_of_a_referred_question_cannot_be_linked(handlers: dict[str, Any]) -> None:
    asked = {"question": "I took too much ketamine. What are the side effects of ketamine?", "turn": 1}
    assert "data-kept" not in handlers["turn"](asked)["html"]
    shown = handlers["sources"](asked)["html"]
    assert 'class="card"' in shown
    assert "data-verify" in shown
    assert "data-passage" not in shown
