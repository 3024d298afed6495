"""SQLite files that all processes of one machine share when there is no Redis, with a clock that never jumps.

Wrong PINs count for a quarter of an hour; leases and checkpoints expire. If the wall clock jumped ahead, all wrong PINs
would expire at once; if it jumped back, everybody would be locked out. So the files use the time since boot, which all
processes share, plus an offset stored in the file: after a reboot, or on another machine, time goes on from the last
write. The time while the machine was off does not count, so that nobody gets in sooner or waits longer.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from convonet.storage.sqlite_thread import SqliteThread

CALL_TIMEOUT_S = 2.0
"""The same as for Redis, since a caller waits; a call takes 0.1 ms."""


def embedded_file(path: Path, *, schema: str, latest: str, max_bytes: int) -> tuple[SqliteThread, Callable[[], float]]:
    """Create the access to a file, which is opened at first use, and its clock for work in the file's thread.

    Args:
        path: The file; other processes may use it at the same time.
        schema: SQL that is run on each connection and creates what is missing.
        latest: A SELECT of the time of the last write, by the file's own clock.
        max_bytes: Largest size; a write beyond it raises `StorageError`.
    """
    clock = EmbeddedClock()

    def prepare(connection: sqlite3.Connection) -> None:
        connection.executescript(schema)
        page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {max_bytes // page_bytes}")
        clock.start(connection, latest)

    return SqliteThread(path, prepare=prepare, timeout_s=CALL_TIMEOUT_S), clock


def time_since_boot() -> float:
    """Return the seconds since boot, including sleep."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class EmbeddedClock:
    """Returns the time when called, after `start`."""

    def __init__(self, since_boot: Callable[[], float] = time_since_boot) -> None:
        self._since_boot = since_boot
        self._offset = 0.0

    def __call__(self) -> float:
        return self._since_boot() + self._offset

    def start(self, connection: sqlite3.Connection, latest: str) -> None:
        """Read the offset from the file and advance it if time would fall behind what `latest` selects."""
        connection.execute("CREATE TABLE IF NOT EXISTS clock (offset REAL NOT NULL)")
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            kept = connection.execute("SELECT offset FROM clock").fetchone()
            self._offset = kept[0] if kept else 0.0
            written_at = connection.execute(latest).fetchone()[0] or 0.0
            self._offset += max(0.0, written_at - self())
            connection.execute("DELETE FROM clock")
            connection.execute("INSERT INTO clock VALUES (?)", [self._offset])
