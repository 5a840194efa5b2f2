from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import kqa
import postgres_server
from conftest import run_python
from kqa import postgres
from kqa.errors import ConfigError, IndexMissing, IndexStale, IndexUnreachable, IndexUnwritable
from postgres_server import Server, Servers

Run = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("index", False),
        ("/srv/kqa/index", False),
        ("postgresql", False),
        ("./postgresql://x", False),
        ("postgresql://kqa@db/kqa", True),
        ("postgres://db", True),
    ],
)
def test_a_place_is_a_folder_or_an_address(text: str, address: bool) -> None:
    assert postgres.place(text) == (text if address else Path(text))
    assert postgres.is_address(text) is address
    assert not postgres.is_address(Path(text))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (Path("index"), "index/"),
        ("postgresql://kqa:secret@db.example/kqa", "postgresql://db.example/kqa"),
        ("postgresql://kqa:secret@a:5432,b:5433/kqa", "postgresql://a:5432,b:5433/kqa"),
        ("postgresql://kqa:sec%40ret@db:1/kqa?password=secret", "postgresql://db:1/kqa"),
        ("postgres://kqa@/kqa?host=/run/a,/run/b&password=secret", "postgresql:///run/a,/run/b/kqa"),
        ("postgresql://db?sslpassword=secret", "postgresql://db/"),
    ],
)
def test_an_address_is_shown_without_user_and_password(address: Path | str, expected: str) -> None:
    assert postgres.shown(address) == expected


@pytest.mark.parametrize("command", [("ask", "Why?"), ("check",), ("build",)])
def test_a_server_that_does_not_answer(run: Run, command: tuple[str, ...], lighthouse: Path, settings: Path) -> None:
    address = "postgresql://kqa:s3cret@127.0.0.1:1/kqa"
    more = (lighthouse, "--config", settings) if command[0] == "build" else ()
    code, out, err = run(*command, *more, "--index", address)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("kqa: postgresql://127.0.0.1:1/kqa cannot be reached (")
    assert err.endswith("start it, or correct the address, user or password\n")
    assert "s3cret" not in err


@pytest.mark.parametrize(
    "address", ["postgresql://a:s3cret@h/x?port", "postgresql://h/x?s3cret", "postgresql://a:s3cret@[::1/x"]
)
def test_an_address_that_does_not_parse(run: Run, address: str) -> None:
    code, out, err = run("ask", "Why?", "--index", address)
    assert (code, out) == (2, "")
    assert err == "kqa: the address of --index does not parse; write it like postgresql://user@host:5432/database\n"


def test_without_the_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "psycopg"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    code, out, err = run("ask", "Why?", "--index", "postgresql://db/kqa")
    assert (code, out) == (2, "")
    assert err == "kqa: an index in PostgreSQL needs an extra; install it with: pip install 'kqa[postgres]'\n"


def test_a_wrong_password(primary: Server) -> None:
    primary.sql("DROP ROLE IF EXISTS locked; CREATE ROLE locked LOGIN PASSWORD 'right'")
    address = primary.address(user="locked").replace("locked@", "locked:s3cret@")
    with pytest.raises(IndexUnreachable, match=r"cannot be reached \(.*password authentication failed") as raised:
        kqa.Index.load(address)
    assert "s3cret" not in str(raised.value)
    assert "\n" not in str(raised.value)
    with pytest.raises(IndexMissing):
        kqa.Index.load(address.replace("s3cret", "right"))


def test_a_reader_needs_no_more_than_to_read(servers: Servers, primary: Server, lighthouse: Path, config: kqa.Config) -> None:
    address = servers.database(primary)
    database = address.partition("@/")[2].partition("?")[0]
    kqa.build(lighthouse, address, config)
    primary.sql("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")
    reading = primary.address(database, "reader")
    with pytest.raises(IndexUnreachable, match=r"does not allow it \(permission denied .*; grant it, see docs/scale\.md"):
        kqa.Index.load(reading)
    primary.sql("GRANT USAGE ON SCHEMA kqa TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA kqa TO reader", database)
    index = kqa.Index.load(reading)
    assert kqa.ask("When does the horn sound in fog?", index).quotes
    with pytest.raises(IndexUnreachable, match="does not allow it"):
        kqa.build(lighthouse, reading, kqa.Config(encoder="hashing", threshold=0.1))
    assert index.home is not None
    index.home.close()


