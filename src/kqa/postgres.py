"""PostgreSQL as the home of an index: its address, its connections, one state for each reader, its errors in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString, Protocol

from kqa.errors import ConfigError, IndexCorrupt, IndexMissing, IndexStale, IndexUnreachable, IndexUnwritable, KqaError

if TYPE_CHECKING:
    import psycopg
    from psycopg_pool import ConnectionPool

Connection = Any
Row = tuple[Any, ...]
FORMAT = 4
"""Of the tables; see schema.sql."""
PASSAGE_BITS = 20
"""A passage's number is its document's number, shifted by so many bits, and its place in the document."""
_ADDRESS = re.compile(r"postgres(?:ql)?://")
_CONNECTS = 5  # seconds that one host of an address has to take a connection
_PATIENCE = 10.0  # seconds that a question waits for a connection
_MOST = 32  # connections at once; a question holds one while it is answered
_BATCH = 2000  # rows fetched at once from a long answer
_OLDEST_VECTOR = (0, 8)  # pgvector: iterative scans of the graph; half precision came with 0.7
READING: LiteralString = (
    "SET LOCAL hnsw.ef_search = 400; SET LOCAL hnsw.iterative_scan = strict_order; SET LOCAL hnsw.max_scan_tuples = 100000"
)
"""Before any search: of a graph rows come in order, and on until there are enough; without one it changes nothing."""


class Source(Protocol):
    """Rows of one state, or each time of the newest."""

    def rows(self, query: LiteralString, *values: object, binary: bool = False) -> list[Row]:
        """Return all rows of a query."""
        ...

    def stream(self, query: LiteralString, binary: bool = False) -> Iterator[Row]:
        """Yield the rows of a query that may be many."""
        ...


def is_address(place: object) -> bool:
    """Whether a place is the address of a database and not a folder."""
    return isinstance(place, str) and bool(_ADDRESS.match(place))


def place(text: str) -> Path | str:
    """Read where an index is: the address of a database as it is, everything else as a folder."""
    return text if is_address(text) else Path(text)


def shown(place: Path | str) -> str:
    """Name a place to people: a folder, or hosts and database without user and password."""
    if not is_address(place):
        return f"{place}/"
    given = _parsed(str(place))
    hosts = [host for host in str(given.get("host", "")).split(",") if host]
    ports = str(given.get("port", "")).split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    named = (f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=False))
    return f"postgresql://{','.join(named)}/{given.get('dbname', '')}"


def connect(address: str, writing: bool = False) -> Connection:
    """Open a connection; with ``writing``, to the host of the address that takes writes.

    Raises ConfigError for what is no address or without the extra, IndexUnreachable when no host answers.
    """
    given = _parsed(address)
    import psycopg

    session: dict[str, Any] = {"target_session_attrs": "read-write"} if writing else {}
    try:
        return psycopg.connect(**_settings(given) | session, autocommit=True, prepare_threshold=None)
    except psycopg.OperationalError as error:
        raise IndexUnreachable(_refused(address, error)) from error


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    return {"connect_timeout": _CONNECTS, "application_name": "kqa"} | given


def _parsed(address: str) -> dict[str, Any]:
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError as error:
        raise ConfigError("an index in PostgreSQL needs an extra; install it with: pip install 'kqa[postgres]'") from error
    try:
        return dict(conninfo_to_dict(address))
    except ProgrammingError:  # its words may hold the password
        form = "postgresql://user@host:5432/database"
        raise ConfigError(f"the address of --index does not parse; write it like {form}") from None


def _refused(address: str, error: Exception) -> str:
    given = _parsed(address)
    said = " ".join(str(error).split())
    if given.get("password"):
        said = said.replace(str(given["password"]), "…")
    return f"{shown(address)} cannot be reached ({said[:300]}); start it, or correct the address, user or password"


class Reads:
    """The queries of one transaction: all of them see one state."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection, self._name = connection, name

    def rows(self, query: LiteralString, *values: object, binary: bool = False) -> list[Row]:
        """Return all rows of a query."""
        with in_words(self._name):
            found: list[Row] = self._connection.execute(query, values, binary=binary).fetchall()
        return found

    def stream(self, query: LiteralString, binary: bool = False) -> Iterator[Row]:
        """Yield the rows of a query that may be many."""
        with in_words(self._name), self._connection.cursor("kqa", binary=binary) as cursor:
            cursor.itersize = _BATCH
            yield from cursor.execute(query)


