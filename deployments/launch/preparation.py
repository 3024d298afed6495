"""What the product's database needs before the first caller; imported while Ray starts, which takes longer."""

from __future__ import annotations

from convonet.demo import add_demo_caller, seed_demo
from convonet.settings import Settings
from convonet.staff.accounts import StaffAccounts
from convonet.staff.links import first_link
from convonet.storage.database import Database
from convonet.storage.migrate import migrate


async def prepare_database(settings: Settings) -> None:
    """Bring the tables up to date; the embedded database also gets its demo data."""
    await migrate(settings.database_url)
    if settings.db_uri is None:
        await seed_demo(settings.database_url)
    elif not settings.enable_voice_pin:
        # everybody is let in as that caller; an operator's database gets no other data that nobody asked for
        await add_demo_caller(settings.database_url)


async def staff_link(settings: Settings, url: str) -> str | None:
    """A one-time link for the owner; None when there are accounts but not that one."""
    database = Database(settings.database_url)
    try:
        return await first_link(StaffAccounts(database), url, secret=settings.signing_secret)
    finally:
        await database.close()
