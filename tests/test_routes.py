"""The routes without a page: the contract for programs, the same answers without scripts, and no question in any log."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

import kqa.routes
from browser_server import small_index
from kqa.errors import QuoteMismatch
from kqa.index import Index
from kqa.page import build_app
from kqa.rules import load_rules

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


@pytest.fixture(scope="module")
def client_of_uk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    index = Index.load(small_index(tmp_path_factory.mktemp("uk")))
    with TestClient(build_app(index, country="UK")) as started:
        yield started


def countries_of(reply: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(line["country"] for line in reply["notices"][0]["lines"]))


@pytest.mark.parametrize(
    ("country", "first", "first_of_uk"),
    [({}, "US", "UK"), ({"country": None}, "US", "UK"), ({"country": "EU"}, "EU", "EU"), ({"country": "us"}, "US", "US")],
)
def test_ask_orders_all_help_lines_by_the_country_asked_for(
    client: TestClient, client_of_uk: TestClient, country: dict[str, str], first: str, first_of_uk: str
) -> None:
    asked = {"question": "I want to die", **country}
    for served_by, expected in ((client, first), (client_of_uk, first_of_uk)):
        reply = served_by.post("/ask", json=asked).json()
        assert countries_of(reply)[0] == expected
        assert set(countries_of(reply)) == {"US", "UK", "EU", "Canada", "Australia", "elsewhere"}
        assert len(reply["notices"][0]["lines"]) == len(load_rules().notices["crisis"].lines)


@pytest.mark.parametrize("country", ["", "Atlantis", 3, ["UK"]])
def test_an_unknown_country_is_400_in_words(client: TestClient, country: object) -> None:
    reply = client.post("/ask", json={"question": QUESTION, "country": country})
    assert reply.status_code == 400
    assert reply.json()["error"].endswith("choose US, UK, EU, Canada, Australia or elsewhere")


@pytest.mark.parametrize("form", [{"q": QUESTION, "country": "Atlantis"}, {"country": "Atlantis"}])
def test_plain_refuses_an_unknown_country_in_words(client: TestClient, form: dict[str, str]) -> None:
    for reply in (client.post("/plain", data=form), client.get("/plain", params=form)):
        assert reply.status_code == 400
        assert "The country &#39;Atlantis&#39; has no help lines; choose US, UK" in reply.text


def test_plain_puts_a_country_first_and_keeps_it_for_what_is_asked_next(client: TestClient, client_of_uk: TestClient) -> None:
    led = '<div class="lead"><div data-country="{}">'
    assert led.format("US") in client.post("/plain", data={"q": "I want to die"}).text
    assert led.format("US") in client.post("/plain", data={"q": "I want to die", "country": ""}).text
    assert led.format("UK") in client_of_uk.post("/plain", data={"q": "I want to die"}).text
    kept = '<input type="hidden" name="country" value="Canada">'
    for form in ({"q": "I want to die"}, {"q": "I want to die", "despite": "1"}, {"q": QUESTION}, {}):
        text = client_of_uk.post("/plain", data={**form, "country": "canada"}).text
        assert kept in text
        assert (led.format("Canada") in text) is (form.get("q") == "I want to die")


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
