from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

import kqa
from conftest import KEEPING, write_files
from kqa.dense import Moments
from kqa.errors import IndexCorrupt, IndexStale, IndexUnreachable
from kqa.page import build_app
from kqa.postgres_home import PostgresHome, moments_of
from kqa.postgres_write import FORMAT
from kqa.serving import Follower, Serving, following
from postgres_server import Server, Servers

Run = Callable[..., tuple[int, str, str]]
QUESTION = "When does the horn sound in fog?"


@pytest.fixture
def address(servers: Servers, primary: Server, lighthouse: Path, config: kqa.Config) -> str:
    made = servers.database(primary)
    kqa.build(lighthouse, made, config)
    return made


@pytest.fixture
def database(address: str) -> str:
    return address.partition("@/")[2].partition("?")[0]


@pytest.fixture
def index(address: str) -> Iterator[kqa.Index]:
    opened = kqa.Index.load(address)
    yield opened
    assert opened.home is not None
    opened.home.close()


def test_what_is_built_is_served_at_once(index: kqa.Index, address: str, own_lighthouse: Path, config: kqa.Config) -> None:
    first = kqa.ask(QUESTION, index)
    write_files(own_lighthouse, {"rules/keeping.md": KEEPING.replace("twice", "nine times"), "disagreements.toml": ""})
    built = kqa.build(own_lighthouse, address, replace(config, threshold=0.1))
    answer = kqa.ask(QUESTION, index)
    assert (first.manifest, answer.manifest) == (index.manifest, built.manifest)
    assert "nine times a minute" in answer.quotes[0].text
    assert index.consistently(lambda held: held.config.threshold) == 0.1
    assert "nine times" in index.documents["rules/keeping.md"].text


def test_one_snapshot_stays_as_it_was(index: kqa.Index, address: str, own_lighthouse: Path, config: kqa.Config) -> None:
    assert isinstance(index.home, PostgresHome)
    with index.home.snapshot() as fields:
        held = replace(index, **fields)
        before = kqa.to_json(kqa.ask(QUESTION, held))
        write_files(own_lighthouse, {"rules/keeping.md": "All of it is new.", "disagreements.toml": ""})
        kqa.build(own_lighthouse, address, config)
        assert kqa.to_json(kqa.ask(QUESTION, held)) == before
        assert "All of it is new." not in held.documents["rules/keeping.md"].text
    assert kqa.to_json(kqa.ask(QUESTION, index)) != before


def test_a_lost_connection_is_asked_again_once(index: kqa.Index, primary: Server, database: str) -> None:
    times = []

    def act(held: kqa.Index) -> int:
        times.append(1)
        if len(times) == 1:
            primary.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
        return len(list(held.documents))

    assert index.consistently(act) == 4
    assert len(times) == 2

    def always(held: kqa.Index) -> int:
        primary.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'")
        return len(list(held.documents))

    with pytest.raises(IndexUnreachable, match=r"went away \(.*\); ask again when it answers"):
        index.consistently(always)
    assert kqa.ask(QUESTION, index).quotes


@pytest.mark.parametrize(
    ("harm", "refused"),
    [
        (f"UPDATE kqa.state SET format = {FORMAT + 1}", (IndexStale, f"has format {FORMAT + 1}, this kqa reads {FORMAT}")),
        ("UPDATE kqa.files SET data = 'x'", (IndexCorrupt, r"encoder/encoder\.json is not what was built")),
        (
            "UPDATE kqa.state SET facts = replace(facts, 'hashing-1', 'another')",
            (IndexCorrupt, "built with encoder another and holds"),
        ),
        ("UPDATE kqa.state SET config = '{\"colour\": 1}'", (IndexStale, "built with other settings")),
        ("UPDATE kqa.state SET facts = '[]'", (IndexCorrupt, "does not parse")),
        ("UPDATE kqa.state SET contradictions = '[{}]'", (IndexCorrupt, "does not parse")),
        ("ALTER TABLE kqa.words DROP COLUMN passages", (IndexCorrupt, "is not what was built")),
    ],
)
def test_what_does_not_belong_together_is_refused_and_built_anew(
    address: str, primary: Server, lighthouse: Path, config: kqa.Config, harm: str, refused: tuple[type[Exception], str]
) -> None:
    database, (error, said) = address.partition("@/")[2].partition("?")[0], refused
    primary.sql(harm, database)
    with pytest.raises(error, match=rf"{said}.*; rebuild with: kqa build"):
        kqa.Index.load(address)
    if "DROP" in harm:  # other tables under the same format number: what no kqa ever made
        primary.sql("DROP SCHEMA kqa CASCADE", database)
    kqa.build(lighthouse, address, config)
    index = kqa.Index.load(address)
    assert kqa.ask(QUESTION, index).quotes
    assert index.home is not None
    index.home.close()


