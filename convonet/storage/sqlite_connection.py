"""A connection to the embedded database that needs one round trip to its thread per statement, for SQLAlchemy.

aiosqlite needs four: for a cursor, the statement, its rows, and closing the cursor; BEGIN is such a statement too. Each
costs 50 us of CPU and, on a busy machine, a wait for the other thread. A tool that reads needs two instead of nine.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Self

import aiosqlite

PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000")

ROWS_AT_ONCE = 64
"""Chunk size of aiosqlite's own cursors, which are not used."""


async def connect(path: str) -> aiosqlite.Connection:
    """Open a database file, for SQLAlchemy's `async_creator`."""

    def opened() -> sqlite3.Connection:
        # isolation_level: the driver would begin a transaction only before the first write, without the reads
        # before it; check_same_thread: the event loop's thread reads in_transaction
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    connection = EmbeddedConnection(opened, ROWS_AT_ONCE)
    # a connection that is never closed must not keep the process alive
    connection._thread.daemon = True
    return await connection


class EmbeddedConnection(aiosqlite.Connection):
    """An open connection; `connect` creates it."""

    _begin_with: str | None = None

    def begin(self, statement: str) -> None:
        """Begin a transaction with the next statement, in the same round trip."""
        self._begin_with = statement

    @property
    def has_begun(self) -> bool:
        """Whether a transaction is open or about to begin."""
        return self._begin_with is not None or self.in_transaction

    async def commit(self) -> None:
        """Commit, if the transaction has begun."""
        if self._begin_with is None:
            await super().commit()
        self._begin_with = None

    async def rollback(self) -> None:
        """Roll back, if the transaction has begun."""
        if self._begin_with is None:
            await super().rollback()
        self._begin_with = None

    def cursor(self) -> _Cursor:  # type: ignore[override]  # all that SQLAlchemy uses
        """Create a cursor, without a round trip."""
        return _Cursor(self)

    async def fetched(self, many: bool, statement: str, parameters: Iterable[Any]) -> _Fetched:
        """Run a statement and fetch all its rows in one round trip."""

        def fetch() -> _Fetched:
            if (begin := self._begin_with) is not None:
                self._begin_with = None
                self._conn.execute(begin)
            cursor = self._conn.cursor()
            try:
                execute: Any = cursor.executemany if many else cursor.execute
                execute(statement, parameters)
                rows = cursor.fetchall() if cursor.description else []
                return cursor.description, cursor.rowcount, cursor.lastrowid, rows
            finally:
                cursor.close()

        found: _Fetched = await self._execute(fetch)  # type: ignore[no-untyped-call]
        return found


_Fetched = tuple[Any, int, int | None, list[Any]]
"""Description, row count, last row's id and rows."""


class _Cursor:
    """The part of a cursor that SQLAlchemy's aiosqlite dialect uses."""

    arraysize = 1

    def __init__(self, connection: EmbeddedConnection) -> None:
        self._connection = connection
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self._rows: list[Any] = []

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Iterable[Any] = ()) -> None:
        await self._fetch(False, statement, parameters)

    async def executemany(self, statement: str, parameters: Iterable[Any]) -> None:
        await self._fetch(True, statement, parameters)

    async def fetchall(self) -> list[Any]:
        return self._rows

    async def close(self) -> None:
        self._rows = []

    async def _fetch(self, many: bool, statement: str, parameters: Iterable[Any]) -> None:
        found = await self._connection.fetched(many, statement, parameters)
        self.description, self.rowcount, self.lastrowid, self._rows = found
