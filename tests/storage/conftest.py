"""The checkpoint store in both of its forms: a file that two processes might share, and a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from convonet.storage.checkpoints import CheckpointStore
from convonet.storage.checkpoints_redis import RedisCheckpoints
from convonet.storage.checkpoints_sqlite import FILE, SqliteCheckpoints, checkpoint_file
from convonet.storage.sqlite_thread import SqliteThread

MakeStore = Callable[[], CheckpointStore]


@pytest.fixture
async def make_sqlite_store(tmp_path: Path) -> AsyncIterator[Callable[[], SqliteCheckpoints]]:
    """Opens the same file anew, as another process would."""
    threads: list[SqliteThread] = []

    def make() -> SqliteCheckpoints:
        thread, clock = checkpoint_file(tmp_path / FILE)
        threads.append(thread)
        return SqliteCheckpoints(thread, clock)

    yield make
    for thread in threads:
        await thread.close()


@pytest.fixture
def make_redis_store(redis_url: str) -> MakeStore:
    return lambda: RedisCheckpoints(redis_url)


@pytest.fixture(params=["sqlite", "redis"])
def make_store(request: pytest.FixtureRequest) -> MakeStore:
    """The same test runs over both; each store that is made is another view of the same sessions."""
    make: MakeStore = request.getfixturevalue(f"make_{request.param}_store")
    return make


@pytest.fixture
def store(make_store: MakeStore) -> CheckpointStore:
    return make_store()