def test_another_encoder_replaces_everything_while_it_is_served(
    index: kqa.Index, address: str, lighthouse: Path, config: kqa.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kqa.encoder.HashingEncoder.identity", "hashing-2")
    built = kqa.build(lighthouse, address, config)
    assert (built.encoded > 0, built.reused) == (True, 0)
    assert kqa.ask(QUESTION, index).manifest == built.manifest
    assert index.home is not None
    assert index.home.pointed()[1] == "2", "what is made anew counts on: a server would take it for an older one"


def test_a_page_follows_what_is_built(index: kqa.Index, address: str, own_lighthouse: Path, config: kqa.Config) -> None:
    app = build_app(index)
    with TestClient(app) as client:
        assert client.get("/healthz").text == f"ok {index.manifest}\n"
        before = client.get("/about").text
        write_files(own_lighthouse, {"new.txt": "The new keeper has a dog that barks at the ferry."})
        built = kqa.build(own_lighthouse, address, config)
        asked = {"question": "Does the keeper have a dog?"}
        assert client.post("/ask", json=asked).json()["manifest"] == built.manifest  # at once
        assert client.get("/about").text == before
        with following(address, app.state.serving):
            limit = time.monotonic() + 30
            while client.get("/healthz").text != f"ok {built.manifest}\n":
                assert time.monotonic() < limit
                time.sleep(0.05)
        assert client.get("/about").text != before
        shown = client.get("/metrics").text
        assert f'kqa_index_info{{manifest="{built.manifest}"}} 1.0' in shown


def test_a_database_that_went_away_is_said_once(
    index: kqa.Index, address: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = Serving(index)
    follower, pointed = Follower(address, serving), PostgresHome.pointed

    def away(home: PostgresHome) -> tuple[str, ...]:
        raise IndexUnreachable("it went away; ask again when it answers")

    monkeypatch.setattr(PostgresHome, "pointed", away)
    follower.look()
    follower.look()
    said = "kqa cannot answer from what is in force: it went away; ask again when it answers\n"
    assert capsys.readouterr().err == said
    assert "kqa_index_behind 1.0" in serving.metrics.to_text()
    monkeypatch.setattr(PostgresHome, "pointed", pointed)
    follower.look()
    assert "kqa_index_behind 0.0" in serving.metrics.to_text()
    assert serving.now.index is index


def test_moments_come_from_sums() -> None:
    vectors = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float16).astype(np.float32)
    rows = vectors.astype(np.float64)
    found = moments_of(50, rows.sum(axis=0).tobytes(), (rows.T @ rows).tobytes())
    expected = Moments.of(vectors)
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-7)
    np.testing.assert_allclose(found.covariance, expected.covariance, atol=1e-6)


def test_the_commands_take_an_address(address: str, lighthouse: Path, run: Run, index: kqa.Index) -> None:
    code, out, _ = run("ask", QUESTION, "--index", address, "--json")
    assert (code, json.loads(out)["manifest"]) == (0, index.manifest)
    code, out, _ = run("check", "--index", address, "--corpus", lighthouse)
    assert code == 0
    assert out.startswith("postgresql://")
    assert "1 files as built, 7 passages, built from" in out
    home = index.home
    assert isinstance(home, PostgresHome)
    assert "kqa@" not in home.name


def test_commands_measure_and_compare_alike(
    address: str, lighthouse: Path, index_folder: Path, run: Run, tmp_path: Path
) -> None:
    text = "The horn sounds twice a minute while fog hides the outer buoy."
    start = KEEPING.index(text)
    answer = {"document": "rules/keeping.md", "start": start, "end": start + len(text), "text": text, "grade": 2}
    rows = [
        {"id": "a", "question": QUESTION, "label": "answerable", "answers": [answer]},
        {"id": "n", "question": "What is the tax on unicorns?", "label": "off_topic", "answers": []},
    ]
    lines = [json.dumps({**row, "split": "dev", "history": [], "style": "lay"}) + "\n" for row in rows]
    write_files(tmp_path, {"questions.jsonl": "".join(lines)})
    told = []
    for place in (address, index_folder):
        code, out, err = run("evaluate", tmp_path / "questions.jsonl", "--index", place, "--json")
        assert code == 0, err
        told.append({name: value for name, value in json.loads(out).items() if name not in ("facts", "seconds")})
    assert told[0].keys() == told[1].keys()
    assert told[0]["topics"] == told[1]["topics"]
    found = [run("disagreements", lighthouse, "--index", place, "-n", "5") for place in (address, index_folder)]
    assert found[0] == found[1]


def test_shares_are_files_and_merged_into_a_database(
    servers: Servers,
    primary: Server,
    lighthouse: Path,
    settings: Path,
    run: Run,
    tmp_path: Path,
) -> None:
    address, chosen = servers.database(primary), ("--config", settings)
    code, out, err = run("build", lighthouse, "--index", address, "--shard", "1/2", *chosen)
    assert (code, out) == (2, "")
    assert err == "kqa: a share is a file in a folder; name one with --index, and the database to kqa merge\n"
    run("build", lighthouse, "--index", tmp_path, "--shard", "1/1", *chosen)
    shard = tmp_path / "shard-1-of-1.vectors"
    code, out, _ = run("merge", shard, "--corpus", lighthouse, "--index", address, *chosen, "--json")
    assert (code, json.loads(out)["encoded"]) == (0, 0)
    assert run("ask", QUESTION, "--index", address)[0] == 0
