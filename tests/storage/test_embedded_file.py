"""The clock of the embedded files: all processes agree on it, it outlives them, and it neither jumps nor goes back."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from convonet.storage.embedded_file import EmbeddedClock, embedded_file
from tests.fixtures.clock import Clock

SCHEMA = "CREATE TABLE IF NOT EXISTS notes (at REAL)"
LATEST = "SELECT max(at) FROM notes"


@pytest.fixture
def connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute(SCHEMA)
    return connection


def opened(connection: sqlite3.Connection, since_boot: Clock) -> EmbeddedClock:
    """The clock of a process that opens the file now."""
    clock = EmbeddedClock(since_boot)
    clock.start(connection, LATEST)
    return clock


def note(connection: sqlite3.Connection, at: float) -> None:
    connection.execute("INSERT INTO notes VALUES (?)", [at])


def test_all_processes_have_the_same_time_whenever_they_open_the_file(connection: sqlite3.Connection) -> None:
    since_boot = Clock(100.0)
    early = opened(connection, since_boot)
    since_boot.now = 160.0
    note(connection, early())
    since_boot.now = 170.0
    assert opened(connection, since_boot)() == early() == 170.0


def test_after_a_restart_of_the_machine_time_goes_on_where_the_file_was_written_last(
    connection: sqlite3.Connection,
) -> None:
    since_boot = Clock(5000.0)
    note(connection, opened(connection, since_boot)())
    since_boot.now = 20.0
    first = opened(connection, since_boot)
    assert first() == 5000.0
    since_boot.now = 25.0
    note(connection, first())
    assert opened(connection, since_boot)() == first() == 5005.0


def test_each_further_restart_goes_on_from_there(connection: sqlite3.Connection) -> None:
    for number, uptime in enumerate((1000.0, 10.0, 10.0, 10.0)):
        clock = opened(connection, Clock(uptime))
        assert clock() == 1000.0 + 5.0 * number
        note(connection, clock() + 5.0)


def test_time_never_passes_faster_than_real_time(connection: sqlite3.Connection) -> None:
    # restarted, and up for longer than it was when the file was written: at least this time has really passed
    note(connection, opened(connection, Clock(300.0))())
    assert opened(connection, Clock(900.0))() == 900.0


async def test_the_wall_clock_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thread, clock = embedded_file(tmp_path / "x.db", schema=SCHEMA, latest=LATEST, max_bytes=1_000_000)
    before = await thread.run(lambda _: clock())
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0)
    assert before <= await thread.run(lambda _: clock()) < before + 60
    await thread.close()
