"""A running server follows the index folder: between two answers, never within one, and never to an index that is broken."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import kqa
import kqa.admission
import kqa.serving
from conftest import LIGHTHOUSE, write_files
from kqa.metrics import Metrics
from kqa.page import build_app
from kqa.serving import Follower, Served, Serving, following
from kqa.store import open_generation

LAMP = "When is the lamp lit?"


@pytest.fixture
def folder(own_index: Path) -> Path:
    return own_index


@pytest.fixture
def rebuilt(folder: Path, own_lighthouse: Path, config: kqa.Config) -> Callable[..., str]:
    """Publish another index: with a setting or a document of its own; return its manifest."""

    def build(files: dict[str, str] | None = None, **settings: Any) -> str:
        write_files(own_lighthouse, dict(files or {}))
        return kqa.build(own_lighthouse, folder, replace(config, **settings)).manifest

    return build


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def follower(folder: Path, metrics: Metrics) -> Follower:
    return Follower(folder, Serving(kqa.Index.load(folder), metrics=metrics))


def serving(follower: Follower) -> Serving:
    return follower._serving


def test_nothing_new_changes_nothing(follower: Follower, capsys: pytest.CaptureFixture[str]) -> None:
    before = serving(follower).now
    follower.look()
    follower.look()
    assert serving(follower).now is before
    assert capsys.readouterr().err == ""


def test_a_new_index_takes_over_and_the_old_one_is_given_up(
    follower: Follower, rebuilt: Callable[..., str], metrics: Metrics, capsys: pytest.CaptureFixture[str]
) -> None:
    old = weakref.ref(serving(follower).now.index.lexical)
    manifest = rebuilt(threshold=0.75)
    follower.look()
    assert serving(follower).now.index.manifest == manifest
    assert capsys.readouterr().err == f"kqa answers from the index published last, manifest {manifest[:16]}\n"
    shown = metrics.to_text()
    assert f'kqa_index_info{{manifest="{manifest}"}} 1.0' in shown
    assert shown.count("kqa_index_info{") == 1
    assert 'kqa_index_changes_total{result="taken"} 1.0' in shown
    gc.collect()
    assert old() is None, "its memory is free again"


def test_the_generation_before_is_cleaned_by_the_build_after_it_was_given_up(
    folder: Path, follower: Follower, rebuilt: Callable[..., str]
) -> None:
    first = open_generation(folder).folder
    rebuilt(threshold=0.75)
    assert first.is_dir(), "it is being read"
    follower.look()
    gc.collect()
    rebuilt(threshold=0.76)
    assert not first.exists()


def damage(folder: Path, name: str) -> Path:
    path = open_generation(folder).folder / name
    path.write_bytes(b"damaged" + path.read_bytes()[7:])
    return path


def test_a_broken_index_is_refused_once_and_the_old_one_answers(
    folder: Path, follower: Follower, rebuilt: Callable[..., str], metrics: Metrics, capsys: pytest.CaptureFixture[str]
) -> None:
    before = serving(follower).now
    rebuilt(threshold=0.75)
    path = damage(folder, "dense.faiss")
    for _ in range(3):
        follower.look()
    assert serving(follower).now is before
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"is refused: {path} is not what was built; rebuild with: kqa build" in said
    assert 'kqa_index_changes_total{result="refused"} 1.0' in metrics.to_text()
    assert "kqa_index_behind 1.0" in metrics.to_text()
    manifest = rebuilt(threshold=0.75)  # the same index under the same name, whole
    follower.look()
    assert serving(follower).now.index.manifest == manifest
    assert "kqa_index_behind 0.0" in metrics.to_text()


def test_what_was_refused_is_tried_again_after_a_while(
    folder: Path, follower: Follower, rebuilt: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = rebuilt(threshold=0.75)
    load = kqa.Index.load
    monkeypatch.setattr(kqa.Index, "load", lambda folder: [][0])
    follower.look()
    monkeypatch.setattr(kqa.Index, "load", load)
    follower.look()
    assert serving(follower).now.index.manifest != manifest
    monkeypatch.setattr(kqa.serving, "_AGAIN", 0.0)
    follower._again = 0.0
    follower.look()
    assert serving(follower).now.index.manifest == manifest


@pytest.mark.parametrize("harm", ["pointer", "folder"])
def test_a_folder_that_is_gone_changes_nothing_until_an_index_is_back(
    folder: Path, follower: Follower, rebuilt: Callable[..., str], harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = serving(follower).now
    (folder / "CURRENT").unlink() if harm == "pointer" else folder.rename(folder.with_name("gone"))
    follower.look()
    follower.look()
    assert serving(follower).now is before
    assert capsys.readouterr().err.count("no index in") == 1
    manifest = rebuilt(threshold=0.75)
    follower.look()
    assert serving(follower).now.index.manifest == manifest


def test_nobody_who_listens_is_no_failure(
    follower: Follower, rebuilt: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone:
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Gone())
    manifest = rebuilt(threshold=0.75)
    follower.look()
    assert serving(follower).now.index.manifest == manifest


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with TestClient(build_app(kqa.Index.load(folder))) as started:
        yield started


def stage_of(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = next(c for c in client.get("/config").json()["components"] if c["props"].get("elem_id") == "stage")
    return found


def called(client: TestClient, stage: dict[str, Any], name: str, **data: Any) -> dict[str, Any]:
    sent = {"data": data, "component_id": stage["id"], "fn_name": name, "session_hash": "s"}
    reply: dict[str, Any] = client.post("/gradio_api/component_server/", json=sent).json()
    return reply


QUARRY = """---
title: The Harrow quarry
kind: reference
publisher: Harrow Quarrymen
reviewed: 2026-03-01
asks:
  when-is-the-quarry-blasted: [when do they blast the quarry]
