"""Admission control in virtual time, with a simulated event loop that lags by the cost of its callers."""

import asyncio
import contextlib
from collections import Counter
from dataclasses import replace

import pytest

from convonet.core.errors import CapacityError
from convonet.gateway.admission import (
    MAX_RETRY_S,
    MIN_RETRY_ELSEWHERE_S,
    MIN_RETRY_S,
    MIN_SESSIONS,
    NEW_CALLER_S,
    PROBE_INTERVAL_S,
    RETRIES_PER_S,
    RETURNING_LOAD,
    Admission,
    AdmissionLimits,
)
from convonet.settings import Settings
from tests.virtual_time import virtual_time

LIMITS = AdmissionLimits(sessions=400, new_callers=50, loop_lag_s=0.005, turn_wait_s=1.0, cpu_share=0.8)


class Cores:
    """As many cores, as busy as `share` says."""

    def __init__(self, cores, share):
        self.cores = cores
        self.since_last = share


class Building:
    """An admission whose event loop is late by `lag_s`, and whose cores are as busy as `cpu_share` says."""

    def __init__(self, limits=LIMITS, lag_s=lambda _: 0.0, cpu_share=lambda: 0.0, cores=2.0):
        self.loop = asyncio.get_running_loop()
        self.admission = Admission(limits, clock=self.loop.time, jitter=lambda: 0.5, cpu=Cores(cores, cpu_share))
        self.places = []
        self.refusals = []
        self._lag_s = lag_s
        self._stall_at_each_look()

    def call(self, *, returning=False):
        """Try to admit a caller; returns whether it worked."""
        try:
            self.places.append(self.admission.admit(returning=returning))
        except CapacityError as refusal:
            self.refusals.append(refusal.retry_after_ms / 1000)
            return False
        return True

    async def fill(self, count):
        """Admit that many callers, slowly enough."""
        while len(self.places) < count:
            if not self.call():
                await asyncio.sleep(1)
        await asyncio.sleep(NEW_CALLER_S)
        self.refusals.clear()

    def leave(self, count=1):
        for _ in range(count):
            self.places.pop().release()

    def close(self):
        self.leave(len(self.places))

    def _stall_at_each_look(self):
        """Block the loop just before a measurement is due, for the time of its lag."""
        start = self.admission._probe._next

        def start_late():
            self.loop.call_at(self.loop.time() + PROBE_INTERVAL_S - 1e-6, self._stall)
            start()

        self.admission._probe._next = start_late

    def _stall(self):
        self.loop._jumping.now += self._lag_s(len(self.places))


@contextlib.asynccontextmanager
async def building(*args, **kwargs):
    building = Building(*args, **kwargs)
    yield building
    building.close()


@virtual_time
async def test_the_first_caller_is_admitted():
    async with building() as b:
        assert b.call()
        assert b.admission.gauges() == {"sessions": 1, "load": 0.0, "closed": False, "room": True}


@virtual_time
async def test_a_late_loop_closes_admission_for_new_callers_within_seconds():
    late = 0.0
    async with building(lag_s=lambda _: late) as b:
        await b.fill(100)
        late = 0.030
        await asyncio.sleep(3)
        assert not b.call()
        assert b.admission.gauges()["closed"]


@virtual_time
async def test_busy_cores_close_admission_for_new_callers_only():
    share = 0.5
    async with building(cpu_share=lambda: share) as b:
        await b.fill(100)
        share = 0.99
        await asyncio.sleep(5)
        assert not b.call()
        assert b.call(returning=True)
        share = 0.7
        await asyncio.sleep(15)
        assert b.call()


@virtual_time
async def test_load_grows_as_work_waits_for_the_cores():
    cores = {"share": 0.0}
    async with building(cpu_share=lambda: cores["share"]) as b:
        await b.fill(10)
        loads = []
        for cores["share"] in (0.4, 0.6, 0.7, 0.8, 0.9):
            await asyncio.sleep(60)
            loads.append(round(b.admission.load, 2))
        assert loads == [0.17, 0.37, 0.58, 1.0, 2.25]


@virtual_time
async def test_the_same_share_of_less_than_a_core_is_more_load():
    async with building(cpu_share=lambda: 0.6, cores=0.5) as b:
        await b.fill(10)
        await asyncio.sleep(60)
        assert round(b.admission.load, 2) == 2 * 0.37 + 0.01


@virtual_time
async def test_the_cores_do_not_count_when_that_is_switched_off():
    async with building(replace(LIMITS, cpu_share=1.0), cpu_share=lambda: 1.0) as b:
        await b.fill(100)
        assert b.admission.load == 0
        assert b.call()


