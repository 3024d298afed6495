"""The restaurant's tests share one migrated database a module and kind; each test finds its tables empty."""

import asyncio
import secrets

import asyncpg
import pytest
from sqlalchemy import delete

from convonet.domains.hanok.models import ReservationRow, SlotRow
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.effects import EffectRow
from convonet.storage.migrate import migrate
from convonet.storage.users import UserRow
from tests.domains.conftest import ALICE, BOB, user


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_url(request, tmp_path_factory):
    if request.param == "sqlite":
        url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('hanok') / 'test.db'}"
        asyncio.run(migrate(url))
        yield url
        return
    server, name = request.getfixturevalue("postgres_url"), f"hanok_{secrets.token_hex(6)}"
    asyncio.run(_administer(server, f"CREATE DATABASE {name}"))
    url = Settings(DB_URI=f"{server.rsplit('/', 1)[0]}/{name}").storage.database_url
    asyncio.run(migrate(url))
    yield url
    asyncio.run(_administer(server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def database(database_url):
    database = Database(database_url)
    async with database.transaction() as session:
        for table in (ReservationRow, SlotRow, EffectRow, UserRow):
            await session.execute(delete(table))
        session.add_all([user(ALICE), user(BOB)])
    yield database
    await database.close()


async def _administer(server, statement):
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