---
## When is the quarry blasted?

The quarry is blasted on the first Monday of each month.
"""


def test_every_way_to_an_answer_follows(client: TestClient, folder: Path, rebuilt: Callable[..., str]) -> None:
    question = "When is the quarry blasted?"
    stage = stage_of(client)
    assert client.post("/ask", json={"question": question}).json()["outcome"] == "abstained"
    manifest = rebuilt({"quarry.md": QUARRY})
    client.app.state.serving.take(kqa.Index.load(folder))  # type: ignore[attr-defined]
    answer = client.post("/ask", json={"question": question}).json()
    assert (answer["outcome"], answer["manifest"]) == ("answered", manifest)
    assert "first Monday" in client.post("/plain", data={"q": question}).text
    assert client.get("/healthz").text == f"ok {manifest}\n"
    assert f'kqa_index_info{{manifest="{manifest}"}} 1.0' in client.get("/metrics").text
    assert "kqa_index_documents 5.0" in client.get("/metrics").text
    assert "Harrow Quarrymen" in client.get("/about").text
    assert "there is no evaluation here" in client.get("/how-well").text
    for name in ("turn", "sources"):
        assert "first Monday" in called(client, stage, name, question=question)["html"], "a page opened before"
    assert "first Monday" in called(client, stage, "document", path="quarry.md")["html"]
    renewed = stage_of(client)
    assert renewed["id"] == stage["id"]
    assert "5 documents" in renewed["props"]["value"]
    assert "The Harrow quarry" in client.get("/").text
    assert question in renewed["props"]["value"], "offered to who opens the page, and while typing"


def test_one_answer_comes_from_one_index(
    client: TestClient, folder: Path, rebuilt: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index changes while an answer is under way: the answer is still of the first, with its manifest."""
    before = kqa.Index.load(folder).manifest
    after = rebuilt(LIGHTHOUSE | {"brochure.md": "Nothing to see here. The lamp is lit at noon.\n", "disagreements.toml": ""})
    at_once = kqa.admission.ask

    def change(*given: Any, **named: Any) -> Any:
        client.app.state.serving.take(kqa.Index.load(folder))  # type: ignore[attr-defined]
        return at_once(*given, **named)

    monkeypatch.setattr(kqa.admission, "ask", change)
    answer = client.post("/ask", json={"question": LAMP}).json()
    assert answer["manifest"] == before
    monkeypatch.setattr(kqa.admission, "ask", at_once)
    assert client.post("/ask", json={"question": LAMP}).json()["manifest"] == after


def test_links_of_an_old_answer_say_what_became_of_its_document(
    client: TestClient, folder: Path, rebuilt: Callable[..., str]
) -> None:
    stage = stage_of(client)
    quote = client.post("/ask", json={"question": LAMP}).json()["quotes"][0]
    cited, text = quote["citation"], quote["text"]
    place = {"path": cited["document"], "sha256": cited["sha256"]}
    span = [cited["start"], cited["end"], quote["answer"]["start"], quote["answer"]["end"]]
    assert "<mark>" in called(client, stage, "document", **place, span=span)["html"]
    changed = "# Another\n\nOther words stand before.\n\n" + str(LIGHTHOUSE["rules/keeping.md"])
    rebuilt({"rules/keeping.md": changed, "disagreements.toml": ""})
    client.app.state.serving.take(kqa.Index.load(folder))  # type: ignore[attr-defined]
    html = called(client, stage, "document", **place, span=span)["html"]
    assert "This document changed since your question was answered" in html
    assert "<mark>" not in html
    told = called(client, stage, "verify", **place, start=cited["start"], end=cited["end"], text=text)["html"]
    assert "compared differs" in told
    (folder.parent / "lighthouse" / "rules" / "keeping.md").unlink()
    rebuilt()
    client.app.state.serving.take(kqa.Index.load(folder))  # type: ignore[attr-defined]
    for name in ("document", "verify"):
        assert called(client, stage, name, **place)["error"] == "this document is not in the index; reload the page"


def test_answers_go_on_while_the_index_changes(
    client: TestClient, folder: Path, rebuilt: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kqa.serving, "_SECONDS", 0.05)
    known = {kqa.Index.load(folder).manifest}
    seen: list[tuple[int, str]] = []

    def asked() -> None:
        while not done:
            reply = client.post("/ask", json={"question": LAMP})
            seen.append((reply.status_code, reply.json().get("manifest", "")))

    done: list[int] = []
    with following(folder, client.app.state.serving), ThreadPoolExecutor(3) as pool:  # type: ignore[attr-defined]
        asking = [pool.submit(asked) for _ in range(3)]
        for number in range(4):
            known.add(rebuilt(threshold=0.3 + number / 100))
            until = time.monotonic() + 20
            while not any(manifest == open_generation(folder).sha256 for _, manifest in seen[-3:]):
                assert time.monotonic() < until, "the new index never answered"
                time.sleep(0.02)
        done.append(1)
        for each in asking:
            each.result()
    assert {status for status, _ in seen} == {200}
    assert {manifest for _, manifest in seen} == known


def test_what_is_served_is_prepared_before_it_answers(follower: Follower) -> None:
    index = serving(follower).now.index
    seen: list[Served] = []
    served = Serving(index, lambda index: Served(index, ("Why?",)))
    served.tell(seen.append)
    served.take(index)
    assert seen == [served.now]
    assert served.now.examples == ("Why?",)
