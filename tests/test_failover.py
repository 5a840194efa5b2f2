"""A primary and its standby, for real: what was committed outlives the primary, and a server finds the one that is left."""

from __future__ import annotations

import threading
from pathlib import Path

import kqa
from conftest import write_files
from postgres_server import Servers

QUESTION = "When does the horn sound in fog?"


def test_a_killed_primary_loses_no_committed_document(servers: Servers, own_lighthouse: Path, config: kqa.Config) -> None:
    first, second = servers.server("first"), servers.server("second")
    first.create()
    first.start()
    second.follow(first)
    second.start()
    first.until("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'", "1")
    first.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")  # a commit is told only when the standby has it
    first.sql("SELECT pg_reload_conf()")
    first.until("SELECT sync_state FROM pg_stat_replication", "sync")
    database = servers.database(first).partition("@/")[2].partition("?")[0]
    both = f"postgresql://kqa@/{database}?host={first.socket},{second.socket}"

    built = kqa.build(own_lighthouse, both, config)
    index, replica = kqa.Index.load(both), kqa.Index.load(second.address(database))
    second.until("SELECT count(*) FROM kqa.documents", "4", database)
    before = kqa.to_json(kqa.ask(QUESTION, index))
    assert kqa.to_json(kqa.ask(QUESTION, replica)) == before  # BM25 and vectors stand on the replica too

    committed, told = [], threading.Event()

    def keep_building() -> None:
        for number in range(100):
            write_files(own_lighthouse, {f"log/{number:03}.txt": f"On night {number} the keeper saw {number} ships."})
            try:
                kqa.build(own_lighthouse, first.address(database), config)
            except kqa.KqaError:
                return
            committed.append(f"log/{number:03}.txt")
            if number == 1:
                told.set()

    builder = threading.Thread(target=keep_building)
    builder.start()
    assert told.wait(60)
    first.kill()
    builder.join(60)
    assert not builder.is_alive()
    second.promote()
    second.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
    second.sql("SELECT pg_reload_conf()")

    documents = set(index.documents)  # the same index, through its two-host address
    assert documents.issuperset(committed)
    answer = kqa.ask(f"What did the keeper see on night {len(committed) - 1}?", index)
    assert answer.manifest != built.manifest
    rebuilt = kqa.build(own_lighthouse, both, config)  # and the builder finds the new primary
    assert rebuilt.documents == 4 + len(committed) + 1
    assert kqa.ask(QUESTION, index).manifest == kqa.ask(QUESTION, replica).manifest == rebuilt.manifest
    for opened in (index, replica):
        assert opened.home is not None
        opened.home.close()
