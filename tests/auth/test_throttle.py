"""The PIN limits as callers meet them: many at once, over several processes, with the file and with a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from convonet.auth.attempt_limits import AttemptLimits
from convonet.auth.throttle import PinThrottle, WaitingThrottle
from convonet.auth.throttle_redis import RedisAttempts, RedisThrottle
from convonet.auth.throttle_sqlite import FILE, SqliteAttempts, attempts_file
from convonet.core.errors import AuthThrottled, StorageError
from convonet.settings.login import LoginSettings
from convonet.storage.redis_client import redis_client
from convonet.storage.sqlite_thread import SqliteThread
from tests.fixtures.redis import RedisServer

CHECK_S = 0.005
"""A database answers in about this time."""


MakeThrottle = Callable[[], PinThrottle]


@pytest.fixture
async def file_throttle(tmp_path: Path) -> AsyncIterator[MakeThrottle]:
    """Opens the same file anew, as another process would."""
    threads: list[SqliteThread] = []

    def make() -> PinThrottle:
        thread, clock = attempts_file(tmp_path / FILE)
        threads.append(thread)
        return WaitingThrottle(SqliteAttempts(thread, clock, AttemptLimits.of(LoginSettings()), "pin"))

    yield make
    for thread in threads:
        await thread.close()


@pytest.fixture
def redis_attempts(redis_url: str) -> RedisAttempts:
    return RedisAttempts(redis_url, AttemptLimits.of(LoginSettings()), "pin")


@pytest.fixture
def redis_throttle(redis_attempts: RedisAttempts, file_throttle: MakeThrottle) -> MakeThrottle:
    """The throttle of each process, when all are on one machine."""
    return lambda: RedisThrottle(redis_attempts, file_throttle())


@pytest.fixture(params=["file", "redis"])
def make_throttle(request: pytest.FixtureRequest) -> MakeThrottle:
    """The same test runs over both."""
    make: MakeThrottle = request.getfixturevalue(f"{request.param}_throttle")
    return make


@pytest.fixture
def throttle(make_throttle: MakeThrottle) -> PinThrottle:
    return make_throttle()


@pytest.fixture(params=["file", "redis"])
def make_exact_throttle(request: pytest.FixtureRequest) -> MakeThrottle:
    """Without the file as a fallback: on a busy machine some calls time out, and the file would count them again."""
    if request.param == "redis":
        store: RedisAttempts = request.getfixturevalue("redis_attempts")
        return lambda: WaitingThrottle(store)
    make: MakeThrottle = request.getfixturevalue("file_throttle")
    return make


async def attempt(throttle: PinThrottle, session_id: str, address: str, *, right: bool) -> bool:
    """Whether the attempt was let through."""
    try:
        await throttle.check(session_id, address)
    except (AuthThrottled, StorageError):
        return False
    await asyncio.sleep(CHECK_S)
    await (throttle.succeeded if right else throttle.failed)(session_id, address)
    return True


async def test_fifty_colleagues_behind_one_address_all_get_in_at_once(throttle: PinThrottle) -> None:
    attempts = [attempt(throttle, f"c-{n}", "192.0.2.1", right=True) for n in range(50)]
    assert all(await asyncio.gather(*attempts))


async def test_a_hundred_parallel_guesses_are_no_more_than_the_limit(make_exact_throttle: MakeThrottle) -> None:
    throttle = make_exact_throttle()
    attempts = [attempt(throttle, f"c-{n}", "192.0.2.1", right=False) for n in range(100)]
    assert sum(await asyncio.gather(*attempts)) <= LoginSettings().pin_attempts_per_address


async def test_guesses_from_many_addresses_stop_at_the_overall_limit(throttle: PinThrottle) -> None:
    settings = LoginSettings()
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


async def test_two_processes_share_the_count(make_exact_throttle: MakeThrottle) -> None:
    throttles = [make_exact_throttle() for _ in range(2)]
    attempts = [attempt(throttles[n % 2], f"c-{n}", "192.0.2.1", right=False) for n in range(40)]
    assert sum(await asyncio.gather(*attempts)) <= LoginSettings().pin_attempts_per_address


async def test_while_redis_is_down_callers_get_in_and_a_machine_still_limits_guesses(
    redis_throttle: MakeThrottle, redis_server: RedisServer
) -> None:
    throttles = [redis_throttle() for _ in range(2)]
    redis_server.kill()
    assert await attempt(throttles[0], "good", "192.0.2.1", right=True)
    guesses = [await attempt(throttles[n % 2], f"c-{n}", "192.0.2.2", right=False) for n in range(5)]
    assert guesses == [True, True, False, False, False]


async def test_when_redis_comes_back_it_counts_again(redis_throttle: MakeThrottle, redis_server: RedisServer) -> None:
    throttle = redis_throttle()
    await attempt(throttle, "a", "192.0.2.1", right=False)
    redis_server.restart()
    guesses = [await attempt(throttle, f"c-{n}", "192.0.2.1", right=False) for n in range(3)]
    assert guesses == [True, True, False]


async def test_all_keys_in_redis_expire(redis_throttle: MakeThrottle, redis_url: str) -> None:
    throttle = redis_throttle()
    await attempt(throttle, "a", "192.0.2.1", right=False)
    await attempt(throttle, "b", "192.0.2.2", right=True)
    await throttle.check("c", "192.0.2.3")
    client = redis_client(redis_url)
    keys = [key async for key in client.scan_iter()]
    assert keys
    assert all([await client.ttl(key) > 0 for key in keys])
