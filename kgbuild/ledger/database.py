"""One SQLite file, opened with care: many readers, one writer, and errors in words for people.

A process may be killed at any moment: what a transaction had not finished is not there afterwards
(write-ahead log), and its lock is gone.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import local
from typing import Any, Self

from kgbuild.errors import StoreError

Row = tuple[Any, ...]
Parameters = Sequence[Any] | Mapping[str, Any]

_PATIENCE = 30.0  # seconds to wait for another process's transaction


class Database:
    """One file. Rows are streamed, never collected. Each thread has a connection of its own.

    Attributes:
        read_only: The file or its folder cannot be written; only reading works.
    """

    def __init__(self, path: Path, *, schema: str, application_id: int, version: int) -> None:
        """Open the file, or make it with this schema.

        Raises:
            StoreError: The file is not one of ours, is damaged, or cannot be opened or made.
        """
        self.path = path
        self.read_only = not _is_writable(path)
        self._thread = local()
        self._connections: list[sqlite3.Connection] = []
        try:
            self._prepare(schema, application_id, version)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        while self._connections:
            self._connections.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def execute(self, sql: str, parameters: Parameters = ()) -> int:
        """Run one statement and return the number of rows it changed."""
        with self._explained():
            return self._connection.execute(sql, parameters).rowcount

    def insert(self, sql: str, parameters: Parameters) -> int:
        """Insert one row and return its key."""
        with self._explained():
            key = self._connection.execute(sql, parameters).lastrowid
        return key or 0

    def insert_many(self, sql: str, rows: Iterable[Parameters]) -> None:
        with self._explained():
            self._connection.executemany(sql, rows)

    def rows(self, sql: str, parameters: Parameters = ()) -> Iterator[Row]:
        with self._explained():
            yield from self._connection.execute(sql, parameters)

    def row(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """The first row, or None."""
        return next(self.rows(sql, parameters), None)

    def value(self, sql: str, parameters: Parameters = ()) -> Any:  # noqa: ANN401  # a column
        """The first column of the first row, or None."""
        row = self.row(sql, parameters)
        return row[0] if row else None

    def add_aggregate(self, name: str, arguments: int, aggregate: Callable[[], Any]) -> None:
        """Make a function over groups of rows known to SQL, for the calling thread."""
        self._connection.create_aggregate(name, arguments, aggregate)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it happens, or nothing."""
        yield from self._between("BEGIN IMMEDIATE")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Several reads of one and the same state, whatever others write meanwhile."""
        if self._connection.in_transaction:
            yield
        else:
            yield from self._between("BEGIN")

    def shrink_log(self) -> None:
        """Move the write-ahead log into the file, if nobody is reading."""
        with suppress(sqlite3.OperationalError):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @property
    def _connection(self) -> sqlite3.Connection:
        if not hasattr(self._thread, "connection"):
            with self._explained():
                self._thread.connection = _connect(self.path, self.read_only)
            self._connections.append(self._thread.connection)
        connection: sqlite3.Connection = self._thread.connection
        return connection

    def _between(self, begin: str) -> Iterator[None]:
        self.execute(begin)
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        with self._explained():
            self._connection.commit()

    def _prepare(self, schema: str, application_id: int, version: int) -> None:
        if self._is_empty() and not self.read_only:
            self.execute("PRAGMA journal_mode = WAL")
            with self.transaction():
                if self._is_empty():  # another process may have been faster
                    self._create(schema, application_id, version)
        if self.value("PRAGMA application_id") != application_id:
            raise StoreError(f"{self.path}: this is no kgbuild graph; choose another folder")
        found = self.value("PRAGMA user_version")
        if found != version:
            advice = "update kgbuild" if found > version else "ingest into a new folder"
            raise StoreError(f"{self.path}: has format {found}, not {version}; {advice}")

    def _is_empty(self) -> bool:
        return not self.value("SELECT count(*) FROM sqlite_schema")

    def _create(self, schema: str, application_id: int, version: int) -> None:
        for statement in schema.split(";\n"):
            self.execute(statement)
        self.execute(f"PRAGMA application_id = {application_id}")
        self.execute(f"PRAGMA user_version = {version}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _in_words(error, self.path) from error


@contextmanager
def only_writer(path: Path, patience: float = 0) -> Iterator[None]:
    """Hold a lock that no second process, or second caller in this one, can have meanwhile.

    The lock is SQLite's own, on an empty file: it works on every system and ends with the process.

    Args:
        path: The lock; an empty file that stays.
        patience: Seconds to wait for it.

    Raises:
        StoreError: Somebody else holds it.
    """
    lock = None
    try:
        lock = sqlite3.connect(
            path, timeout=patience, isolation_level=None, check_same_thread=False
        )
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if lock:
            lock.close()
        raise _in_words(error, path.parent) from error
    try:
        yield
    finally:
        lock.close()


def _is_writable(path: Path) -> bool:
    return all(os.access(place, os.W_OK) for place in (path, path.parent) if place.exists())


def _connect(path: Path, read_only: bool) -> sqlite3.Connection:
    # SQLite makes files beside its own even to read, unless it is told that nobody writes.
    alone = read_only and not path.with_name(f"{path.name}-wal").exists()
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{'mode=ro&immutable=1' if alone else 'mode=rwc'}",
        uri=True,
        timeout=_PATIENCE,
        isolation_level=None,  # transactions are ours
        check_same_thread=False,  # a generator may be read, and all is closed, in another thread
    )
    connection.execute("PRAGMA synchronous = NORMAL")  # with a write-ahead log: safe against kill
    connection.execute("PRAGMA cache_size = -32768")  # KiB
    return connection


def _in_words(error: sqlite3.Error, path: Path) -> Exception:
    """What a user can act on; an error of another kind, a bug of ours, stays as it is."""
    name = getattr(error, "sqlite_errorname", "")
    words = next((words for start, words in _WORDS.items() if name.startswith(start)), None)
    return StoreError(f"{path}: {words}") if words else error


_WORDS = {
    "SQLITE_BUSY": "another process is writing to this graph; try again when it is done",
    "SQLITE_CANTOPEN": "cannot be opened or made; check the folder and its permissions",
    "SQLITE_CORRUPT": "the file is damaged; delete it and ingest again",
    "SQLITE_FULL": "the disk is full; make room and run again",
    "SQLITE_IOERR": "the disk cannot be read or written; check it and run again",
    "SQLITE_NOTADB": "this is no kgbuild graph; choose another folder",
    "SQLITE_PERM": "cannot be opened; check its permissions",
    "SQLITE_READONLY": "cannot be written; check its permissions",
}
