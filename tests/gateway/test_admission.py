"""Who is let in, on virtual time: a simulated event loop is late by what its callers cost."""

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


class Building:
    """An admission whose event loop is late by `lag_s`, and whose cores are as busy as `cpu_share` says."""

    def __init__(self, limits=LIMITS, lag_s=lambda _: 0.0, cpu_share=lambda: 0.0):
        self.loop = asyncio.get_running_loop()
        self.admission = Admission(limits, clock=self.loop.time, jitter=lambda: 0.5, cpu_share=cpu_share)
        self.places = []
        self.refusals = []
        self._lag_s = lag_s
        self._stall_at_each_look()

    def call(self, *, returning=False):
        """A caller tries; whether they are in."""
        try:
            self.places.append(self.admission.admit(returning=returning))
        except CapacityError as refusal:
            self.refusals.append(refusal.retry_after_ms / 1000)
            return False
        return True

    async def fill(self, count):
        """That many callers, who all come slowly enough."""
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
        """Just before a look is due something keeps the loop, for as long as it is late."""
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
async def test_a_caller_comes_in_where_nobody_is():
    async with building() as b:
        assert b.call()
        assert b.admission.gauges() == {"sessions": 1, "load": 0.0, "closed": False, "room": True}


@virtual_time
async def test_a_late_loop_closes_the_door_for_new_callers_within_seconds():
    late = 0.0
    async with building(lag_s=lambda _: late) as b:
        await b.fill(100)
        late = 0.030
        await asyncio.sleep(3)
        assert not b.call()
        assert b.admission.gauges()["closed"]


@virtual_time
async def test_busy_cores_close_the_door_for_new_callers_and_not_for_those_who_come_back():
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
async def test_the_cores_do_not_count_where_that_is_switched_off():
    async with building(replace(LIMITS, cpu_share=1.0), cpu_share=lambda: 1.0) as b:
        await b.fill(100)
        assert b.admission.load == 0
        assert b.call()


@virtual_time
async def test_what_the_cores_did_while_nobody_was_there_does_not_count():
    async with building(cpu_share=lambda: 1.0) as b:
        b.call()
        await asyncio.sleep(0.5)
        assert b.admission.load == 0


@virtual_time
async def test_one_long_pause_closes_nothing():
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
async def test_the_door_does_not_flap():
    """Around the limit it stays as it is: closed until there is clearly room, then open until there is none."""
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
async def test_a_turn_that_waits_too_long_closes_the_door_until_it_has_begun():
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
async def test_the_oldest_of_those_who_wait_counts():
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
async def test_a_machine_that_is_slow_by_itself_still_answers_a_few():
    async with building(lag_s=lambda _: 0.5) as b:
        await asyncio.sleep(1)
        for _ in range(MIN_SESSIONS):
            assert b.call()
            await asyncio.sleep(3)
        assert not b.call()


@virtual_time
async def test_the_last_places_are_for_callers_who_come_back():
    async with building(replace(LIMITS, sessions=40)) as b:
        await b.fill(36)
        assert not b.call()
        assert [b.call(returning=True) for _ in range(5)] == [True, True, True, True, False]
        b.leave()
        assert not b.call()
        assert b.call(returning=True)


@virtual_time
async def test_callers_who_come_back_are_let_in_when_new_ones_are_not_unless_it_is_hopeless():
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
async def test_a_lost_replicas_callers_come_in_at_once_and_new_ones_wait_until_they_have_settled():
    async with building() as b:
        await b.fill(100)
        assert all(b.call(returning=True) for _ in range(100))
        assert not b.call()
        await asyncio.sleep(NEW_CALLER_S)
        assert b.call()


@virtual_time
async def test_of_a_crowd_only_as_many_come_in_as_can_be_judged():
    async with building() as b:
        assert sum(b.call() for _ in range(500)) == LIMITS.new_callers
        await asyncio.sleep(NEW_CALLER_S - 0.1)
        assert not b.call()
        await asyncio.sleep(0.1)
        assert sum(b.call() for _ in range(500)) == LIMITS.new_callers


@virtual_time
async def test_the_less_room_there_is_the_fewer_come_at_once():
    late = 0.0
    async with building(lag_s=lambda _: late) as b:
        await b.fill(200)
        late = 0.8 * LIMITS.loop_lag_s
        await asyncio.sleep(15)
        assert sum(b.call() for _ in range(500)) == pytest.approx(0.2 * LIMITS.new_callers, abs=1)


@virtual_time
async def test_a_caller_who_did_not_get_in_after_all_makes_room():
    async with building() as b:
        for _ in range(3 * LIMITS.new_callers):
            assert b.call()
            b.leave()
        assert b.admission.gauges()["sessions"] == 0


@virtual_time
async def test_a_place_that_is_given_back_twice_was_one_place():
    async with building() as b:
        b.call()
        b.call()
        b.places[0].release()
        b.places[0].release()
        assert b.admission.gauges()["sessions"] == 1


@virtual_time
async def test_those_who_are_refused_are_asked_back_one_after_the_other():
    async with building() as b:
        for _ in range(LIMITS.new_callers + 1_000):
            b.call()
        assert len(b.refusals) == 1_000
        assert min(b.refusals) >= MIN_RETRY_S
        assert max(b.refusals) <= MAX_RETRY_S
        returning = Counter(int(after) for after in b.refusals if after < MAX_RETRY_S / 2)
        assert max(returning.values()) <= RETRIES_PER_S + 1


@virtual_time
async def test_where_another_replica_has_room_the_refused_come_back_soon_but_not_all_at_once():
    others = 10
    async with building(replace(LIMITS, sessions=20)) as b:
        await b.fill(18)
        b.admission._others_with_room = lambda: others
        assert [b.call() for _ in range(100)] == [False] * 100
        soon = list(b.refusals)
        assert soon[0] == pytest.approx(MIN_RETRY_ELSEWHERE_S, abs=0.05)
        assert soon == sorted(soon)
        assert soon[-1] == pytest.approx(MIN_RETRY_ELSEWHERE_S + 100 / (others * RETRIES_PER_S), abs=0.1)
        # who comes next waits behind them
        others = 0
        b.refusals.clear()
        assert not b.call()
        assert b.refusals[0] >= max(MIN_RETRY_S, soon[-1])


@virtual_time
async def test_a_refused_call_that_was_lost_comes_back_soon():
    async with building(replace(LIMITS, sessions=1)) as b:
        b.call()
        assert not b.call(returning=True)
        assert b.refusals[0] < 1.5


@virtual_time
async def test_the_loop_is_not_looked_at_while_nobody_is_there():
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
async def test_three_times_more_callers_than_capacity_leave_the_others_their_latency():
    """The loop of a process that carries 150: its lag grows without bounds towards 170. Callers stay five minutes."""

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
