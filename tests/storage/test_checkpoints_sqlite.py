"""The file of checkpoints: several processes use it at once, any of them may be killed, and its size is bounded."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from convonet.core.errors import Fenced, StorageError
from convonet.core.ids import SessionId, new_session_id
from convonet.settings.storage import StorageSettings
from convonet.storage.checkpoints import GRACE_AFTER_LEASE_S, Checkpoint, Held, checkpoint_store
from convonet.storage.checkpoints_sqlite import FILE, SCHEMA, SqliteCheckpoints, checkpoint_file
from tests.fixtures.clock import Clock
from tests.fixtures.sqlite import InlineSqlite, inline_checkpoints
from tests.storage import other_process

ID, OTHER = SessionId("s-1"), SessionId("s-2")
TTL_S = 600.0


@pytest.fixture
async def small_store(tmp_path: Path) -> AsyncIterator[SqliteCheckpoints]:
    """One with room for about a hundred kilobytes."""
    thread, clock = checkpoint_file(tmp_path / FILE, max_bytes=150_000)
    yield SqliteCheckpoints(thread, clock)
    await thread.close()


@pytest.fixture
def store(make_sqlite_store: Callable[[], SqliteCheckpoints]) -> SqliteCheckpoints:
    return make_sqlite_store()


@contextlib.contextmanager
def stopped_in_a_transaction(path: Path) -> Iterator[None]:
    """Another process has the file locked, and does not go on."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


# -- processes


def killed_while_it_saves(path: Path, session_id: SessionId, *, after: int) -> int:
    """Run another process that saves and kill it at some moment; returns the number of its last confirmed save."""
    command = [sys.executable, "-m", other_process.__name__, path, session_id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(after):
            process.stdout.readline()
        process.kill()
        return after - 1 + process.stdout.read().count("\n")


async def test_other_processes_read_the_sessions_of_a_killed_one(tmp_path: Path, store: SqliteCheckpoints) -> None:
    for after in (1, 60):
        session_id = new_session_id()
        last = await asyncio.to_thread(killed_while_it_saves, tmp_path / FILE, session_id, after=after)
        claimed = await store.claim(session_id)
        assert claimed is not None
        number = claimed.body[: other_process.DIGITS]
        # it may have kept one more than it could tell
        assert last <= int(number) <= last + 1
        assert claimed.body == number * (other_process.BODY_BYTES // other_process.DIGITS)
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_all_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    for number in range(10):
        files = [checkpoint_file(tmp_path / f"{number}.db") for _ in range(8)]
        stores = [SqliteCheckpoints(thread, clock) for thread, clock in files]
        await asyncio.gather(*(store.save(new_session_id(), 1, b"x", TTL_S, lease_s=0) for store in stores))
        assert len(await stores[0].abandoned(99)) == 8
        await asyncio.gather(*(thread.close() for thread, _ in files))


async def test_a_process_that_is_stopped_while_it_writes_costs_the_others_two_seconds_and_never_blocks_their_loop(
    tmp_path: Path, store: SqliteCheckpoints
) -> None:
    await store.save(ID, 1, b"x", TTL_S)
    ticks, started = 0, time.monotonic()
    with stopped_in_a_transaction(tmp_path / FILE):
        calls = [
            store.save(ID, 1, b"y", TTL_S),
            store.hold({ID: 1}, 60),
            store.ping(),
            *(store.claim(ID) for _ in "ab"),
        ]
        waiting = asyncio.gather(*calls, return_exceptions=True)
        while not waiting.done():
            await asyncio.sleep(0.01)
            ticks += 1
    assert all(isinstance(error, StorageError) and not isinstance(error, Fenced) for error in await waiting)
    assert time.monotonic() - started < 2.5
    assert ticks > 100
    await store.save(ID, 1, b"z", TTL_S)
    assert await store.claim(ID) == Checkpoint(ID, 2, b"z")


async def test_reading_waits_for_no_lock(tmp_path: Path, store: SqliteCheckpoints) -> None:
    await store.save(ID, 1, b"x", TTL_S, lease_s=0)
    with stopped_in_a_transaction(tmp_path / FILE):
        assert await store.abandoned(9) == [ID]


# -- the file


async def test_the_file_is_in_the_data_folder_and_its_owners_alone(tmp_path: Path) -> None:
    store = checkpoint_store(StorageSettings(CONVONET_DATA_DIR=tmp_path / "new" / "folder"))
    await store.save(ID, 1, b"x", TTL_S)
    files = list((tmp_path / "new" / "folder").iterdir())
    assert {file.name for file in files} >= {"calls.db", "calls.db-wal"}
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


async def test_a_file_in_another_format_is_a_storage_error(tmp_path: Path, store: SqliteCheckpoints) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match="not a database"):
        await store.ping()


async def test_a_full_file_keeps_what_it_has_and_takes_smaller_bodies(small_store: SqliteCheckpoints) -> None:
    await small_store.save(ID, 1, bytes(90_000), TTL_S)
    with pytest.raises(StorageError, match="full"):
        await small_store.save(OTHER, 1, bytes(90_000), TTL_S)
    assert (await small_store.hold({ID: 1, OTHER: 1}, 60)).missing == {OTHER}
    await small_store.save(ID, 1, bytes(40_000), TTL_S)
    await small_store.save(OTHER, 1, bytes(40_000), TTL_S)
    assert await small_store.claim(ID) == Checkpoint(ID, 2, bytes(40_000))


async def test_the_space_of_ended_and_expired_sessions_is_reused(small_store: SqliteCheckpoints) -> None:
    for number in range(20):
        session_id = SessionId(f"s-{number}")
        await small_store.save(session_id, 1, bytes(90_000), TTL_S)
        await small_store.delete(session_id, 1)


async def test_a_session_outlives_its_lease_and_does_not_expire_while_held() -> None:
    clock = Clock()
    store = inline_checkpoints(clock)
    await store.save(ID, 1, b"x", 1.0, lease_s=20.0)
    for _ in range(3):
        clock.now += 19.0
        assert await store.hold({ID: 1}, 20.0) == Held()
    assert await store.claim(ID, lease_s=20.0) is not None
    clock.now += 20.0 + GRACE_AFTER_LEASE_S - 1
    assert await store.abandoned(9) == [ID]
    clock.now += 1
    assert await store.abandoned(9) == []
    assert await store.claim(ID) is None


async def test_expired_sessions_are_removed_with_their_bodies() -> None:
    clock = Clock()
    sqlite = InlineSqlite(SCHEMA)
    store = SqliteCheckpoints(sqlite, clock)
    await store.save(ID, 1, b"x", 20.0)
    await store.save(OTHER, 1, b"x", 40.0)
    clock.now = 30.0
    await store.save(SessionId("s-3"), 1, b"x", 40.0)
    for table in ("sessions", "bodies"):
        rows = await sqlite.run(
            lambda connection, table=table: connection.execute(f"SELECT id FROM {table}").fetchall()
        )
        assert [row["id"] for row in rows] == ["s-2", "s-3"]
