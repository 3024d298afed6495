"""SQLite files that all processes of one machine share when there is no Redis, and their clock, which never jumps.

Wrong PINs count for a quarter of an hour; leases and checkpoints end. By the wall clock a jump ahead would make all
wrong PINs too old at once, so that guessing goes on, and a jump back would lock everybody out for its length. So time
is counted since the machine was started, on which all its processes agree, plus an offset that the file keeps: at the
first opening after a restart, or on another machine, time goes on from when the file was written last. Time that the
machine was off does not count, so nobody is let in sooner, and nobody waits for longer than the longest delay.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from convonet.storage.sqlite_thread import SqliteThread

CALL_TIMEOUT_S = 2.0
"""As long as Redis may take, since a caller waits; a call takes 0.1 ms."""


def embedded_file(path: Path, *, schema: str, latest: str, max_bytes: int) -> tuple[SqliteThread, Callable[[], float]]:
    """The file, which is opened at first use, and its clock, which may be read by what runs in its thread.

    Args:
        path: Other processes may use it at the same time.
        schema: Is run on each connection; it makes what is not there yet.
        latest: A SELECT of the moment when the file was written last, by its own clock.
        max_bytes: When the file is so large, `StorageError` is raised by what would make it larger.
    """
    clock = EmbeddedClock()

    def prepare(connection: sqlite3.Connection) -> None:
        connection.executescript(schema)
        page_bytes = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {max_bytes // page_bytes}")
        clock.start(connection, latest)

    return SqliteThread(path, prepare=prepare, timeout_s=CALL_TIMEOUT_S), clock


def time_since_boot() -> float:
    """Seconds since the machine was started, its sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class EmbeddedClock:
    """Call it for the time, after `start`."""

    def __init__(self, since_boot: Callable[[], float] = time_since_boot) -> None:
        self._since_boot = since_boot
        self._offset = 0.0

    def __call__(self) -> float:
        return self._since_boot() + self._offset

    def start(self, connection: sqlite3.Connection, latest: str) -> None:
        """Take the offset from the file, and move it when time would go back behind what `latest` selects."""
        connection.execute("CREATE TABLE IF NOT EXISTS clock (offset REAL NOT NULL)")
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            kept = connection.execute("SELECT offset FROM clock").fetchone()
            self._offset = kept[0] if kept else 0.0
            written_at = connection.execute(latest).fetchone()[0] or 0.0
            self._offset += max(0.0, written_at - self())
            connection.execute("DELETE FROM clock")
            connection.execute("INSERT INTO clock VALUES (?)", [self._offset])
