from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import kqa
from conftest import ROOT, write_files
from kqa import postgres_write as module
from kqa.errors import IndexUnwritable
from kqa.postgres_write import _GAP, Writer, numbered, writing
from postgres_server import Server, Servers

QUESTION = "When does the horn sound in fog?"


@pytest.mark.parametrize(
    ("known", "paths", "expected"),
    [
        ({}, ["a", "b"], {"a": _GAP, "b": 2 * _GAP}),
        ({"a": 10, "c": 20}, ["a", "c"], {"a": 10, "c": 20}),
        ({"a": 10, "c": 20}, ["a", "b", "c"], {"a": 10, "b": 15, "c": 20}),
        ({"c": 30}, ["a", "b", "c", "d"], {"a": 10, "b": 20, "c": 30, "d": 30 + _GAP}),
        ({"a": 10, "c": 11}, ["a", "b", "c"], {"a": _GAP, "b": 2 * _GAP, "c": 3 * _GAP}),  # no room: all anew
        ({"a": 10, "b": 11, "c": 13}, ["a", "bb", "c"], {"a": 10, "bb": 11, "c": 13}),  # a gone document's place is free
        ({"a": 1}, [], {}),
    ],
)
def test_numbers_keep_the_order_of_the_paths(known: dict[str, int], paths: list[str], expected: dict[str, int]) -> None:
    assert numbered(known, paths) == expected


def test_a_full_gap_numbers_all_anew(
    servers: Servers, primary: Server, own_lighthouse: Path, config: kqa.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = servers.database(primary)
    monkeypatch.setattr(module, "_GAP", 1)
    kqa.build(own_lighthouse, address, config)
    write_files(own_lighthouse, {"c.txt": "Something new comes between the brochure and the ferry."})
    built = kqa.build(own_lighthouse, address, config)
    assert built.encoded == 1
    index = kqa.Index.load(address)
    assert list(index.documents) == ["brochure.md", "c.txt", "ferry.txt", "rules/keeping.md", "weather.txt"]
    assert index.home is not None
    index.home.close()


BUILDER = """
import sys
from pathlib import Path
import kqa
from kqa import postgres_write
def stuck(*_):
    sys.stdout.write("writing\\n")
    sys.stdout.flush()
    sys.stdin.read()
postgres_write.Writer.commit = stuck
kqa.build(Path(sys.argv[1]), sys.argv[2], kqa.Config(encoder="hashing"))
"""


def test_a_builder_that_is_killed_leaves_the_old_state_and_lets_the_next_one_in(
    servers: Servers, primary: Server, lighthouse: Path, own_lighthouse: Path, config: kqa.Config
) -> None:
    address = servers.database(primary)
    first = kqa.build(lighthouse, address, config)
    write_files(own_lighthouse, {"new.txt": "A text that never came to be."})
    command = [sys.executable, "-c", BUILDER, str(own_lighthouse), address]
    builder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    assert builder.stdout is not None
    assert builder.stdin is not None
    try:
        assert builder.stdout.readline() == "writing\n"
        index = kqa.Index.load(address)
        assert kqa.ask(QUESTION, index).manifest == first.manifest  # readers do not wait
        next_one = threading.Thread(target=kqa.build, args=(lighthouse, address, config))
        next_one.start()
        time.sleep(0.3)
        assert next_one.is_alive()  # the second builder does
    finally:
        builder.send_signal(signal.SIGKILL)
        builder.wait()
        builder.stdin.close()
        builder.stdout.close()
    next_one.join(60)
    assert not next_one.is_alive()
    assert kqa.ask(QUESTION, index).manifest == first.manifest
    assert "new.txt" not in index.documents
    assert index.home is not None
    index.home.close()


def test_with_a_graph_the_answers_are_the_same(
    servers: Servers, primary: Server, lighthouse: Path, config: kqa.Config, index: kqa.Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRAPH_FROM", 10)
    address = servers.database(primary)
    kqa.build(lighthouse, address, config)
    database = address.partition("@/")[2].partition("?")[0]
    assert "hnsw" in primary.sql("SELECT indexdef FROM pg_indexes WHERE indexname = 'vectors_near'", database)
    primary.sql(f"ALTER DATABASE {database} SET enable_seqscan = off", database)
    there = kqa.Index.load(address)
    assert there.facts["recall"]["dense@10"] == 1.0
    for question in (QUESTION, "What does a room cost?", "zzz"):
        mine, theirs = (kqa.search(question, one, k=50) for one in (index, there))
        assert [(h.passage.document, h.passage.start, h.score) for h in mine] == [
            (h.passage.document, h.passage.start, h.score) for h in theirs
        ]
    kqa.build(lighthouse, address, config)
    assert there.home is not None
    there.home.close()


def test_a_builder_reads_what_another_wrote(servers: Servers, primary: Server, lighthouse: Path, config: kqa.Config) -> None:
    address = servers.database(primary)
    kqa.build(lighthouse, address, config)
    with writing(address) as writer:
        assert sorted(writer.numbers) == ["brochure.md", "ferry.txt", "rules/keeping.md", "weather.txt"]
        assert set(writer.fingerprints) == set(writer.numbers.values())
        known = writer.vectors(list(writer.numbers.values()))
        assert {len(name) for name in known} == {16}
        np.testing.assert_allclose([np.linalg.norm(vector) for vector in known.values()], 1, atol=1e-3)
        writer.delete(list(writer.numbers.values()))
        for table in ("documents", "passages", "vectors", "postings", "terms", "words"):
            assert writer.rows(f"SELECT count(*) FROM kqa.{table}") == [(0,)]  # type: ignore[arg-type]
        sums = writer._state or {}
        assert sums["sentences"] == 0
        assert np.abs(np.frombuffer(sums["products"])).max() < 1e-9
        writer.rows("SELECT set_config('kqa.undone', '1', true)")
        raise_at_end = True
        if raise_at_end:
            writer._connection.execute("ROLLBACK")
            return


def test_an_index_of_another_format_is_counted_on_from(
    servers: Servers, primary: Server, lighthouse: Path, config: kqa.Config
) -> None:
    address = servers.database(primary)
    kqa.build(lighthouse, address, config)
    database = address.partition("@/")[2].partition("?")[0]
    primary.sql("UPDATE kqa.state SET generation = 7, format = 0", database)
    kqa.build(lighthouse, address, config)
    assert primary.sql("SELECT generation FROM kqa.state", database) == "8"


class WithoutVector:
    """A connection to an empty database of a server on which there is no pgvector."""

    def execute(self, query: str, *_: object, **__: object) -> WithoutVector:
        self.regclass = "to_regclass" in query
        assert self.regclass or "SELECT" in query, "nothing is changed before it is known"
        return self

    def fetchall(self) -> list[tuple[None]]:
        return [(None,)] if self.regclass else []


def test_a_server_without_pgvector_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(IndexUnwritable, match="db has no pgvector; install it on the server"):
        Writer(WithoutVector(), "db").prepare(3, tmp_path)
