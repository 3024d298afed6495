"""The demo caller and what every domain knows of them: `make run` and `convonet seed` put it into the database."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from convonet.core.ids import DEMO_USER_ID
from convonet.domains.discovery import seed_all
from convonet.storage.database import Database
from convonet.storage.users import add_demo_user


async def add_demo_caller(url: str) -> None:
    """Add the demo caller if they are not there. Raises `StorageError`."""
    database = Database(url)
    try:
        async with database.transaction() as session:
            await add_demo_user(session)
    finally:
        await database.close()


async def seed_demo(url: str) -> None:
    """Add what is not there yet, relative to now. Raises `StorageError`."""
    database = Database(url)
    try:
        async with database.transaction() as session:
            await add_demo_user(session)
            await seed_all(session, uuid.UUID(DEMO_USER_ID), datetime.now(UTC))
    finally:
        await database.close()
