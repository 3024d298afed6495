"""Checkpoints in a real Redis: its keys and its failures."""

from __future__ import annotations

import asyncio
import time

import pytest

from convonet.core.errors import Fenced, StorageError
from convonet.core.ids import SessionId, new_session_id
from convonet.storage.checkpoints import GRACE_AFTER_LEASE_S, Checkpoint, CheckpointStore
from convonet.storage.redis_client import redis_client
from tests.fixtures.redis import RedisServer
from tests.storage.conftest import MakeStore

ID = SessionId("s-1")
KEY, LEASES = "voice:checkpoint:s-1", "voice:checkpoint-leases"
TTL_S = 600.0
LEASE_S = 30.0


@pytest.fixture
def store(make_redis_store: MakeStore) -> CheckpointStore:
    return make_redis_store()


async def test_keys_have_the_documented_names_and_expire(store: CheckpointStore, redis_url: str) -> None:
    await store.save(ID, 1, b"x", TTL_S, lease_s=LEASE_S)
    await store.claim(ID, lease_s=LEASE_S)
    client = redis_client(redis_url)
    assert await client.hgetall(KEY) == {b"epoch": b"2", b"body": b"x"}
    assert TTL_S - 5 < await client.ttl(KEY) <= TTL_S
    assert await client.ttl(LEASES) > 3600
    await store.delete(ID, 2)
    assert await client.ttl(KEY) > 0
    assert await client.zcard(LEASES) == 0


async def test_leases_of_sessions_that_have_expired_do_not_pile_up(store: CheckpointStore, redis_url: str) -> None:
    for number in range(2, 50):
        await store.save(SessionId(f"s-{number}"), 1, b"x", TTL_S, lease_s=-number)
        await redis_client(redis_url).delete(f"voice:checkpoint:s-{number}")
    await store.save(ID, 1, b"x", TTL_S, lease_s=0)
    assert await store.abandoned(1) == [ID]
    assert await redis_client(redis_url).zcard(LEASES) == 1


async def test_a_session_outlives_its_lease(store: CheckpointStore, redis_url: str) -> None:
    client = redis_client(redis_url)
    least = LEASE_S + GRACE_AFTER_LEASE_S - 1
    await store.save(ID, 1, b"x", 1.0, lease_s=LEASE_S)
    assert await client.ttl(KEY) >= least
    for renew in (lambda: store.hold({ID: 1}, LEASE_S), lambda: store.claim(ID, lease_s=LEASE_S)):
        await client.expire(KEY, 10)
        await renew()
        assert await client.ttl(KEY) >= least


async def test_after_a_flush_the_holders_save_again_and_are_found_abandoned_as_before(
    store: CheckpointStore, redis_url: str
) -> None:
    await store.save(ID, 4, b"x", TTL_S, lease_s=LEASE_S)
    await redis_client(redis_url).flushall()
    assert (await store.hold({ID: 4}, LEASE_S)).missing == {ID}
    await store.save(ID, 4, b"x", TTL_S, lease_s=0)
    assert await store.abandoned(9) == [ID]
    assert await store.claim(ID) == Checkpoint(ID, 5, b"x")


CALLS = {
    "save": lambda store: store.save(ID, 1, b"y", TTL_S),
    "claim": lambda store: store.claim(ID),
    "delete": lambda store: store.delete(ID, 1),
    "hold": lambda store: store.hold({ID: 1}, LEASE_S),
    "abandoned": lambda store: store.abandoned(9),
    "ping": lambda store: store.ping(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_a_redis_that_is_down_is_an_error_of_ours_without_its_url(
    store: CheckpointStore, redis_server: RedisServer, call
) -> None:
    await store.save(ID, 1, b"x", TTL_S)
    redis_server.kill()
    with pytest.raises(StorageError) as down:
        await call(store)
    assert not isinstance(down.value, Fenced)
    assert "redis://" not in repr(down.value)


async def test_a_restarted_redis_is_used_again_at_once(store: CheckpointStore, redis_server: RedisServer) -> None:
    await store.save(ID, 1, b"x", TTL_S)
    redis_server.restart()
    await store.save(ID, 1, b"y", TTL_S)
    assert await store.claim(ID) == Checkpoint(ID, 2, b"y")


@pytest.mark.parametrize("call", [CALLS["save"], CALLS["hold"]], ids=["save", "hold"])
async def test_a_frozen_redis_costs_two_seconds_and_never_blocks_the_loop(
    store: CheckpointStore, redis_server: RedisServer, call
) -> None:
    await store.save(ID, 1, b"x", TTL_S)
    redis_server.pause()
    ticks, started = 0, time.monotonic()
    try:
        waiting = asyncio.create_task(call(store))
        while not waiting.done():
            await asyncio.sleep(0.01)
            ticks += 1
    finally:
        redis_server.resume()
    assert isinstance(waiting.exception(), StorageError)
    assert time.monotonic() - started < 2.2
    assert ticks > 50


async def test_many_sessions_share_a_few_connections(store: CheckpointStore, redis_url: str) -> None:
    ids = [new_session_id() for _ in range(120)]
    await asyncio.gather(*(store.save(session_id, 1, bytes(5000), TTL_S) for session_id in ids))
    claims = await asyncio.gather(*(store.claim(session_id) for session_id in ids))
    assert all(claim is not None and claim.epoch == 2 for claim in claims)
    assert len(await redis_client(redis_url).client_list()) <= 16