class Database:
    """Connections to read with, shared by many threads; each query alone sees the newest state."""

    def __init__(self, address: str) -> None:
        self.name = shown(address)
        connect(address).close()  # a pool would not say what is wrong
        self._pool = _pool(address)

    @contextmanager
    def snapshot(self) -> Iterator[Reads]:
        """Hold one state of the database."""
        import psycopg
        from psycopg_pool import PoolTimeout

        try:
            connection = self._pool.getconn()
        except PoolTimeout as error:
            raise IndexUnreachable(f"{self.name} gave no connection in {_PATIENCE:.0f} s; start it, or ask again") from error
        try:
            with in_words(self.name):
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                connection.execute(READING)
            yield Reads(connection, self.name)
        finally:
            with suppress(psycopg.Error):
                connection.rollback()
            self._pool.putconn(connection)

    def rows(self, query: LiteralString, *values: object, binary: bool = False) -> list[Row]:
        """Return all rows of a query."""
        with self.snapshot() as reads:
            return reads.rows(query, *values, binary=binary)

    def stream(self, query: LiteralString, binary: bool = False) -> Iterator[Row]:
        """Yield the rows of a query that may be many."""
        with self.snapshot() as reads:
            yield from reads.stream(query, binary=binary)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


def _pool(address: str) -> ConnectionPool[psycopg.Connection[Row]]:
    from psycopg_pool import ConnectionPool

    return ConnectionPool(
        kwargs={
            **_settings(_parsed(address)),
            "autocommit": True,
            "prepare_threshold": None,
        },  # poolers in between may not keep statements
        min_size=1,
        max_size=_MOST,
        timeout=_PATIENCE,
        reconnect_timeout=_PATIENCE,
        check=ConnectionPool.check_connection,  # after a failover every old connection is dead
        open=True,
        name="kqa",
    )


def check_format(source: Source, name: str) -> None:
    """Raise IndexMissing where there is no index, IndexStale for tables of another format or too old a pgvector."""
    found = source.rows("SELECT to_regclass('kqa.state')::text, (SELECT extversion FROM pg_extension WHERE extname = 'vector')")
    table, version = found[0]
    rows = source.rows("SELECT format FROM kqa.state") if table else []
    if not rows:
        raise IndexMissing(f"no index in {name}; build one with: kqa build --index ADDRESS")
    check_vector(version, name)
    if rows[0][0] != FORMAT:
        raise IndexStale(f"{name} has format {rows[0][0]}, this kqa reads {FORMAT}; rebuild with: kqa build --index ADDRESS")


def check_vector(version: str | None, name: str) -> None:
    """Raise IndexUnwritable for a database without pgvector, or with one too old."""
    if version is None:
        raise IndexUnwritable(f"{name} has no pgvector; install it on the server, then: CREATE EXTENSION vector")
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < _OLDEST_VECTOR:
        wanted = ".".join(map(str, _OLDEST_VECTOR))
        raise IndexStale(f"{name} has pgvector {version}; install {wanted} or newer, then: ALTER EXTENSION vector UPDATE")


@contextmanager
def in_words(name: str, writing: bool = False) -> Iterator[None]:
    """Say in kqa's words what the database refuses."""
    import psycopg
    from psycopg import errors

    try:
        yield
    except psycopg.Error as error:
        raise _worded(name, error, errors, writing) from error


def _worded(name: str, error: Exception, errors: Any, writing: bool) -> KqaError:
    said = " ".join(str(error).split())[:200]
    if isinstance(error, errors.InsufficientPrivilege):
        return IndexUnreachable(f"{name} does not allow it ({said}); grant it, see docs/scale.md")
    if isinstance(error, errors.UndefinedTable | errors.InvalidSchemaName):
        return IndexMissing(f"no index in {name} ({said}); build one with: kqa build --index ADDRESS")
    if writing:
        return IndexUnwritable(f"{name} cannot be written ({said}); the index that was there still stands")
    if isinstance(error, errors.OperationalError | errors.InterfaceError):
        return IndexUnreachable(f"{name} went away ({said}); ask again when it answers")
    return IndexCorrupt(f"{name} is not what was built ({said}); rebuild with: kqa build --index ADDRESS")
