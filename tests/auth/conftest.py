"""The ledger of PIN attempts in both of its forms."""

from __future__ import annotations

import pytest

from convonet.auth.attempt_limits import AttemptLimits
from convonet.auth.throttle_redis import RedisLedger
from convonet.storage.redis_client import redis_client
from tests.auth.ledgers import Ledger, MakeLedger, VirtualClock, memory_ledger


@pytest.fixture
async def redis_ledger(redis_url: str) -> MakeLedger:
    """Makes an empty ledger in a real Redis."""

    async def make(limits: AttemptLimits, clock: VirtualClock) -> Ledger:
        await redis_client(redis_url).flushdb()
        return RedisLedger(redis_url, limits, clock, "pin")

    return make


@pytest.fixture(params=["memory", "redis"])
def make_ledger(request: pytest.FixtureRequest) -> MakeLedger:
    """The same test runs over both stores."""
    if request.param == "memory":
        return memory_ledger
    make: MakeLedger = request.getfixturevalue("redis_ledger")
    return make
