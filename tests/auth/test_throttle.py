"""Session hosts' view of the PIN limits: many callers at once, in one process and through a real Redis."""

from __future__ import annotations

import asyncio

import pytest

from convonet.auth.throttle import LocalThrottle, PinThrottle, RedisThrottle
from convonet.errors import AuthThrottled
from convonet.settings import Settings
from tests.fixtures.redis import RedisServer

CHECK_S = 0.005
"""A database answers in about this time."""


@pytest.fixture
def local_throttle() -> PinThrottle:
    return LocalThrottle(Settings())


@pytest.fixture
def redis_throttle(redis_url: str) -> PinThrottle:
    return RedisThrottle(redis_url, Settings())


@pytest.fixture(params=["local", "redis"])
def throttle(request: pytest.FixtureRequest) -> PinThrottle:
    fixture: PinThrottle = request.getfixturevalue(f"{request.param}_throttle")
    return fixture


async def attempt(throttle: PinThrottle, session_id: str, address: str, *, right: bool) -> bool:
    """Whether the attempt was let through."""
    try:
        await throttle.check(session_id, address)
    except AuthThrottled:
        return False
    await asyncio.sleep(CHECK_S)
    await (throttle.succeeded if right else throttle.failed)(session_id, address)
    return True


async def test_fifty_colleagues_behind_one_address_all_get_in_at_once(throttle: PinThrottle) -> None:
    attempts = [attempt(throttle, f"c-{n}", "192.0.2.1", right=True) for n in range(50)]
    assert all(await asyncio.gather(*attempts))


async def test_a_hundred_parallel_guesses_are_no_more_than_the_limit(throttle: PinThrottle) -> None:
    attempts = [attempt(throttle, f"c-{n}", "192.0.2.1", right=False) for n in range(100)]
    assert sum(await asyncio.gather(*attempts)) <= Settings().pin_attempts_per_address


async def test_guesses_over_many_addresses_stop_at_the_over_all_limit(throttle: PinThrottle) -> None:
    settings = Settings()
    let_through = 0
    for number in range(settings.pin_attempts_overall):
        address = f"198.51.{number >> 8}.{number & 255}"
        try:
            await throttle.check(f"c-{number}", address)
        except AuthThrottled:
            continue
        await throttle.failed(f"c-{number}", address)
        let_through += 1
    assert settings.pin_attempts_overall // 2 <= let_through <= settings.pin_attempts_overall // 2 + 2


async def test_two_processes_share_the_count_in_redis(redis_url: str) -> None:
    throttles = [RedisThrottle(redis_url, Settings()) for _ in range(2)]
    attempts = [attempt(throttles[n % 2], f"c-{n}", "192.0.2.1", right=False) for n in range(40)]
    assert sum(await asyncio.gather(*attempts)) <= Settings().pin_attempts_per_address


async def test_while_redis_is_away_callers_get_in_and_guesses_are_still_limited(
    redis_throttle: PinThrottle, redis_server: RedisServer
) -> None:
    redis_server.kill()
    assert await attempt(redis_throttle, "good", "192.0.2.1", right=True)
    guesses = [await attempt(redis_throttle, f"c-{n}", "192.0.2.2", right=False) for n in range(5)]
    assert guesses == [True, True, False, False, False]


async def test_when_redis_comes_back_it_counts_again(redis_throttle: PinThrottle, redis_server: RedisServer) -> None:
    await attempt(redis_throttle, "a", "192.0.2.1", right=False)
    redis_server.restart()
    guesses = [await attempt(redis_throttle, f"c-{n}", "192.0.2.1", right=False) for n in range(3)]
    assert guesses == [True, True, False]


async def test_all_keys_in_redis_expire(redis_throttle: PinThrottle, redis_url: str) -> None:
    from convonet.storage.redis_client import redis_client

    await attempt(redis_throttle, "a", "192.0.2.1", right=False)
    await attempt(redis_throttle, "b", "192.0.2.2", right=True)
    await redis_throttle.check("c", "192.0.2.3")
    client = redis_client(redis_url)
    keys = [key async for key in client.scan_iter()]
    assert keys
    assert all([await client.ttl(key) > 0 for key in keys])
