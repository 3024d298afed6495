"""Errors of the database, and the stored effects of tools."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from convonet.core.errors import StorageError
from convonet.storage.database import Database
from convonet.storage.effects import delete_old_effects, run_once
from convonet.storage.migrate import migrate
from tests.fixtures.ports import free_port

USER = uuid.uuid4()


@pytest.fixture
async def database(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path}/test.db"
    await migrate(url)
    database = Database(url)
    yield database
    await database.close()


async def test_an_effect_is_retained_for_a_day(database):
    done = []

    async def work(_):
        done.append("effect")
        return {"done": len(done)}

    assert await run_once(database, USER, "key", work) == {"done": 1}
    await delete_old_effects(database, datetime.now(UTC) + timedelta(hours=23))
    assert await run_once(database, USER, "key", work) == {"done": 1}
    await delete_old_effects(database, datetime.now(UTC) + timedelta(hours=25))
    assert await run_once(database, USER, "key", work) == {"done": 2}


async def test_an_error_does_not_repeat_the_values_of_the_statement(database):
    with pytest.raises(Exception, match="no such table") as raised:
        async with database.transaction() as session:
            await session.execute(text("INSERT INTO nowhere VALUES (:pin)"), {"pin": "471182"})
    assert "471182" not in str(raised.value)


async def test_a_database_that_does_not_answer_is_a_storage_error():
    url = f"postgresql+asyncpg://someone:secret@127.0.0.1:{free_port()}/nowhere"
    with pytest.raises(StorageError, match="can't be reached"):
        await migrate(url)


async def test_a_statement_that_waits_for_a_lock_times_out(fresh_database):
    url = fresh_database.replace("postgresql://", "postgresql+asyncpg://")
    database = Database(url, command_timeout_s=0.3)
    async with database.transaction() as session:
        await session.execute(text("CREATE TABLE one (id int)"))
    try:
        async with database.transaction() as holder:
            await holder.execute(text("LOCK TABLE one"))
            with pytest.raises(StorageError):
                async with database.transaction() as session:
                    await session.execute(text("SELECT * FROM one"))
        async with database.reading() as session:
            assert (await session.execute(text("SELECT count(*) FROM one"))).scalar() == 0
    finally:
        await database.close()


async def test_a_database_that_is_shutting_down_is_a_storage_error(fresh_database):
    database = Database(fresh_database.replace("postgresql://", "postgresql+asyncpg://"))
    try:
        with pytest.raises(StorageError):
            async with database.transaction() as session:
                await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    finally:
        await database.close()


async def test_a_database_that_does_not_exist_is_a_storage_error(fresh_database):
    url = fresh_database.replace("postgresql://", "postgresql+asyncpg://") + "x"
    with pytest.raises(StorageError, match="does not exist"):
        await migrate(url)
