"""What stands before the page: closed doors, bounded bodies, headers on everything, and routes that never log a question."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from browser_server import small_index
from kqa.guard import BODY_LIMIT
from kqa.howwell import Record
from kqa.index import Index
from kqa.measures import Estimate
from kqa.page import build_app

QUESTION = "Is ketamine addictive?"


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/plain", "/how-well", "/about", "/nothing", "/gradio_api/upload", "/config", "/theme.css"]
)
def test_every_response_has_the_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "http" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/upload", "/gradio_api/upload_progress", "/gradio_api/file=/etc/passwd", "/gradio_api/proxy=http://a.example",
        "/gradio_api/queue/join", "/gradio_api/heartbeat/abc", "/gradio_api/runs", "/gradio_api/openapi.json",
        "/gradio_api/vibe-code", "/monitoring",
        "/docs", "/openapi.jsonx", "/login", "/askx", "/gradio_api/run/other", "/gradio_api/component_serverx",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_doors_are_closed(client: TestClient, path: str, method: str) -> None:
    assert client.request(method, path).status_code == 404


def test_the_page_is_open(client: TestClient) -> None:
    assert client.get("/").status_code == 200
    assert client.get("/config").status_code == 200
    assert client.get("/theme.css").status_code == 200


def test_how_well_this_works_is_told_without_scripts(client: TestClient) -> None:
    reply = client.get("/how-well")
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert "there is no evaluation here" in reply.text
    assert client.post("/how-well").status_code == 405
    assert '<a href="how-well">' in client.get("/plain").text


def test_the_last_evaluation_is_told(tmp_path: Path) -> None:
    index = Index.load(small_index(tmp_path))
    evaluated = Record("2026-01-02", index.manifest, 9, 9, 0, {"all/Success@1": Estimate(0.5, 0.25, 0.75, 8)})
    for manifest, stale in ((index.manifest, False), ("other", True)):
        with TestClient(build_app(index, replace(evaluated, manifest=manifest))) as started:
            text = started.get("/how-well").text
        assert "the first passage found answers <b>50</b>" in text
        assert ("of another index than the one that answers here" in text) is stale


def test_a_browser_without_scripts_is_told_where_to_go(client: TestClient) -> None:
    reply = client.get("/", headers={"accept-encoding": "identity"})
    assert "<noscript><p>This page needs JavaScript." in reply.text
    assert len(reply.content) == int(reply.headers["content-length"])


def test_what_is_long_goes_compressed_to_whom_can_read_it(client: TestClient) -> None:
    call = {"data": {"question": QUESTION, "turn": 1}, "fn_name": "turn", "session_hash": "s"}
    call["component_id"] = next(  # type: ignore[assignment]
        part["id"] for part in client.get("/config").json()["components"] if part["props"].get("elem_id") == "stage"
    )
    for ask in (
        lambda **how: client.get("/", **how),
        lambda **how: client.post("/gradio_api/component_server/", json=call, **how),
    ):
        packed, plain = (ask(headers={"accept-encoding": encoding}) for encoding in ("gzip", "identity"))
        assert (packed.status_code, packed.headers["content-encoding"], packed.headers["vary"]) == (
            200,
            "gzip",
            "Accept-Encoding",
        )
        assert "content-encoding" not in plain.headers
        assert packed.text == plain.text
        assert int(packed.headers["content-length"]) * 2 < int(plain.headers["content-length"])


def test_health_names_the_index(client: TestClient) -> None:
    assert client.get("/healthz").text.startswith("ok ")


def test_metrics_count_and_never_tell(client: TestClient) -> None:
    client.post("/ask", json={"question": "ketamine secretword"})
    shown = client.get("/metrics").text
    assert 'kqa_requests_total{route="ask",status="200"}' in shown
    assert 'kqa_request_seconds_count{route="ask"}' in shown
    assert "secretword" not in shown


def test_a_question_in_the_address_moves_into_the_fragment(client: TestClient) -> None:
    moved = client.get("/?q=Is%20it%20%26%20safe%3F&x=1")
    assert (moved.status_code, moved.headers["location"]) == (303, "/#q=Is%20it%20%26%20safe%3F")


@pytest.mark.parametrize("path", ["/ask", "/plain", "/gradio_api/component_server"])
def test_bodies_are_bounded(client: TestClient, path: str) -> None:
    assert client.post(path, content=b"x" * (BODY_LIMIT + 1)).status_code == 413


def test_a_body_in_pieces_is_bounded_too(client: TestClient) -> None:
    assert client.post("/ask", content=(b"x" * 1024 for _ in range(100))).status_code == 413


def test_other_sites_cannot_ask(client: TestClient) -> None:
    reply = client.post("/ask", json={"question": QUESTION}, headers={"sec-fetch-site": "cross-site"})
    assert reply.status_code == 403


@pytest.mark.parametrize("feedback", [None, Path("judged.jsonl")])
def test_about_is_served_and_says_whether_judgments_are_kept(tmp_path: Path, feedback: Path | None) -> None:
    with TestClient(build_app(Index.load(small_index(tmp_path)), feedback=feedback, country="UK")) as started:
        reply = started.get("/about")
        assert reply.status_code == 200
        assert "script" not in reply.headers["content-security-policy"]
        assert reply.text.index("tel:999") < reply.text.index("tel:911") < reply.text.index("Who wrote what is searched")
        spoken = started.get("/about", headers={"accept-language": "en-US,en;q=0.9"}).text
        assert spoken.index("tel:911") < spoken.index("tel:999")
        assert ("Kept: nothing." in reply.text) is (feedback is None)
        assert started.post("/about").status_code == 405
        assert '<a href="about">' in started.get("/plain").text


def test_assets_with_a_hash_are_kept_for_good(client: TestClient) -> None:
    names = {name for name in client.get("/").text.split('"') if name.startswith("./assets/")}
    assert len(names) > 1
    for name in names:
        reply = client.get(name[1:])
        assert (reply.status_code, reply.headers["cache-control"]) == (200, "max-age=31536000, immutable"), name
        again = client.get(name[1:], headers={"if-none-match": reply.headers["etag"]})
        assert again.headers["etag"] == reply.headers["etag"]
        assert again.headers["cache-control"] == "max-age=31536000, immutable"


@pytest.mark.parametrize("path", ["/assets/none-12345678.js", "/assets/x.js", "/static/none.png"])
def test_what_is_missing_is_not_kept_for_good(client: TestClient, path: str) -> None:
    reply = client.get(path)
    assert reply.status_code in (403, 404)
    assert "immutable" not in reply.headers.get("cache-control", "")


def test_nothing_with_an_answer_is_kept(client: TestClient) -> None:
    stage = next(c for c in client.get("/config").json()["components"] if c["props"].get("elem_id") == "stage")
    call = {"data": {"question": QUESTION}, "component_id": stage["id"], "fn_name": "turn", "session_hash": "s"}
    replies = [
        client.post("/ask", json={"question": QUESTION}), client.post("/plain", data={"q": QUESTION}),
        client.get("/plain", params={"q": QUESTION}), client.post("/gradio_api/component_server", json=call),
        client.post("/gradio_api/component_server/", json=call),
    ]  # fmt: skip
    assert [(reply.status_code, reply.headers["cache-control"]) for reply in replies] == [(200, "no-store")] * 5
    assert client.get("/").headers["cache-control"] == "no-cache"
    assert client.get("/openapi.json").headers["cache-control"] == "no-store"


def test_a_websocket_is_closed_at_once(client: TestClient) -> None:
    for path in ("/", "/gradio_api/queue/join"):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(path):
            pytest.fail("it was opened")
