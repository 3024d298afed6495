"""The file of attempts: exact over processes, kept after a restart, and bounded."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from convonet.auth.attempt_limits import WINDOW_S, AttemptLimits
from convonet.auth.throttle import throttle
from convonet.auth.throttle_sqlite import FILE, SCHEMA, SqliteAttempts, attempts_file
from convonet.core.errors import AuthThrottled
from convonet.settings import Settings
from tests.auth.attempt_stores import VirtualClock, wait_of
from tests.fixtures.sqlite import InlineSqlite

ONE = AttemptLimits(session=5, address=1, overall=20)
LIMITS = AttemptLimits(session=5, address=10, overall=20)


async def test_an_attempt_after_another_processs_write_is_decided_again(tmp_path: Path) -> None:
    thread, clock = attempts_file(tmp_path / FILE)
    other_thread, _ = attempts_file(tmp_path / FILE)
    other = SqliteAttempts(other_thread, clock, ONE, "pin")
    readings = 0

    def overtaken() -> float:
        # the time is read after the counts and before anything is written
        nonlocal readings
        readings += 1
        if readings == 2:
            asyncio.run(other.check("other", "192.0.2.1"))
        return clock()

    assert await wait_of(SqliteAttempts(thread, overtaken, ONE, "pin"), "c", "192.0.2.1") > 0
    assert readings == 3
    await asyncio.gather(thread.close(), other_thread.close())


async def test_wrong_pins_are_known_after_a_restart(tmp_path: Path) -> None:
    for number in range(2):
        thread, clock = attempts_file(tmp_path / FILE)
        store = SqliteAttempts(thread, clock, ONE, "pin")
        wait_ms = await wait_of(store, f"c-{number}", "192.0.2.1")
        if number == 0:
            assert wait_ms == 0
            await store.failed("c-0", "192.0.2.1")
        else:
            assert (WINDOW_S - 60) * 1000 < wait_ms <= WINDOW_S * 1000
        await thread.close()


async def test_the_attempts_of_callers_and_staff_do_not_touch_each_other(tmp_path: Path) -> None:
    settings = Settings(CONVONET_DATA_DIR=tmp_path, CONVONET_PIN_ATTEMPTS_PER_ADDRESS=1)
    pin, staff = throttle(settings, "pin"), throttle(settings, "staff")
    await pin.check("c", "192.0.2.1")
    await pin.failed("c", "192.0.2.1")
    with pytest.raises(AuthThrottled):
        await throttle(settings, "pin").check("d", "192.0.2.1")
    await staff.check("c", "192.0.2.1")


@pytest.mark.parametrize("settle", ["failed", "succeeded", "nobody"])
async def test_thousands_of_addresses_do_not_grow_the_file(settle: str) -> None:
    clock, sqlite = VirtualClock(), InlineSqlite(SCHEMA)
    store = SqliteAttempts(sqlite, clock, LIMITS, "pin", max_known=100)
    for number in range(3000):
        clock.now += 1.0
        address = f"10.0.{number >> 8}.{number & 255}"
        if await wait_of(store, f"c-{number}", address) == 0 and settle != "nobody":
            await getattr(store, settle)(f"c-{number}", address)
    kept = await sqlite.run(lambda connection: connection.execute("SELECT count(*) FROM attempts").fetchone()[0])
    assert kept <= 400