@virtual_time
async def test_less_than_a_core_takes_fewer_new_callers_at_once():
    async with building(cores=0.4) as b:
        assert [b.call() for _ in range(21)].count(True) == 0.4 * LIMITS.new_callers


@virtual_time
async def test_cpu_time_before_the_first_caller_does_not_count():
    async with building(cpu_share=lambda: 1.0) as b:
        b.call()
        await asyncio.sleep(0.5)
        assert b.admission.load == 0


@virtual_time
async def test_one_long_pause_does_not_close_admission():
    late = 0.0
    async with building(lag_s=lambda _: late) as b:
        await b.fill(100)
        late = 0.5
        await asyncio.sleep(PROBE_INTERVAL_S)
        late = 0.0
        await asyncio.sleep(PROBE_INTERVAL_S)
        assert 0 < b.admission.load < 1
        assert b.call()


@virtual_time
async def test_admission_does_not_flap():
    """Around the limit it keeps its state: closed until there is clearly room, then open until there is none."""
    late = 0.0
    async with building(lag_s=lambda _: late) as b:
        await b.fill(100)
        changes = []
        for share in (0.9, 0.98, 1.1, 0.95, 1.05, 0.9, 0.75, 0.9, 0.6, 0.75, 0.9, 0.75):
            late = share * LIMITS.loop_lag_s
            await asyncio.sleep(15)
            changes.append((share, b.admission.gauges()["closed"]))
        closed = [share for share, is_closed in changes if is_closed]
        assert closed == [1.1, 0.95, 1.05, 0.9, 0.75, 0.9]


@virtual_time
async def test_a_turn_that_waits_too_long_closes_admission_until_it_begins():
    async with building() as b:
        await b.fill(10)
        with b.admission.waiting():
            await asyncio.sleep(0.9)
            assert b.call()
            with b.admission.waiting():
                await asyncio.sleep(0.1)
            assert not b.call()
        assert b.call()


@virtual_time
async def test_the_oldest_waiting_turn_counts():
    async with building() as b:
        await b.fill(10)
        first, second = b.admission.waiting(), b.admission.waiting()
        first.__enter__()
        await asyncio.sleep(0.6)
        second.__enter__()
        await asyncio.sleep(0.6)
        assert b.admission.load == pytest.approx(1.2)
        first.__exit__(None, None, None)
        assert b.admission.load == pytest.approx(0.6)
        second.__exit__(None, None, None)
        assert b.admission.load == 0


@virtual_time
async def test_a_slow_machine_still_admits_a_few_callers():
    async with building(lag_s=lambda _: 0.5) as b:
        await asyncio.sleep(1)
        for _ in range(MIN_SESSIONS):
            assert b.call()
            await asyncio.sleep(3)
        assert not b.call()


@virtual_time
async def test_the_last_places_are_reserved_for_callers_who_return():
    async with building(replace(LIMITS, sessions=40)) as b:
        await b.fill(36)
        assert not b.call()
        assert [b.call(returning=True) for _ in range(5)] == [True, True, True, True, False]
        b.leave()
        assert not b.call()
        assert b.call(returning=True)


@virtual_time
async def test_callers_who_return_are_admitted_until_the_overload_is_extreme():
    late = 0.0
    async with building(lag_s=lambda _: late) as b:
        await b.fill(100)
        late = (RETURNING_LOAD - 0.5) * LIMITS.loop_lag_s
        await asyncio.sleep(20)
        assert not b.call()
        assert b.call(returning=True)
        late = (RETURNING_LOAD + 0.5) * LIMITS.loop_lag_s
        await asyncio.sleep(20)
        assert not b.call(returning=True)


@virtual_time
async def test_callers_of_a_lost_replica_are_admitted_at_once_and_new_ones_wait():
    async with building() as b:
        await b.fill(100)
        assert all(b.call(returning=True) for _ in range(100))
        assert not b.call()
        await asyncio.sleep(NEW_CALLER_S)
        assert b.call()


@virtual_time
async def test_a_crowd_is_admitted_only_up_to_the_limit_of_new_callers():
    async with building() as b:
        assert sum(b.call() for _ in range(500)) == LIMITS.new_callers
        await asyncio.sleep(NEW_CALLER_S - 0.1)
        assert not b.call()
        await asyncio.sleep(0.1)
        assert sum(b.call() for _ in range(500)) == LIMITS.new_callers


