"""Limits before login: blocked addresses are refused without asking the throttle, and silent sockets are closed."""

import asyncio
from contextlib import suppress

import pytest

from convonet.core.errors import AuthRefused, AuthThrottled
from convonet.gateway import login
from convonet.gateway.login import LoginBackoff, UnauthenticatedSockets
from convonet.settings import Settings
from tests.fixtures.clock import Clock
from tests.fixtures.sqlite import inline_throttle
from tests.virtual_time import virtual_time

STRANGER, COLLEAGUE, OTHER = "203.0.113.7", "203.0.113.7", "198.51.100.7"


class Attempts:
    """Attempts at PINs as the gateway makes them: through the backoff, then by the real throttle; counts its calls."""

    def __init__(self):
        self.clock = Clock(1_000.0)
        self.backoff = LoginBackoff(self.clock)
        self.throttle = inline_throttle(Settings(VOICE_PIN="471182"), self.clock)
        self.asked = 0
        self._sockets = 0

    def socket(self, address):
        self._sockets += 1
        own, connection = self.backoff.attempts_from(address), f"socket-{self._sockets}"

        async def attempt(*, right=False):
            with own.attempt():
                self.asked += 1
                await self.throttle.check(connection, address)
                if right:
                    await self.throttle.succeeded(connection, address)
                    return
                await self.throttle.failed(connection, address)
                raise AuthRefused

        return attempt


async def refused_for_ms(attempt):
    with pytest.raises(AuthThrottled) as refusal:
        await attempt()
    return refusal.value.retry_after_ms


async def guess_until_throttled(attempts, address=STRANGER):
    """Guess with a new socket each time, as a flood does; returns the throttle's wait."""
    while True:
        try:
            with suppress(AuthRefused):
                await attempts.socket(address)()
        except AuthThrottled as refusal:
            if refusal.retry_after_ms > login.SHORT_WAIT_MS:
                return refusal.retry_after_ms
            attempts.clock.now += refusal.retry_after_ms / 1000


async def test_a_flood_from_a_blocked_address_is_refused_without_asking_the_throttle():
    attempts = Attempts()
    wait_ms = await guess_until_throttled(attempts)
    asked = attempts.asked
    for _ in range(1_000):
        assert await refused_for_ms(attempts.socket(STRANGER)) == wait_ms
    assert attempts.asked == asked


async def test_the_time_to_wait_gets_shorter_and_ends():
    attempts = Attempts()
    wait_ms = await guess_until_throttled(attempts)
    attempts.clock.now += 1
    assert await refused_for_ms(attempts.socket(STRANGER)) == wait_ms - 1_000
    attempts.clock.now += wait_ms / 1000 - 1
    await attempts.socket(STRANGER)(right=True)


async def test_other_addresses_are_not_refused_meanwhile():
    attempts = Attempts()
    await guess_until_throttled(attempts)
    await attempts.socket(OTHER)(right=True)


async def test_an_ipv6_caller_does_not_escape_to_another_address_of_the_same_network():
    attempts = Attempts()
    wait_ms = await guess_until_throttled(attempts, "2001:db8::1")
    assert await refused_for_ms(attempts.socket("2001:db8::2")) == wait_ms
    await attempts.socket("2001:db8:0:1::1")(right=True)


async def test_a_socket_that_has_used_up_its_guesses_waits_alone():
    attempts = Attempts()
    socket = attempts.socket(STRANGER)
    for _ in range(5):
        with pytest.raises(AuthRefused):
            await socket()
        attempts.clock.now += 61
    for _ in range(100):
        assert await refused_for_ms(socket) > 500_000
    assert attempts.asked == 6
    await attempts.socket(COLLEAGUE)(right=True)


async def test_a_busy_throttle_blocks_nobody_else():
    attempts = Attempts()
    own = attempts.backoff.attempts_from(STRANGER)
    with pytest.raises(AuthThrottled), own.attempt():
        raise AuthThrottled(login.SHORT_WAIT_MS)
    assert await refused_for_ms(lambda: try_login(own)) == login.SHORT_WAIT_MS
    await attempts.socket(COLLEAGUE)(right=True)


async def try_login(attempts):
    with attempts.attempt():
        pass


async def test_blocked_networks_are_bounded_and_expire():
    clock = Clock()
    backoff = LoginBackoff(clock, max_networks=100)

    def be_refused(number):
        with suppress(AuthThrottled), backoff.attempts_from(f"10.0.{number // 256}.{number % 256}").attempt():
            raise AuthThrottled(60_000)

    for number in range(1_000):
        be_refused(number)
    assert len(backoff._blocked_until) == 100
    clock.now += 60
    for number in range(60):
        be_refused(number)
    assert len(backoff._blocked_until) <= 60


class Sockets:
    """Unauthenticated sockets, and the reason why each was closed."""

    def __init__(self, room):
        self._room = room
        self._tasks = {}
        self.log_in = {}

    async def open(self, name):
        self.log_in[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._wait(name))
        await asyncio.sleep(0)

    async def end_of(self, name):
        return await self._tasks[name]

    @property
    def open_ones(self):
        return [name for name, task in self._tasks.items() if not task.done()]

    async def _wait(self, name):
        try:
            async with self._room.wait_for_login():
                await self.log_in[name].wait()
        except TimeoutError:
            return "has to leave"
        return "logged in"


@virtual_time
async def test_a_silent_socket_is_closed_after_the_timeout():
    sockets = Sockets(UnauthenticatedSockets(places=10, timeout_s=120))
    began = asyncio.get_running_loop().time()
    await sockets.open("silent")
    assert await sockets.end_of("silent") == "has to leave"
    assert asyncio.get_running_loop().time() - began == pytest.approx(120)


@virtual_time
async def test_the_oldest_socket_is_closed_when_there_are_too_many():
    room = UnauthenticatedSockets(places=3, timeout_s=120)
    sockets = Sockets(room)
    for name in "abc":
        await sockets.open(name)
    sockets.log_in["a"].set()
    assert await sockets.end_of("a") == "logged in"
    for name in "def":
        await sockets.open(name)
    assert await sockets.end_of("b") == "has to leave"
    assert await sockets.end_of("c") == "has to leave"
    assert sockets.open_ones == ["d", "e", "f"]
    assert len(room) == 3
    for name in "def":
        sockets.log_in[name].set()
        await sockets.end_of(name)
    assert len(room) == 0


@virtual_time
async def test_a_socket_whose_time_is_just_over_is_evicted_without_error():
    sockets = Sockets(UnauthenticatedSockets(places=1, timeout_s=120))
    await sockets.open("first")
    loop = asyncio.get_running_loop()
    opened = loop.create_future()
    loop.call_at(loop.time() + 120, lambda: opened.set_result(asyncio.create_task(sockets.open("second"))))
    await (await opened)
    sockets.log_in["second"].set()
    assert await sockets.end_of("first") == "has to leave"
    assert await sockets.end_of("second") == "logged in"
