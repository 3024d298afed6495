"""A call center on a database of its own."""

import asyncio
import shutil

import pytest

from convonet.demo import seed_demo
from tests.telephony.world import CallCenter


@pytest.fixture(scope="session")
def seeded_sqlite(migrated_sqlite, tmp_path_factory):
    """The embedded database with the demo caller and what is known of them."""
    path = tmp_path_factory.mktemp("seeded") / "seeded.db"
    shutil.copy(migrated_sqlite, path)
    asyncio.run(seed_demo(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture
def call_center(seeded_sqlite, tmp_path):
    """`call_center(SETTING=value)` makes one, to be used with `async with`."""

    def make(**settings):
        return CallCenter(shutil.copy(seeded_sqlite, tmp_path / "convonet.db"), **settings)

    return make
