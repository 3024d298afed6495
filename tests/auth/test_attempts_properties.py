"""Properties of any sequence of attempts, answers and waits; both stores decide alike."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convonet.auth.attempt_limits import RESERVATION_S, WINDOW_S, AttemptLimits
from convonet.auth.throttle import AttemptStore
from tests.auth.attempt_stores import MakeStore, VirtualClock, wait_of
from tests.fixtures.sqlite import inline_attempts

LIMITS = AttemptLimits(session=3, address=4, overall=8)
ADDRESSES = [f"192.0.2.{n}" for n in range(5)]
SESSIONS = [f"c-{n}" for n in range(8)]

Step = tuple[str, int, float]

who = st.integers(0, len(ADDRESSES) * len(SESSIONS) - 1)
# binary fractions, so that times keep exact in Redis's decimal text
pauses = st.sampled_from([0.25, 1.0, 4.0, 16.0, 64.0, 225.0, 500.0])
steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["guess", "guess", "guess", "log in", "try"]), who, pauses),
        st.tuples(st.sampled_from(["wrong", "right"]), who, pauses),
        st.tuples(st.just("wait"), who, pauses),
    ),
    min_size=20,
    max_size=80,
)

over_one_redis = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@dataclass
class Play:
    """Plays steps against a store and notes what was let through."""

    store: AttemptStore
    clock: VirtualClock
    in_flight: dict[str, tuple[str, float]] = field(default_factory=dict)
    failures: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    waits: list[int] = field(default_factory=list)
    known: set[str] = field(default_factory=set)

    async def run(self, script: list[Step]) -> None:
        for what, number, seconds in script:
            session_id, address = SESSIONS[number % len(SESSIONS)], ADDRESSES[number // len(SESSIONS)]
            if what == "wait":
                self.clock.now += seconds
            elif what in {"wrong", "right"}:
                await self._settle(what, number)
            elif await self._try(session_id, address) and what != "try":
                await self._answer("wrong" if what == "guess" else "right", session_id)

    async def _try(self, session_id: str, address: str) -> bool:
        wait = await wait_of(self.store, session_id, address)
        self.waits.append(wait)
        if not wait:
            self.in_flight[session_id] = (address, self.clock.now)
        return not wait

    async def _settle(self, what: str, number: int) -> None:
        fresh = {s: v for s, v in self.in_flight.items() if v[1] > self.clock.now - RESERVATION_S}
        if not fresh:
            return
        await self._answer(what, sorted(fresh)[number % len(fresh)])

    async def _answer(self, what: str, session_id: str) -> None:
        address, at = self.in_flight.pop(session_id)
        if what == "right":
            await self.store.succeeded(session_id, address)
            self.failures.pop(session_id, None)
            self.known.add(address)
            return
        await self.store.failed(session_id, address)
        lane = "known" if address in self.known else "strangers"
        for scope in (session_id, address, lane):
            self.failures[scope].append(at)

    def most_in_a_window(self, scope: str) -> int:
        times = sorted(self.failures[scope])
        return max((sum(t <= u < t + WINDOW_S for u in times) for t in times), default=0)


@given(script=steps)
@settings(max_examples=400, deadline=None)
async def test_no_window_ever_holds_more_wrong_pins_than_a_limit_allows(script: list[Step]) -> None:
    clock = VirtualClock()
    play = Play(inline_attempts(LIMITS, clock), clock)
    await play.run(script)
    for scopes, limit in ((SESSIONS, LIMITS.session), (ADDRESSES, LIMITS.address)):
        assert all(play.most_in_a_window(scope) <= limit for scope in scopes)
    # one more: an attempt that began in the strangers' lane may be answered after its address got known
    assert play.most_in_a_window("strangers") <= LIMITS.overall
    assert play.most_in_a_window("known") <= LIMITS.overall + len(ADDRESSES)


@given(script=steps)
@settings(max_examples=200, deadline=None)
async def test_a_caller_who_waits_as_asked_gets_an_attempt_within_one_window(script: list[Step]) -> None:
    clock = VirtualClock()
    play = Play(inline_attempts(LIMITS, clock), clock)
    await play.run(script)
    start = clock.now
    while wait := await wait_of(play.store, "patient", ADDRESSES[0]):
        clock.now += wait / 1000
        assert clock.now - start <= WINDOW_S + RESERVATION_S


@given(script=steps)
@over_one_redis
async def test_the_embedded_store_and_the_one_in_redis_decide_alike(
    sqlite_attempts: MakeStore, redis_attempts: MakeStore, script: list[Step]
) -> None:
    plays = []
    for make in (sqlite_attempts, redis_attempts):
        clock = VirtualClock()
        play = Play(await make(LIMITS, clock), clock)
        await play.run(script)
        plays.append(play)
    assert plays[0].waits == plays[1].waits
