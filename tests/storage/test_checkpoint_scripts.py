"""Both checkpoint stores behave like a model of the specification, for any sequence of actions by several holders."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convonet.core.errors import Fenced
from convonet.core.ids import SessionId, new_session_id
from convonet.storage.checkpoints import Checkpoint, CheckpointStore, Held
from convonet.storage.checkpoints_sqlite import FILE
from convonet.storage.redis_client import redis_client
from tests.storage.conftest import MakeStore

TTL_S = 600.0
LEASES_S = (None, 0.0, 500.0)
"""None, one that is over at once, and one that outlives the test."""

SESSIONS = 2
MANY = 1_000_000

Answer = Checkpoint | Held | set[SessionId] | str | None


@dataclass
class Record:
    epoch: int
    body: bytes | None
    lease_s: float | None


class Model:
    """A model of `CheckpointStore`."""

    def __init__(self) -> None:
        self._records: dict[SessionId, Record] = {}

    async def save(
        self, session_id: SessionId, epoch: int, body: bytes, ttl_s: float, *, lease_s: float | None = None
    ) -> None:
        record = self._records.get(session_id)
        if record is not None and (record.epoch > epoch or record.body is None):
            raise Fenced
        self._records[session_id] = Record(epoch, body, lease_s)

    async def claim(
        self, session_id: SessionId, *, lease_s: float | None = None, only_abandoned: bool = False
    ) -> Checkpoint | None:
        record = self._records.get(session_id)
        if record is None or record.body is None or (only_abandoned and record.lease_s != 0.0):
            return None
        record.epoch, record.lease_s = record.epoch + 1, lease_s
        return Checkpoint(session_id, record.epoch, record.body)

    async def delete(self, session_id: SessionId, epoch: int) -> None:
        record = self._records.get(session_id)
        if record is None:
            return
        if record.epoch > epoch:
            raise Fenced
        record.body = None

    async def hold(self, held: dict[SessionId, int], lease_s: float) -> Held:
        claimed, missing = set(), set()
        for session_id, epoch in held.items():
            record = self._records.get(session_id)
            if record is None:
                missing.add(session_id)
            elif record.body is None or record.epoch > epoch:
                claimed.add(session_id)
            elif record.epoch < epoch:
                missing.add(session_id)
            else:
                record.lease_s = lease_s
        return Held(frozenset(claimed), frozenset(missing))

    async def abandoned(self, limit: int) -> list[SessionId]:
        return [key for key, record in self._records.items() if record.body is not None and record.lease_s == 0.0]

    async def lose(self, session_id: SessionId) -> None:
        self._records.pop(session_id, None)


@dataclass
class Bench:
    """A store as two processes see it, and what takes a session out of it behind their backs."""

    views: tuple[CheckpointStore, CheckpointStore]
    lose: Callable[[SessionId], Awaitable[None]]


@pytest.fixture
async def sqlite_bench(make_sqlite_store: MakeStore, tmp_path: Path) -> AsyncIterator[Bench]:
    views = (make_sqlite_store(), make_sqlite_store())
    await views[0].ping()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys=ON")

        async def lose(session_id: SessionId) -> None:
            connection.execute("DELETE FROM sessions WHERE id = ?", [session_id])

        yield Bench(views, lose)


@pytest.fixture
def redis_bench(make_redis_store: MakeStore, redis_url: str) -> Bench:
    async def lose(session_id: SessionId) -> None:
        await redis_client(redis_url).delete(f"voice:checkpoint:{session_id}")

    return Bench((make_redis_store(), make_redis_store()), lose)


@dataclass(frozen=True)
class Step:
    what: str
    session: int
    holder: int
    lease_s: float | None
    view: int


steps = st.lists(
    st.builds(
        Step,
        what=st.sampled_from(["save", "save", "claim", "sweep", "delete", "hold", "abandoned", "lose"]),
        session=st.integers(0, SESSIONS - 1),
        holder=st.integers(0, 9),
        lease_s=st.sampled_from(LEASES_S),
        view=st.integers(0, 1),
    ),
    min_size=20,
    max_size=40,
)


@dataclass
class Play:
    """Plays a script against a store; every claim makes a new holder, and all holders, old and new, go on acting."""

    bench: Bench
    ids: list[SessionId]
    epochs: dict[SessionId, list[int]] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)

    async def run(self, script: list[Step]) -> list[Answer]:
        bodies = count()
        for step in script:
            try:
                answer = await self._do(step, b"%d" % next(bodies))
            except Fenced:
                answer = "fenced"
            self.answers.append(answer)
        return self.answers

    async def _do(self, step: Step, body: bytes) -> Answer:
        store, session_id = self.bench.views[step.view], self.ids[step.session]
        epochs = self.epochs.setdefault(session_id, [1])
        epoch = epochs[step.holder % len(epochs)]
        match step.what:
            case "save":
                await store.save(session_id, epoch, body, TTL_S, lease_s=step.lease_s)
            case "claim" | "sweep":
                checkpoint = await store.claim(session_id, lease_s=step.lease_s, only_abandoned=step.what == "sweep")
                if checkpoint is not None:
                    epochs.append(checkpoint.epoch)
                return checkpoint
            case "delete":
                await store.delete(session_id, epoch)
            case "hold":
                return await store.hold(self._held(step.holder), step.lease_s or 0.0)
            case "abandoned":
                return set(await store.abandoned(MANY)) & set(self.ids)
            case "lose":
                await self.bench.lose(session_id)
        return None

    def _held(self, holder: int) -> dict[SessionId, int]:
        return {session_id: epochs[holder % len(epochs)] for session_id, epochs in self.epochs.items()}


async def answers_alike(bench: Bench, script: list[Step]) -> None:
    ids, model = [new_session_id() for _ in range(SESSIONS)], Model()
    expected = await Play(Bench((model, model), model.lose), ids).run(script)  # type: ignore[arg-type]
    assert await Play(bench, ids).run(script) == expected


@given(script=steps)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_file_answers_as_specified(sqlite_bench: Bench, script: list[Step]) -> None:
    await answers_alike(sqlite_bench, script)


@given(script=steps)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_redis_answers_as_specified(redis_bench: Bench, script: list[Step]) -> None:
    await answers_alike(redis_bench, script)
