"""Checkpoints and their fencing, over the store in memory and a real Redis."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convonet.errors import Fenced, StorageError
from convonet.ids import SessionId, new_session_id
from convonet.storage.checkpoints import (
    MAX_BODY_BYTES,
    Checkpoint,
    CheckpointStore,
    MemoryCheckpoints,
    RedisCheckpoints,
)
from convonet.storage.redis_client import redis_client
from tests.fixtures.clock import Clock
from tests.fixtures.redis import RedisServer

ID = SessionId("s-1")
TTL_S = 60.0


@pytest.fixture
def redis_store(redis_url: str) -> CheckpointStore:
    return RedisCheckpoints(redis_url)


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> CheckpointStore:
    """The same test runs over both stores."""
    if request.param == "memory":
        return MemoryCheckpoints()
    redis: CheckpointStore = request.getfixturevalue("redis_store")
    return redis


async def test_nobody_can_claim_what_was_never_saved(store: CheckpointStore) -> None:
    assert await store.claim(ID) is None


@pytest.mark.parametrize("body", [b"", b"conversation", bytes(range(256)) * 100])
async def test_a_claim_gives_the_body_under_the_next_epoch(store: CheckpointStore, body: bytes) -> None:
    await store.save(ID, 1, body, TTL_S)
    assert await store.claim(ID) == Checkpoint(ID, 2, body)
    assert await store.claim(ID) == Checkpoint(ID, 3, body)


async def test_the_old_holder_can_neither_save_nor_delete_after_a_claim(store: CheckpointStore) -> None:
    await store.save(ID, 1, b"old", TTL_S)
    await store.claim(ID)
    with pytest.raises(Fenced):
        await store.save(ID, 1, b"older", TTL_S)
    with pytest.raises(Fenced):
        await store.delete(ID, 1)
    await store.save(ID, 2, b"new", TTL_S)
    assert await store.claim(ID) == Checkpoint(ID, 3, b"new")


async def test_an_ended_session_stays_ended(store: CheckpointStore) -> None:
    await store.save(ID, 1, b"x", TTL_S)
    await store.delete(ID, 1)
    assert await store.claim(ID) is None
    with pytest.raises(Fenced):
        await store.save(ID, 1, b"late", TTL_S)
    await store.delete(ID, 1)
    assert await store.claim(ID) is None


async def test_sessions_do_not_touch_each_other(store: CheckpointStore) -> None:
    other = SessionId("s-2")
    await store.save(ID, 1, b"mine", TTL_S)
    await store.save(other, 7, b"theirs", TTL_S)
    await store.delete(ID, 1)
    assert await store.claim(other) == Checkpoint(other, 8, b"theirs")


async def test_of_parallel_claims_each_gets_its_own_epoch(store: CheckpointStore) -> None:
    await store.save(ID, 1, b"x", TTL_S)
    claims = await asyncio.gather(*(store.claim(ID) for _ in range(20)))
    assert sorted(claim.epoch for claim in claims if claim) == list(range(2, 22))


async def test_a_body_beyond_all_measure_is_refused(store: CheckpointStore) -> None:
    with pytest.raises(StorageError):
        await store.save(ID, 1, bytes(MAX_BODY_BYTES + 1), TTL_S)
    assert await store.claim(ID) is None


async def test_a_checkpoint_expires(store: CheckpointStore) -> None:
    await store.save(ID, 1, b"x", 0.05)
    await asyncio.sleep(0.1)
    assert await store.claim(ID) is None


# -- every interleaving


@dataclass
class Model:
    """What the specification says: one epoch and body a session, and nobody older may write."""

    epoch: int = 0
    body: bytes | None = None

    def may_write(self, epoch: int) -> bool:
        return self.epoch == 0 or (self.body is not None and epoch >= self.epoch)


Step = tuple[str, int]
holders_steps = st.lists(
    st.tuples(st.sampled_from(["save", "save", "claim", "delete"]), st.integers(0, 9)), max_size=30
)


async def play(store: CheckpointStore, session_id: SessionId, script: list[Step]) -> None:
    """Let several holders, old and new, act in the given order; check each answer against the model."""
    model, held, bodies = Model(), [1], count()
    for what, number in script:
        epoch = held[number % len(held)]
        if what == "claim":
            claimed = await store.claim(session_id)
            if model.body is None:
                assert claimed is None
                continue
            model.epoch += 1
            assert claimed == Checkpoint(session_id, model.epoch, model.body)
            held.append(model.epoch)
        elif what == "save":
            body = b"%d" % next(bodies)
            if model.may_write(epoch):
                await store.save(session_id, epoch, body, TTL_S)
                model.epoch, model.body = epoch, body
            else:
                with pytest.raises(Fenced):
                    await store.save(session_id, epoch, body, TTL_S)
        elif model.body is not None and epoch < model.epoch:
            with pytest.raises(Fenced):
                await store.delete(session_id, epoch)
        else:
            await store.delete(session_id, epoch)
            model.body = None


@given(script=holders_steps)
@settings(max_examples=300, deadline=None)
async def test_no_order_of_events_lets_an_old_epoch_overwrite_a_newer_in_memory(script: list[Step]) -> None:
    await play(MemoryCheckpoints(), new_session_id(), script)


@given(script=holders_steps)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_order_of_events_lets_an_old_epoch_overwrite_a_newer_in_redis(
    redis_store: CheckpointStore, script: list[Step]
) -> None:
    await play(redis_store, new_session_id(), script)


async def test_in_a_race_of_many_holders_the_newest_wins(store: CheckpointStore) -> None:
    await store.save(ID, 1, b"1", TTL_S)

    async def hold(epoch: int) -> None:
        for _ in range(20):
            try:
                await store.save(ID, epoch, b"%d" % epoch, TTL_S)
            except Fenced:
                claimed = await store.claim(ID)
                assert claimed is not None
                assert int(claimed.body) < claimed.epoch
                epoch = claimed.epoch

    await asyncio.gather(*(hold(1) for _ in range(5)))


# -- the store in memory


async def test_memory_is_given_back_when_checkpoints_expire() -> None:
    clock = Clock()
    store = MemoryCheckpoints(clock, max_total_bytes=1000)
    await store.save(ID, 1, bytes(900), TTL_S)
    with pytest.raises(StorageError, match="full"):
        await store.save(SessionId("s-2"), 1, bytes(200), TTL_S)
    clock.now = TTL_S
    await store.save(SessionId("s-2"), 1, bytes(900), TTL_S)


async def test_a_full_store_keeps_what_it_has_and_takes_smaller_bodies() -> None:
    store = MemoryCheckpoints(max_total_bytes=1000)
    await store.save(ID, 1, bytes(1000), TTL_S)
    with pytest.raises(StorageError, match="full"):
        await store.save(SessionId("s-2"), 1, b"x", TTL_S)
    await store.save(ID, 1, bytes(500), TTL_S)
    await store.save(SessionId("s-2"), 1, bytes(500), TTL_S)
    assert await store.claim(ID) == Checkpoint(ID, 2, bytes(500))


# -- Redis and its failures


async def test_keys_in_redis_have_the_documented_name_and_expire(redis_store: CheckpointStore, redis_url: str) -> None:
    await redis_store.save(ID, 1, b"x", TTL_S)
    await redis_store.claim(ID)
    client = redis_client(redis_url)
    assert await client.hgetall("voice:checkpoint:s-1") == {b"epoch": b"2", b"body": b"x"}
    assert TTL_S - 5 < await client.ttl("voice:checkpoint:s-1") <= TTL_S
    await redis_store.delete(ID, 2)
    assert await client.ttl("voice:checkpoint:s-1") > 0


async def test_a_redis_that_is_away_is_an_error_of_ours_without_its_url(
    redis_store: CheckpointStore, redis_server: RedisServer
) -> None:
    await redis_store.save(ID, 1, b"x", TTL_S)
    redis_server.kill()
    with pytest.raises(StorageError) as away:
        await redis_store.save(ID, 1, b"y", TTL_S)
    assert not isinstance(away.value, Fenced)
    assert "redis://" not in repr(away.value)


async def test_a_restarted_redis_is_used_again_at_once(redis_store: CheckpointStore, redis_server: RedisServer) -> None:
    await redis_store.save(ID, 1, b"x", TTL_S)
    redis_server.restart()
    await redis_store.save(ID, 1, b"y", TTL_S)
    assert await redis_store.claim(ID) == Checkpoint(ID, 2, b"y")


async def test_a_hanging_redis_costs_one_second_and_never_blocks_the_loop(
    redis_store: CheckpointStore, redis_server: RedisServer
) -> None:
    await redis_store.save(ID, 1, b"x", TTL_S)
    redis_server.pause()
    ticks, started = 0, time.monotonic()
    try:
        call = asyncio.create_task(redis_store.save(ID, 1, b"y", TTL_S))
        while not call.done():
            await asyncio.sleep(0.01)
            ticks += 1
    finally:
        redis_server.resume()
    assert isinstance(call.exception(), StorageError)
    assert time.monotonic() - started < 2.2
    assert ticks > 50


async def test_many_sessions_share_a_few_connections(redis_store: CheckpointStore, redis_url: str) -> None:
    ids = [new_session_id() for _ in range(120)]
    await asyncio.gather(*(redis_store.save(session_id, 1, bytes(5000), TTL_S) for session_id in ids))
    claims = await asyncio.gather(*(redis_store.claim(session_id) for session_id in ids))
    assert all(claim is not None and claim.epoch == 2 for claim in claims)
    assert len(await redis_client(redis_url).client_list()) <= 16
