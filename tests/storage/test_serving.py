"""Two clusters on one real Redis: one serves, and the one that it has replaced never does so again."""

import pytest
import redis

from convonet.core.errors import StorageError
from convonet.settings.storage import StorageSettings
from convonet.storage.serving import LEASE_S, RedisServing, Role, serving_store


async def look(store, cluster, *, takes=False, takes_if_free=False):
    return (await store.look(cluster, takes=takes, takes_if_free=takes_if_free)).role


async def starts(store, cluster):
    return await look(store, cluster, takes_if_free=True)


@pytest.fixture
def store(redis_url):
    return RedisServing(redis_url)


def let_the_lease_end(url):
    with redis.Redis.from_url(url) as client:
        client.hset("voice:serving-cluster", "until", 1)


async def test_a_cluster_alone_serves_from_its_start(store):
    assert await starts(store, "old") is Role.SERVING
    assert await look(store, "old", takes_if_free=True) is Role.SERVING


async def test_one_beside_a_living_one_waits_for_its_first_client(store):
    await starts(store, "old")
    assert await starts(store, "new") is Role.WAITING
    assert await look(store, "old", takes_if_free=True) is Role.SERVING
    before = await store.look("old", takes=False, takes_if_free=True)
    after = await store.look("new", takes=True, takes_if_free=False)
    assert (after.role, after.epoch) == (Role.SERVING, before.epoch + 1)


async def test_one_that_was_replaced_never_serves_again(store, redis_url):
    await starts(store, "old")
    await look(store, "new", takes=True)
    assert await look(store, "old", takes_if_free=True) is Role.REPLACED
    # not for a client of a process that has just been started, nor when the new one is dead
    assert await look(store, "old", takes=True) is Role.REPLACED
    let_the_lease_end(redis_url)
    assert await starts(store, "old") is Role.REPLACED
    assert await starts(store, "newest") is Role.SERVING
    assert await look(store, "new", takes=True) is Role.REPLACED


async def test_two_processes_of_the_new_cluster_take_over_once(store):
    await starts(store, "old")
    first = await store.look("new", takes=True, takes_if_free=False)
    second = await store.look("new", takes=True, takes_if_free=False)
    assert first == second


async def test_a_cluster_beside_a_dead_one_serves_from_its_start_but_one_that_waits_does_not_take_over(
    store, redis_url
):
    await starts(store, "old")
    await starts(store, "waiting")
    let_the_lease_end(redis_url)
    assert await look(store, "waiting") is Role.WAITING
    assert await starts(store, "new") is Role.SERVING


async def test_one_that_serves_says_so_again_in_an_emptied_redis(store, redis_server, redis_url):
    await starts(store, "old")
    await starts(store, "new")
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    assert await look(store, "new") is Role.WAITING
    assert await look(store, "old", takes_if_free=True) is Role.SERVING
    assert await look(store, "new") is Role.WAITING


async def test_the_lease_is_renewed_with_each_look(store, redis_url):
    await starts(store, "old")
    let_the_lease_end(redis_url)
    await look(store, "old", takes_if_free=True)
    with redis.Redis.from_url(redis_url) as client:
        until = int(client.hget("voice:serving-cluster", "until"))
        seconds, _ = client.time()
    assert until / 1000 - seconds == pytest.approx(LEASE_S, abs=2)


async def test_a_redis_that_is_down_is_an_error(store, redis_server):
    redis_server.kill()
    with pytest.raises(StorageError):
        await starts(store, "old")


def test_the_embedded_stores_know_no_other_cluster(tmp_path):
    assert serving_store(StorageSettings(CONVONET_DATA_DIR=tmp_path)) is None
