"""The driver's connection to the embedded database, with one way to its thread and back for each statement.

aiosqlite goes there four times: for a cursor, the statement, its rows, and to close the cursor; the beginning of a
transaction is such a statement too. Each costs 50 us of CPU and, on a busy machine, a wait for the other thread. Of the
nine ways of a tool that reads, two are left.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Self

import aiosqlite

PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=5000")

ROWS_AT_ONCE = 64
"""Of aiosqlite's own cursors, which nobody asks for."""


async def connect(path: str) -> aiosqlite.Connection:
    """Open the file, as SQLAlchemy wants it."""

    def opened() -> sqlite3.Connection:
        # the driver's own way begins a transaction only before the first write: reads before it would see other
        # moments. The event loop's thread may look whether there is one.
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    connection = EmbeddedConnection(opened, ROWS_AT_ONCE)
    # whoever forgets to close it must not keep the process from ending
    connection._thread.daemon = True
    return await connection


class EmbeddedConnection(aiosqlite.Connection):
    """`connect` makes it."""

    _beginning: str | None = None

    def begin(self, statement: str) -> None:
        """Begin a transaction with the next statement, on the same way."""
        self._beginning = statement

    @property
    def has_begun(self) -> bool:
        """Whether there is a transaction to be ended."""
        return self._beginning is not None or self.in_transaction

    async def commit(self) -> None:
        """Commit; a transaction without a statement is over as it is."""
        if self._beginning is None:
            await super().commit()
        self._beginning = None

    async def rollback(self) -> None:
        """Roll back, likewise."""
        if self._beginning is None:
            await super().rollback()
        self._beginning = None

    def cursor(self) -> _Cursor:  # type: ignore[override]  # which is all that SQLAlchemy asks of one
        """A cursor that costs nothing until it executes."""
        return _Cursor(self)

    async def fetched(self, many: bool, statement: str, parameters: Iterable[Any]) -> _Fetched:
        """All that a statement gives, in one way to the thread and back."""

        def fetch() -> _Fetched:
            if (beginning := self._beginning) is not None:
                self._beginning = None
                self._conn.execute(beginning)
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
    """What SQLAlchemy's dialect for aiosqlite uses of a cursor."""

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
