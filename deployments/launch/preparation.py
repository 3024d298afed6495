"""A step: prepares the database for the first caller, and makes the links that log staff in once.

The launcher runs it with the product's address while Ray starts, which takes longer.
"""

from __future__ import annotations

import asyncio

from convonet.demo import DEMO_DESK, add_demo_caller, add_demo_desk, seed_demo
from convonet.settings import Settings
from convonet.staff.accounts import StaffAccounts
from convonet.staff.links import StartPage, first_link, one_time_link
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from deployments.launch.staff_links import StaffLinks
from deployments.launch.steps import run_step


def prepare(url: str) -> str:
    """Prepare the database; return `StaffLinks` as JSON."""
    return asyncio.run(_prepare(Settings.load(), url)).to_json()


async def _prepare(settings: Settings, url: str) -> StaffLinks:
    await _prepare_database(settings)
    database = Database(settings.storage.database_url)
    try:
        return await _staff_links(StaffAccounts(database), settings, url)
    finally:
        await database.close()


async def _staff_links(accounts: StaffAccounts, settings: Settings, url: str) -> StaffLinks:
    """Make the owner's link, and for the embedded database the demo desk with its own."""
    secret = settings.signing_secret
    # before the demo desk, because the owner gets an account only where nobody has one
    owner = await first_link(accounts, url, secret=secret)
    desk = None
    if settings.storage.db_uri is None and await add_demo_desk(accounts, settings.call_center):
        desk = await one_time_link(accounts, DEMO_DESK, StartPage.DESK, url, secret=secret)
    return StaffLinks(owner, desk)


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
