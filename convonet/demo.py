"""The demo caller with their data in every domain, which `make run` and `convonet seed` add, and the demo desk."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from convonet.core.errors import DomainError
from convonet.core.ids import DEMO_USER_ID
from convonet.domains.discovery import seed_all
from convonet.settings.call_center import CallCenterSettings
from convonet.staff.accounts import Role, StaffAccounts, Telephone
from convonet.storage.database import Database
from convonet.storage.users import add_demo_user

DEMO_DESK = "desk"
DEMO_DESK_ID = uuid.UUID("00000000-0000-4000-8000-000000000002")
"""Tells the demo desk from an account that an operator gave the same name."""


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


async def add_demo_desk(accounts: StaffAccounts, settings: CallCenterSettings) -> bool:
    """Add the demo desk, in the general department, if it is not there. It has no password, only one-time links.

    Returns whether it can be used: not where an operator has given its name to somebody else or deactivated it.
    """
    member = await accounts.find_member(DEMO_DESK)
    if member is None:
        try:
            member = await accounts.add_member(DEMO_DESK, "Demo desk", Role.AGENT, None, staff_id=DEMO_DESK_ID)
        except DomainError:
            return False
    if member.id != DEMO_DESK_ID:
        return False
    if member.telephone is None:
        # also after a start that ended between the two
        desk = Telephone(settings.fallback_extension, (settings.fallback_department,))
        await accounts.set_telephone(DEMO_DESK, desk)
    return True
