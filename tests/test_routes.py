"""The routes without a page: the contract for programs, the same answers without scripts, and no question in any log."""

from __future__ import annotations

import json
import logging

import pytest
from starlette.testclient import TestClient

import kqa.routes
from kqa.errors import QuoteMismatch

QUESTION = "Is ketamine addictive?"


def test_ask_answers_with_the_contract(client: TestClient) -> None:
    reply = client.post("/ask", json={"question": "and is it addictive?", "history": [QUESTION]})
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"
    assert {"question", "outcome", "quotes", "manifest"} <= set(reply.json())


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'"a"', b"{}", b'{"question": 3}', b'{"question": ""}', b'{"question": "a", "history": "b"}',
        b"\xff\xfe", b"[" * 60_000, json.dumps({"question": "why " * 600}).encode(),
    ],
    ids=range(11),
)  # fmt: skip
def test_a_bad_request_is_400_in_words(client: TestClient, body: bytes) -> None:
    reply = client.post("/ask", content=body)
    assert reply.status_code == 400
    assert list(reply.json()) == ["error"]


def test_a_broken_index_is_503(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise QuoteMismatch("a quote is not word for word")

    monkeypatch.setattr(kqa.routes, "ask", broken)
    assert client.post("/ask", json={"question": QUESTION}).status_code == 503
    assert client.post("/plain", data={"q": QUESTION}).status_code == 503


def test_ask_takes_no_question_from_the_address(client: TestClient) -> None:
    assert client.get("/ask?q=a").status_code == 405


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_plain_answers_without_scripts(client: TestClient, method: str) -> None:
    asked = {"params": {"q": QUESTION}} if method == "GET" else {"data": {"q": QUESTION}}
    reply = client.request(method, "/plain", **asked)  # type: ignore[arg-type]
    assert reply.status_code == 200
    assert "Sources disagree" in reply.text
    assert "Not medical advice." in reply.text
    assert "<script" not in reply.text
    assert "data-ask" not in reply.text
    assert "default-src 'none'" in reply.headers["content-security-policy"]


def test_plain_shows_help_first_and_the_sources_when_asked_again(client: TestClient) -> None:
    first = client.post("/plain", data={"q": "I want to die"}).text
    assert "tel:988" in first
    assert 'class="card"' not in first
    assert 'name="despite"' in first
    assert "tel:988" in client.post("/plain", data={"q": "I want to die", "despite": "1"}).text


def test_plain_refuses_in_words(client: TestClient) -> None:
    reply = client.post("/plain", data={"q": ""})
    assert reply.status_code == 400
    assert "The question is empty" in reply.text


def test_no_question_is_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "ketamine secretsymptom"
    with caplog.at_level(logging.DEBUG, logger="kqa"), caplog.at_level(logging.INFO, logger="uvicorn"):
        client.post("/ask", json={"question": secret})
        client.get("/plain", params={"q": secret})
        client.get("/", params={"q": secret})
    said = capsys.readouterr()
    logged = "".join(r.getMessage() for r in caplog.records if r.name.startswith(("kqa", "uvicorn", "gradio")))
    assert "secretsymptom" not in logged + said.out + said.err
