"""The store of PIN attempts in both of its forms."""

from __future__ import annotations

import pytest

from convonet.auth.attempt_limits import AttemptLimits
from convonet.auth.throttle import AttemptStore
from convonet.auth.throttle_redis import RedisAttempts
from convonet.storage.redis_client import redis_client
from tests.auth.attempt_stores import MakeStore, VirtualClock
from tests.fixtures.sqlite import inline_attempts


@pytest.fixture
async def redis_attempts(redis_url: str) -> MakeStore:
    """Makes an empty store in a real Redis."""

    async def make(limits: AttemptLimits, clock: VirtualClock) -> AttemptStore:
        await redis_client(redis_url).flushdb()
        return RedisAttempts(redis_url, limits, "pin", clock)

    return make


@pytest.fixture
def sqlite_attempts() -> MakeStore:
    """Makes an empty store in memory."""

    async def make(limits: AttemptLimits, clock: VirtualClock) -> AttemptStore:
        return inline_attempts(limits, clock)

    return make


@pytest.fixture(params=["sqlite", "redis"])
def make_store(request: pytest.FixtureRequest) -> MakeStore:
    """The same test runs over both."""
    make: MakeStore = request.getfixturevalue(f"{request.param}_attempts")
    return make
