"""The ledger of PIN attempts in both of its forms."""

from __future__ import annotations

import pytest

from convonet.auth.attempt_limits import AttemptLimits
from convonet.auth.throttle import Ledger
from convonet.auth.throttle_redis import RedisLedger
from convonet.storage.redis_client import redis_client
from tests.auth.ledgers import MakeLedger, VirtualClock
from tests.fixtures.sqlite import inline_ledger


@pytest.fixture
async def redis_ledger(redis_url: str) -> MakeLedger:
    """Makes an empty ledger in a real Redis."""

    async def make(limits: AttemptLimits, clock: VirtualClock) -> Ledger:
        await redis_client(redis_url).flushdb()
        return RedisLedger(redis_url, limits, "pin", clock)

    return make


@pytest.fixture
def sqlite_ledger() -> MakeLedger:
    """Makes an empty ledger in memory."""

    async def make(limits: AttemptLimits, clock: VirtualClock) -> Ledger:
        return inline_ledger(limits, clock)

    return make


@pytest.fixture(params=["sqlite", "redis"])
def make_ledger(request: pytest.FixtureRequest) -> MakeLedger:
    """The same test runs over both."""
    make: MakeLedger = request.getfixturevalue(f"{request.param}_ledger")
    return make
