"""The check fails for a process that can't reach its database, but not for a database that is down."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from convonet.core.errors import StorageError
from convonet.storage.database import Database
from convonet.storage.database_watch import DatabaseWatch
from tests.fixtures.ports import free_port

ALL_CONNECTIONS = 15
"""SQLAlchemy's pool: five, and ten more when it is busy."""


@asynccontextmanager
async def watched(url):
    database = Database(url)
    watch = DatabaseWatch(database, silent_after_s=0.3)
    yield database, watch
    await watch.close()
    await database.close()


async def checks_for(watch, seconds):
    """Checks again and again; raises what a check raises."""
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        watch.check()
        await asyncio.sleep(0.05)


async def test_a_database_that_answers_is_fine(migrated_sqlite):
    async with watched(f"sqlite+aiosqlite:///{migrated_sqlite}") as (_, watch):
        await checks_for(watch, 0.6)


async def test_a_late_check_does_not_count_as_a_silent_database(migrated_sqlite):
    async with watched(f"sqlite+aiosqlite:///{migrated_sqlite}") as (_, watch):
        await checks_for(watch, 0.2)
        # as when Serve's controller is lost and comes back
        await asyncio.sleep(0.5)
        watch.check()


async def test_a_database_that_is_down_does_not_fail_the_check():
    async with watched(f"postgresql+asyncpg://someone:secret@127.0.0.1:{free_port()}/nowhere") as (_, watch):
        with capture_logs() as logs:
            await checks_for(watch, 0.6)
    assert "database_unavailable" in {line["event"] for line in logs}


async def test_leaked_connections_fail_the_check_until_they_are_returned(tmp_path):
    async with watched(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as (database, watch):
        async with AsyncExitStack() as held:
            for _ in range(ALL_CONNECTIONS):
                session = await held.enter_async_context(database.reading())
                await session.execute(text("SELECT 1"))
            with pytest.raises(StorageError, match="had no answer"):
                await checks_for(watch, 5)
        async with asyncio.timeout(5):
            while True:
                try:
                    watch.check()
                except StorageError:
                    await asyncio.sleep(0.05)
                else:
                    return
