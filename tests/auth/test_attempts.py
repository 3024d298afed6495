"""The rules of PIN attempts, in virtual time, over the embedded store and the one in a real Redis."""

from __future__ import annotations

from itertools import count

import pytest

from convonet.auth.attempt_limits import STAND_BACK_S, WINDOW_S, AttemptLimits, delay_after, network_of
from convonet.auth.throttle import AttemptStore
from tests.auth.attempt_stores import MakeStore, VirtualClock, wait_of

LIMITS = AttemptLimits(session=5, address=10, overall=20)
_numbers = count()


def new_session() -> str:
    return f"c-{next(_numbers)}"


async def guess(store: AttemptStore, address: str) -> int:
    """One wrong PIN from a new connection; the wait when it was not let through."""
    session_id = new_session()
    wait = await wait_of(store, session_id, address)
    if not wait:
        await store.failed(session_id, address)
    return wait


async def flood(store: AttemptStore, clock: VirtualClock) -> None:
    """Wrong PINs from ever new addresses until the strangers' lane is under attack."""
    for number in range(LIMITS.fast):
        assert await guess(store, f"203.0.113.{number}") == 0
    clock.now += 1


async def test_a_mistyped_pin_costs_nothing(make_store: MakeStore) -> None:
    store = await make_store(LIMITS, VirtualClock())
    assert await guess(store, "192.0.2.1") == 0
    assert await wait_of(store, "c", "192.0.2.1") == 0


