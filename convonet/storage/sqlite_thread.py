"""A SQLite file with a thread of its own, so that the event loop never waits for the disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol, TypeVar

from convonet.core.errors import StorageError, StorageRefused

T = TypeVar("T")

_REFUSALS = {"SQLITE_CONSTRAINT_NOTNULL", "SQLITE_TOOBIG"}
"""Errors that are due to the values alone, not to the file."""

LOCK_TIMEOUT_S = 5.0
"""Timeout for the lock of another process that writes; a transaction takes a millisecond, rarely a hundred."""


class Sqlite(Protocol):
    """One connection, which does one piece of work after another."""

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work`. Raises `StorageError` when the file fails, `StorageRefused` for invalid values."""
        ...


class SqliteThread:
    """One connection, opened at first use; `close` it at the end. Transactions are up to `work`."""

    def __init__(
        self,
        path: Path,
        *,
        prepare: Callable[[sqlite3.Connection], None] | None = None,
        timeout_s: float | None = None,
    ) -> None:
        """`prepare` is called with a new connection; a call that takes longer than `timeout_s` fails."""
        self._path = path
        self._prepare = prepare
        self._timeout_s = timeout_s
        self._thread = ThreadPoolExecutor(1, "sqlite")
        self._connection: sqlite3.Connection | None = None

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """See `Sqlite.run`."""
        try:
            # work that times out while it waits for the thread never begins
            async with asyncio.timeout(self._timeout_s):
                return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._open()))
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorname", "") in _REFUSALS:
                raise StorageRefused(f"{self._path.name} refuses it: {error}") from error
            raise StorageError(f"{self._path.name} failed: {str(error) or 'no answer in time'}") from error

    async def close(self) -> None:
        """Close the file, after the current work."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            if not self._path.exists():
                _create(self._path)
            lock_timeout_s = min(LOCK_TIMEOUT_S, self._timeout_s or LOCK_TIMEOUT_S)
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=lock_timeout_s)
            try:
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute("PRAGMA foreign_keys=ON")
                if self._prepare is not None:
                    self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _create(path: Path) -> None:
    """Create an empty file that only its owner may read, since it holds what callers said."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # created aside and linked: SQLite can switch to WAL mode only while nobody else has the file open
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-") as draft:
        with contextlib.closing(sqlite3.connect(draft.name)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        with contextlib.suppress(FileExistsError):
            os.link(draft.name, path)
