"""The routes without a page: the contract for programs, the same answers without scripts, and no question in any log."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest
from starlette.requests import Request
from starlette.testclient import TestClient

import kqa.admission
from browser_server import small_index
from kqa.access import Access
from kqa.admission import Admission
from kqa.errors import IndexUnreachable, QuoteMismatch
from kqa.index import Index
from kqa.limits import Places, read_networks, too_many
from kqa.page import build_app
from kqa.routes import plain_route
from kqa.rules import load_rules
from kqa.serving import Serving

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

    monkeypatch.setattr(kqa.admission, "ask", broken)
    assert client.post("/ask", json={"question": QUESTION}).status_code == 503
    assert client.post("/plain", data={"q": QUESTION}).status_code == 503


def test_where_the_index_is_is_not_told_to_strangers(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise IndexUnreachable("postgresql://db.internal:5432/kqa went away")

    monkeypatch.setattr(kqa.admission, "ask", broken)
    for reply in (client.post("/ask", json={"question": QUESTION}), client.post("/plain", data={"q": QUESTION})):
        assert reply.status_code == 503
        assert "the index cannot answer now; try again" in reply.text.lower()
        assert "db.internal" not in reply.text
    assert "the index cannot answer: IndexUnreachable" in caplog.text
    assert "db.internal" not in caplog.text


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


@pytest.mark.parametrize("country", ["", "France", 3, ["UK"]])
def test_an_unknown_country_keeps_no_help_from_who_needs_it(
    client: TestClient, client_of_uk: TestClient, country: object
) -> None:
    for served_by, first in ((client, "US"), (client_of_uk, "UK")):
        reply = served_by.post("/ask", json={"question": "I want to kill myself", "country": country})
        assert (reply.status_code, reply.json()["outcome"]) == (200, "crisis")
        assert countries_of(reply.json())[0] == first
        for form in ({}, {"despite": "1"}):
            shown = served_by.post("/plain", data={"q": "I want to kill myself", "country": "France", **form})
            assert shown.status_code == 200
            assert f'<div class="lead"><div data-country="{first}">' in shown.text


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


def test_plain_reads_an_address_that_is_not_utf_8(index: Index) -> None:
    asked = {"type": "http", "method": "GET", "path": "/plain", "query_string": b"q=side effects \x9d", "headers": []}
    reply = anyio.run(plain_route(Serving(index), Admission()), Request(asked))
    assert (reply.status_code, "side effects \ufffd" in reply.body.decode()) == (200, True)


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


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return Index.load(small_index(tmp_path_factory.mktemp("limited")))


def test_beyond_the_rate_it_is_429_and_help_is_still_given(index: Index) -> None:
    """One bucket of three for all ways to ask, the page's calls among them."""
    with TestClient(build_app(index, access=Access(3))) as client:
        stage = next(c for c in client.get("/config").json()["components"] if c["props"].get("elem_id") == "stage")

        def call(name: str, **data: Any) -> Any:
            sent = {"data": data, "component_id": stage["id"], "fn_name": name, "session_hash": "s"}
            return client.post("/gradio_api/component_server/", json=sent)

        assert client.post("/ask", json={"question": QUESTION}).status_code == 200
        assert client.post("/plain", data={"q": QUESTION}).status_code == 200
        assert "html" in call("turn", question=QUESTION).json()
        for reply in (
            client.post("/ask", json={"question": QUESTION}), client.post("/plain", data={"q": QUESTION}),
            client.get("/plain", params={"q": QUESTION}),
        ):  # fmt: skip
            assert reply.status_code == 429
            assert 1 <= int(reply.headers["retry-after"]) <= 20
            assert reply.headers["cache-control"] == "no-store"
            assert "oo many questions came from your address within a minute; ask again in " in reply.text
        for name, data in (
            ("turn", {"question": QUESTION}), ("sources", {"question": QUESTION}), ("document", {"path": "clinics/benefits.md"})
        ):  # fmt: skip
            told = call(name, **data)
            assert told.status_code == 429
            assert 1 <= int(told.headers["retry-after"]) <= 20
            assert told.json()["detail"]["error"].startswith("too many questions came from your address")
        for text in (
            client.post("/ask", json={"question": "I want to die"}).text, call("turn", question="I want to die").json()["html"],
            client.post("/plain", data={"q": "I want to die", "despite": "1"}).text,
        ):  # fmt: skip
            assert "988" in text
        for path in ("/", "/plain", "/how-well", "/healthz", "/metrics"):
            assert client.get(path).status_code == 200
        assert 'kqa_refused_total{reason="rate"} 6.0' in client.get("/metrics").text


def test_each_client_of_a_trusted_proxy_has_its_own_rate(index: Index) -> None:
    for proxies, expected in ((read_networks(["10.0.0.1"]), [200, 200, 429]), ((), [200, 429, 429])):
        with TestClient(build_app(index, access=Access(1, proxies)), client=("10.0.0.1", 5)) as client:
            told = [
                client.post("/ask", json={"question": QUESTION}, headers={"x-forwarded-for": sender}).status_code
                for sender in ("198.51.100.1", "198.51.100.2", "9.9.9.9, 198.51.100.1")
            ]
            assert told == expected


def test_beyond_the_places_it_is_503_in_words(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Places) -> None:
        raise too_many()

    monkeypatch.setattr(Places, "try_take", lambda self: False)
    monkeypatch.setattr(Places, "take", full)
    for reply in (client.post("/ask", json={"question": QUESTION}), client.post("/plain", data={"q": QUESTION})):
        assert (reply.status_code, reply.headers["retry-after"]) == (503, "5")
        assert "oo many questions are being answered at this moment" in reply.text
    assert client.post("/ask", json={"question": "I want to die"}).json()["outcome"] == "crisis"


def test_many_at_once_are_all_answered_or_told_to_come_again(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    working: list[int] = []
    most = 0

    def slowly(*given: Any, **named: Any) -> Any:
        nonlocal most
        working.append(1)
        most = max(most, len(working))
        time.sleep(0.1)
        working.pop()
        return answer(*given, **named)

    answer = kqa.admission.ask
    monkeypatch.setattr(kqa.admission, "ask", slowly)
    with TestClient(build_app(index)) as client, ThreadPoolExecutor(60) as pool:
        statuses = list(pool.map(lambda _: client.post("/ask", json={"question": QUESTION}).status_code, range(60)))
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= 3 * min(os.cpu_count() or 1, 8)  # the places, and two that wait for each
    assert most <= 8