def test_a_question_is_not_sent_and_its_words_need_not_be_logged(
    servers: Servers, primary: Server, lighthouse: Path, config: kqa.Config
) -> None:
    """The server of these tests logs every statement: what docs/scale.md sets keeps the parameters out."""
    address = servers.database(primary)
    kqa.build(lighthouse, address, config)
    index = kqa.Index.load(address)
    kqa.ask("When does the horn sound, zyzzyva?", index)
    assert "horn sound, zyzzyva" not in primary.log.read_text()
    primary.sql("ALTER SYSTEM SET log_parameter_max_length = 0")
    primary.sql("SELECT pg_reload_conf()")
    primary.until("SHOW log_parameter_max_length", "0")
    before = len(primary.log.read_text())
    kqa.ask("When does the horn sound, quagga?", kqa.Index.load(address))
    logged = primary.log.read_text()[before:]
    assert "kqa.postings" in logged
    assert "quagga" not in logged
    primary.sql("ALTER SYSTEM RESET log_parameter_max_length")
    primary.sql("SELECT pg_reload_conf()")


@pytest.mark.parametrize(("version", "error"), [(None, IndexUnwritable), ("0.7.4", IndexStale), ("0.8.0", None), ("1.0", None)])
def test_pgvector_must_be_new_enough(version: str | None, error: type[Exception] | None) -> None:
    if error is None:
        postgres.check_vector(version, "there")
        return
    with pytest.raises(error, match=r"there has (no pgvector|pgvector 0\.7\.4); install"):
        postgres.check_vector(version, "there")


def test_a_folder_in_the_way_of_an_address_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not parse"):
        kqa.Index.load("postgresql://[")
    with pytest.raises(IndexMissing, match="no index in .*postgresql:"):
        kqa.Index.load(tmp_path / "postgresql:" / "db")


def test_a_dump_is_restored(servers: Servers, primary: Server, lighthouse: Path, config: kqa.Config, index: kqa.Index) -> None:
    address, copy = servers.database(primary), servers.database(primary)
    database, other = (each.partition("@/")[2].partition("?")[0] for each in (address, copy))
    built = kqa.build(lighthouse, address, config)
    dump = primary.socket / "kqa.dump"
    primary.run("pg_dump", "-Fc", "-n", "kqa", "-f", dump, "-h", primary.socket, "-U", "kqa", database)
    primary.sql("CREATE EXTENSION vector", other)
    primary.run("pg_restore", "-d", other, "-h", primary.socket, "-U", "kqa", dump)
    restored = kqa.Index.load(copy, lighthouse)
    assert restored.manifest == built.manifest
    for question in ("When does the horn sound in fog?", "What does a room cost?"):
        assert kqa.to_text(kqa.ask(question, restored)) == kqa.to_text(kqa.ask(question, index))
    assert restored.home is not None
    restored.home.close()


STARTED = """
import os, sys
sys.path.insert(0, "tests")
from postgres_server import Servers
server = Servers().server("alone")
server.create()
server.start()
sys.stdout.write(f"{server._process.pid} {server.socket.parent}")
sys.stdout.flush()
os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_no_server_outlives_tests_that_are_killed() -> None:
    postgres_server.binaries()
    pid, folder = run_python(STARTED).stdout.split()
    limit = time.monotonic() + 30
    while Path(f"/proc/{pid}/cmdline").is_file() and folder in Path(f"/proc/{pid}/cmdline").read_text():
        assert time.monotonic() < limit
        time.sleep(0.05)
    shutil.rmtree(folder)