@virtual_time
async def test_the_higher_the_load_the_fewer_new_callers_are_admitted():
    late = 0.0
    async with building(lag_s=lambda _: late) as b:
        await b.fill(200)
        late = 0.8 * LIMITS.loop_lag_s
        await asyncio.sleep(15)
        assert sum(b.call() for _ in range(500)) == pytest.approx(0.2 * LIMITS.new_callers, abs=1)


@virtual_time
async def test_a_caller_whose_login_fails_makes_room():
    async with building() as b:
        for _ in range(3 * LIMITS.new_callers):
            assert b.call()
            b.leave()
        assert b.admission.gauges()["sessions"] == 0


@virtual_time
async def test_releasing_a_place_twice_frees_one_place():
    async with building() as b:
        b.call()
        b.call()
        b.places[0].release()
        b.places[0].release()
        assert b.admission.gauges()["sessions"] == 1


@virtual_time
async def test_refused_callers_are_asked_to_return_one_after_another():
    async with building() as b:
        for _ in range(LIMITS.new_callers + 1_000):
            b.call()
        assert len(b.refusals) == 1_000
        assert min(b.refusals) >= MIN_RETRY_S
        assert max(b.refusals) <= MAX_RETRY_S
        returning = Counter(int(after) for after in b.refusals if after < MAX_RETRY_S / 2)
        assert max(returning.values()) <= RETRIES_PER_S + 1


@virtual_time
async def test_refused_callers_return_soon_when_another_replica_has_room():
    others = 10
    async with building(replace(LIMITS, sessions=20)) as b:
        await b.fill(18)
        b.admission._others_with_room = lambda: others
        assert [b.call() for _ in range(100)] == [False] * 100
        soon = list(b.refusals)
        assert soon[0] == pytest.approx(MIN_RETRY_ELSEWHERE_S, abs=0.05)
        assert soon == sorted(soon)
        assert soon[-1] == pytest.approx(MIN_RETRY_ELSEWHERE_S + 100 / (others * RETRIES_PER_S), abs=0.1)
        # the next one waits behind them
        others = 0
        b.refusals.clear()
        assert not b.call()
        assert b.refusals[0] >= max(MIN_RETRY_S, soon[-1])


@virtual_time
async def test_a_refused_caller_of_a_lost_call_returns_soon():
    async with building(replace(LIMITS, sessions=1)) as b:
        b.call()
        assert not b.call(returning=True)
        assert b.refusals[0] < 1.5


@virtual_time
async def test_the_loop_is_not_measured_without_callers():
    looks = 0

    def count(_):
        nonlocal looks
        looks += 1
        return 0.0

    async with building(lag_s=count) as b:
        await asyncio.sleep(60)
        assert looks == 0
        b.call()
        await asyncio.sleep(10)
        assert looks == pytest.approx(10 / PROBE_INTERVAL_S, abs=2)
        b.leave()
        await asyncio.sleep(60)
        assert looks == pytest.approx(10 / PROBE_INTERVAL_S, abs=3)
        assert b.admission.load == 0


@virtual_time
async def test_three_times_more_callers_than_capacity_do_not_slow_down_the_others():
    """The process has a capacity of 150; towards 170 its lag grows without bounds. Callers stay five minutes."""

    def lag_s(sessions):
        busy = min(sessions / 170, 0.995)
        return 0.0007 * busy / (1 - busy)

    async with building(lag_s=lag_s) as b:
        lags, refused = [], 0
        for second in range(300):
            for _ in range(6):
                refused += not b.call()
            if second % 2:
                b.leave(min(1, len(b.places)))
            await asyncio.sleep(1)
            lags.append(lag_s(len(b.places)))
        assert refused > 1_000
        assert 120 <= len(b.places) <= 155
        assert max(lags) < 2 * LIMITS.loop_lag_s


def test_the_limits_are_settings(monkeypatch):
    monkeypatch.setenv("VOICE_PIN", "471182")
    monkeypatch.setenv("CONVONET_MAX_NEW_CALLERS", "30")
    monkeypatch.setenv("CONVONET_MAX_LOOP_LAG_MS", "20")
    monkeypatch.setenv("CONVONET_MAX_TURN_WAIT_MS", "2000")
    monkeypatch.setenv("CONVONET_MAX_CPU_PERCENT", "70")
    limits = AdmissionLimits.of(Settings.load().limits)
    assert limits == AdmissionLimits(sessions=400, new_callers=30, loop_lag_s=0.020, turn_wait_s=2.0, cpu_share=0.7)
