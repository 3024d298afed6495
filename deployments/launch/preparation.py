"""A step: prepares the database for the first caller, and makes a link that logs the owner in once.

The launcher runs it with the product's address while Ray starts, which takes longer.
"""

from __future__ import annotations

import asyncio

from convonet.demo import add_demo_caller, seed_demo
from convonet.settings import Settings
from convonet.staff.accounts import StaffAccounts
from convonet.staff.links import first_link
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from deployments.launch.steps import run_step


def prepare(url: str) -> str:
    """Prepare the database; return the one-time link, or "" when there are accounts but not the owner's."""
    return asyncio.run(_prepare(Settings.load(), url)) or ""


async def _prepare(settings: Settings, url: str) -> str | None:
    await _prepare_database(settings)
    database = Database(settings.storage.database_url)
    try:
        return await first_link(StaffAccounts(database), url, secret=settings.signing_secret)
    finally:
        await database.close()


async def _prepare_database(settings: Settings) -> None:
    """Bring the tables up to date; the embedded database also gets its demo data."""
    await migrate(settings.storage.database_url)
    if settings.storage.db_uri is None:
        await seed_demo(settings.storage.database_url)
    elif not settings.login.pin_required:
        # everybody calls as the demo caller; an operator's database gets no other data unasked
        await add_demo_caller(settings.storage.database_url)


if __name__ == "__main__":
    run_step(prepare)