async def test_each_further_wrong_pin_of_an_address_doubles_the_wait(make_store: MakeStore) -> None:
    clock = VirtualClock()
    store = await make_store(LIMITS, clock)
    waits = []
    for _ in range(LIMITS.address - 1):
        assert await guess(store, "192.0.2.1") == 0
        wait = await wait_of(store, new_session(), "192.0.2.1")
        waits.append(wait // 1000)
        clock.now += max(wait / 1000, 10.0)
    assert waits == [0, 1, 2, 4, 8, 16, 32, 60, 60]


async def test_after_its_limit_an_address_waits_until_its_oldest_wrong_pin_leaves_the_window(
    make_store: MakeStore,
) -> None:
    clock = VirtualClock()
    store = await make_store(AttemptLimits(session=5, address=2, overall=20), clock)
    await guess(store, "192.0.2.1")
    clock.now += 100
    await guess(store, "192.0.2.1")
    assert await guess(store, "192.0.2.1") == (WINDOW_S - 100) * 1000
    clock.now += WINDOW_S - 100
    assert await guess(store, "192.0.2.1") == 0


async def test_a_connection_is_refused_after_its_own_limit(make_store: MakeStore) -> None:
    clock = VirtualClock()
    store = await make_store(AttemptLimits(session=2, address=10, overall=20), clock)
    for address in ("192.0.2.1", "192.0.2.2"):
        assert await wait_of(store, "c", address) == 0
        await store.failed("c", address)
    assert await wait_of(store, "c", "192.0.2.3") == WINDOW_S * 1000
    assert await wait_of(store, "other", "192.0.2.3") == 0


async def test_parallel_attempts_of_an_address_do_not_all_pass_before_one_has_failed(make_store: MakeStore) -> None:
    store = await make_store(LIMITS, VirtualClock())
    waits = [await wait_of(store, new_session(), "192.0.2.1") for _ in range(30)]
    assert waits.count(0) == LIMITS.address


async def test_earlier_wrong_pins_leave_less_room_for_parallel_ones(make_store: MakeStore) -> None:
    store = await make_store(AttemptLimits(session=5, address=4, overall=100), VirtualClock())
    await guess(store, "192.0.2.1")
    waits = [await wait_of(store, new_session(), "192.0.2.1") for _ in range(30)]
    assert waits.count(0) == 3


async def test_an_address_with_wrong_pins_is_checked_one_at_a_time(make_store: MakeStore) -> None:
    clock = VirtualClock()
    store = await make_store(LIMITS, clock)
    await guess(store, "192.0.2.1")
    await guess(store, "192.0.2.1")
    clock.now += 5
    waits = [await wait_of(store, new_session(), "192.0.2.1") for _ in range(5)]
    assert waits.count(0) == 1


async def test_a_connection_is_checked_one_at_a_time(make_store: MakeStore) -> None:
    store = await make_store(LIMITS, VirtualClock())
    assert await wait_of(store, "c", "192.0.2.1") == 0
    assert await wait_of(store, "c", "192.0.2.1") > 0


async def test_an_attempt_that_is_never_settled_lapses(make_store: MakeStore) -> None:
    clock = VirtualClock()
    store = await make_store(AttemptLimits(session=5, address=1, overall=20), clock)
    assert await wait_of(store, "c", "192.0.2.1") == 0
    assert await wait_of(store, "d", "192.0.2.1") > 0
    clock.now += 11
    assert await wait_of(store, "d", "192.0.2.1") == 0


async def test_a_right_pin_does_not_reset_wrong_ones(make_store: MakeStore) -> None:
    clock = VirtualClock()
    store = await make_store(AttemptLimits(session=5, address=2, overall=20), clock)
    await guess(store, "192.0.2.1")
    assert await wait_of(store, "good", "192.0.2.1") == 0
    await store.succeeded("good", "192.0.2.1")
    assert await guess(store, "192.0.2.1") == 0
    assert await guess(store, "192.0.2.1") > 0


async def test_right_pins_need_no_wait_however_many(make_store: MakeStore) -> None:
    store = await make_store(LIMITS, VirtualClock())
    for _ in range(3 * LIMITS.overall):
        session_id = new_session()
        assert await wait_of(store, session_id, "192.0.2.1") == 0
        await store.succeeded(session_id, "192.0.2.1")


async def test_under_attack_strangers_go_one_by_one_and_are_never_locked_out(make_store: MakeStore) -> None:
    clock = VirtualClock()
    store = await make_store(LIMITS, clock)
    await flood(store, clock)
    assert await wait_of(store, new_session(), "192.0.2.1") == 0
    wait = await wait_of(store, new_session(), "192.0.2.2")
    assert wait == LIMITS.gap_s * 1000
    clock.now += wait / 1000
    assert await wait_of(store, new_session(), "192.0.2.2") == 0


async def test_under_attack_a_right_pin_gives_its_slot_back(make_store: MakeStore) -> None:
    clock = VirtualClock()
    store = await make_store(LIMITS, clock)
    await flood(store, clock)
    assert await wait_of(store, "good", "192.0.2.1") == 0
    await store.succeeded("good", "192.0.2.1")
    assert await wait_of(store, new_session(), "192.0.2.2") == 0


async def test_under_attack_addresses_with_a_wrong_pin_stand_back_first(make_store: MakeStore) -> None:
    clock = VirtualClock()
    store = await make_store(LIMITS, clock)
    await flood(store, clock)
    assert await guess(store, "203.0.113.0") == (STAND_BACK_S - 1) * 1000
    assert await wait_of(store, new_session(), "192.0.2.1") == 0


async def test_a_flood_of_strangers_costs_known_addresses_nothing(make_store: MakeStore) -> None:
    clock = VirtualClock()
    store = await make_store(LIMITS, clock)
    await store.check("good", "198.51.100.1")
    await store.succeeded("good", "198.51.100.1")
    clock.now += 3600
    await flood(store, clock)
    for _ in range(2):
        assert await guess(store, "198.51.100.1") == 0


async def test_an_ipv6_caller_is_counted_by_network(make_store: MakeStore) -> None:
    store = await make_store(AttemptLimits(session=5, address=1, overall=20), VirtualClock())
    assert await guess(store, "2001:db8::1") == 0
    assert await guess(store, "2001:db8::ffff:2") > 0
    assert await guess(store, "2001:db8:0:1::1") == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("unknown", "unknown"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_the_network_of_an_address(address: str, network: str) -> None:
    assert network_of(address) == network


def test_the_delay_grows_and_is_bounded() -> None:
    assert [delay_after(n) for n in (0, 1, 2, 3, 4, 10, 10_000)] == [0, 0, 1, 2, 4, 60, 60]
