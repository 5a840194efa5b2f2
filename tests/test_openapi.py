"""What is said of ``/ask`` is true of what it answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import kqa
from browser_server import small_index
from kqa.openapi import description
from kqa.types import Gathered, Gathering

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed: it comes with kqa[test]")

QUESTIONS = [
    {"question": "Is ketamine addictive?"}, {"question": "and is it addictive?", "history": ["What are the side effects?"]},
    {"question": "quantum zebra"}, {"question": "I want to die", "country": "UK"},
    {"question": "How long does a session last?"},
    {"question": "How much ketamine should I snort?"}, {"question": "What are the side effects?", "country": None},
    {"question": "Should I stop my tablets before ketamine?"},
]  # fmt: skip
BAD: list[dict[str, Any]] = [
    {}, {"question": 3}, {"question": ""}, {"question": "a", "history": "b"}, {"question": "a", "history": [1]},
    {"question": "a", "country": "Atlantis"}, {"question": "why " * 600},
]  # fmt: skip


@pytest.fixture(scope="module")
def described(client: TestClient) -> dict[str, Any]:
    reply = client.get("/openapi.json")
    assert reply.headers["content-type"] == "application/json"
    found: dict[str, Any] = reply.json()
    return found


def check(described: dict[str, Any], name: str, instance: object) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
    jsonschema.Draft202012Validator(schema).validate(instance)


def test_it_is_served_as_it_is_described(described: dict[str, Any]) -> None:
    assert described == json.loads(description())
    assert described["openapi"].startswith("3.1")
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("asked", QUESTIONS, ids=lambda asked: asked["question"])
def test_real_answers_are_as_described(client: TestClient, described: dict[str, Any], asked: dict[str, Any]) -> None:
    check(described, "Question", asked)
    reply = client.post("/ask", json=asked)
    assert reply.status_code == 200
    check(described, "Answer", reply.json())


def test_the_questions_reach_every_part(client: TestClient) -> None:
    replies = [client.post("/ask", json=asked).json() for asked in QUESTIONS]
    assert {"answered", "abstained", "crisis", "self_dosing"} <= {reply["outcome"] for reply in replies}
    for part in ("quotes", "closest", "disagreements", "unsupported", "follows"):
        assert any(reply[part] for reply in replies), part
    assert any(quote["citation"]["references"] for reply in replies for quote in reply["quotes"])


@pytest.mark.parametrize("asked", BAD, ids=range(len(BAD)))
def test_what_is_refused_is_as_described(client: TestClient, described: dict[str, Any], asked: dict[str, Any]) -> None:
    reply = client.post("/ask", json=asked)
    assert reply.status_code == 400
    check(described, "Error", reply.json())
    with pytest.raises(jsonschema.ValidationError):
        check(described, "Question", asked)


def test_sentences_gathered_are_as_described(described: dict[str, Any], tmp_path: Path) -> None:
    answer = kqa.ask(QUESTIONS[0]["question"], kqa.Index.load(small_index(tmp_path)))
    gathered = Gathered(Gathering.DURATIONS, answer.quotes[:1])
    check(described, "Answer", json.loads(kqa.to_json(replace(answer, gathered=gathered))))


def test_every_status_is_described(client: TestClient, described: dict[str, Any]) -> None:
    told = described["paths"]["/ask"]["post"]["responses"]
    assert {"200", "400", "401", "403", "405", "413", "429", "500", "503"} == set(told)
    for reply in (client.post("/ask", content=b"x" * 70_000), client.put("/ask", content=b"")):
        assert str(reply.status_code) in told
        check(described, "Error", reply.json())


def test_a_wrong_answer_would_be_found(client: TestClient, described: dict[str, Any]) -> None:
    answer = client.post("/ask", json=QUESTIONS[0]).json()
    for wrong in (
        {**answer, "outcome": "maybe"},
        {**answer, "advice": "x"},
        {k: v for k, v in answer.items() if k != "quotes"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            check(described, "Answer", wrong)
