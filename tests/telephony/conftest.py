"""A call center on a database of its own."""

import asyncio
import shutil

import pytest

from convonet.core.hand_over import CarrierKind
from convonet.demo import seed_demo
from tests.telephony.world import CallCenter


@pytest.fixture(scope="session")
def seeded_sqlite(migrated_sqlite, tmp_path_factory):
    """The embedded database with the demo caller and what is known of them."""
    path = tmp_path_factory.mktemp("seeded") / "seeded.db"
    shutil.copy(migrated_sqlite, path)
    asyncio.run(seed_demo(f"sqlite+aiosqlite:///{path}"))
    return path


def maker(database, tmp_path, kind):
    def make(**settings):
        return CallCenter(shutil.copy(database, tmp_path / "convonet.db"), kind=kind, **settings)

    return make


@pytest.fixture(params=CarrierKind, ids=str)
def call_center(request, seeded_sqlite, tmp_path):
    """`call_center(SETTING=value)` makes one, to be used with `async with`; a test of it runs for both carriers."""
    return maker(seeded_sqlite, tmp_path, request.param)


@pytest.fixture
def telephone_center(seeded_sqlite, tmp_path):
    """The same with Twilio and a PBX only."""
    return maker(seeded_sqlite, tmp_path, CarrierKind.TELEPHONE)


@pytest.fixture
def direct_center(seeded_sqlite, tmp_path):
    """The same without a telephone company: the desks' pages carry all calls."""
    return maker(seeded_sqlite, tmp_path, CarrierKind.DIRECT)
