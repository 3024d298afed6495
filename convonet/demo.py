"""The demo caller and their data in every domain, added to the database by `make run` and `convonet seed`."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from convonet.core.ids import DEMO_USER_ID
from convonet.domains.discovery import seed_all
from convonet.storage.database import Database
from convonet.storage.users import add_demo_user


async def add_demo_caller(url: str) -> None:
    """Add the demo caller if the database has none. Raises `StorageError`."""
    database = Database(url)
    try:
        async with database.transaction() as session:
            await add_demo_user(session)
    finally:
        await database.close()


async def seed_demo(url: str) -> None:
    """Add the demo caller and the data that is missing, dated relative to now. Raises `StorageError`."""
    database = Database(url)
    try:
        async with database.transaction() as session:
            await add_demo_user(session)
            await seed_all(session, uuid.UUID(DEMO_USER_ID), datetime.now(UTC))
    finally:
        await database.close()
