"""The catalog: one SQLite file in WAL mode, with forward-only migrations.

A commit costs about 0.1 ms and survives ``kill -9`` of the process (WAL with
``synchronous=NORMAL`` may lose the last commits when the whole machine loses power, and
never corrupts: https://sqlite.org/wal.html).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlops_jupyter.errors import ExternalError, IntegrityError, MlopsError, UsageError

BUSY_TIMEOUT_SECONDS = 10.0


class Catalog:
    """The rows of a project.

    Connections are per thread and per process: SQLite connections must not cross a fork
    (https://sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork).

    Parameters
    ----------
    path : Path
        The SQLite file; made with all tables when it does not exist.

    Raises
    ------
    IntegrityError
        The file is not a catalog or is damaged.
    UsageError
        A newer version of this package made it.
    ExternalError
        It cannot be opened or written now.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        with translated(path):
            migrate(self._connection(), path)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        with translated(self.path):
            return self._connection().execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        found = self.rows(sql, values)
        return found[0] if found else None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Open a write transaction: all of it is kept, or nothing."""
        with translated(self.path):
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite ends it itself where the disk is full
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Wait only so long for another process that writes, in this thread and this block."""
        before = getattr(self._local, "patience", BUSY_TIMEOUT_SECONDS)
        self._local.patience = seconds
        try:
            yield
        finally:
            self._local.patience = before

    def data_version(self) -> int:
        """Return a number that changes when another connection has committed (15 µs).

        https://sqlite.org/pragma.html#pragma_data_version
        """
        with translated(self.path):
            return int(self._connection().execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close this thread's connection."""
        self._local.opened = None

    def _connection(self) -> sqlite3.Connection:
        opened: _Opened | None = getattr(self._local, "opened", None)
        if opened is None or opened.pid != os.getpid():
            opened = self._local.opened = _Opened(self.path)
        patience = getattr(self._local, "patience", BUSY_TIMEOUT_SECONDS)
        if opened.patience != patience:  # set only when it changes: 20 µs each time
            opened.connection.execute(f"PRAGMA busy_timeout = {patience * 1000:.0f}")
            opened.patience = patience
        return opened.connection


class _Opened:
    """A connection that is closed when nobody holds it any more, be it at the end of a thread."""

    def __init__(self, path: Path) -> None:
        # a thread may end, and its connection be closed, by another one
        self.connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        self.pid = os.getpid()
        self.patience = BUSY_TIMEOUT_SECONDS
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = NORMAL")
        self.connection.execute("PRAGMA foreign_keys = ON")

    def __del__(self) -> None:
        connection: sqlite3.Connection | None = getattr(self, "connection", None)
        if connection is None:
            return
        if self.pid == os.getpid():
            connection.close()
        else:
            _INHERITED.append(connection)


def is_busy(error: MlopsError) -> bool:
    """Tell whether a call failed only because another process was writing all that time."""
    cause = error.__cause__
    code = cause.sqlite_errorcode if isinstance(cause, sqlite3.OperationalError) else 0
    return code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


_INHERITED: list[sqlite3.Connection] = []
"""Connections of the parent process: a child must not even close them."""


def migrations() -> list[str]:
    """Return the SQL of each migration, oldest first."""
    files = sorted(Path(__file__).with_name("migrations").glob("*.sql"))
    return [file.read_text(encoding="utf-8") for file in files]


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables to this package's version; two processes may race for it."""
    scripts = migrations()
    if _version(connection) == len(scripts):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        if version > len(scripts):
            raise UsageError(
                f"{path}: made by a newer version of mlops-jupyter "
                f"(catalog version {version}, this one knows {len(scripts)})",
                hint="upgrade mlops-jupyter",
            )
        for script in scripts[version:]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(scripts)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, once for every caller."""
    try:
        yield
    except MlopsError:
        raise
    except sqlite3.OperationalError as error:
        if "readonly" in str(error) or "unable to open" in str(error):
            raise UsageError(
                f"{path}: cannot be opened for writing", hint="use a folder that you may write to"
            ) from error
        raise ExternalError(
            f"{path}: {error}",
            hint="check that the disk has room and no other program holds the file",
        ) from error
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.DatabaseError as error:
        raise IntegrityError(
            f"{path}: {error}", hint="restore the file from a backup, or move it away"
        ) from error


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    # executescript() would commit in the middle of the migration's transaction
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
