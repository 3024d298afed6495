"""Two clusters on one real Redis: one serves, and a replaced one never does so again."""

import pytest
import redis

from convonet.core.errors import StorageError
from convonet.settings.storage import StorageSettings
from convonet.storage.serving import LEASE_S, RedisServing, Role, serving_store


async def role_of(store, cluster, *, takes_over=False, takes_over_if_free=False):
    return (await store.renew_role(cluster, takes_over=takes_over, takes_over_if_free=takes_over_if_free)).role


async def starts(store, cluster):
    return await role_of(store, cluster, takes_over_if_free=True)


@pytest.fixture
def store(redis_url):
    return RedisServing(redis_url)


def let_the_lease_end(url):
    with redis.Redis.from_url(url) as client:
        client.hset("voice:serving-cluster", "until", 1)


async def test_a_cluster_alone_serves_from_its_start(store):
    assert await starts(store, "old") is Role.SERVING
    assert await role_of(store, "old", takes_over_if_free=True) is Role.SERVING


async def test_a_cluster_beside_a_living_one_waits_for_its_first_client(store):
    await starts(store, "old")
    assert await starts(store, "new") is Role.WAITING
    assert await role_of(store, "old", takes_over_if_free=True) is Role.SERVING
    before = await store.renew_role("old", takes_over=False, takes_over_if_free=True)
    after = await store.renew_role("new", takes_over=True, takes_over_if_free=False)
    assert (after.role, after.epoch) == (Role.SERVING, before.epoch + 1)


async def test_a_replaced_cluster_never_serves_again(store, redis_url):
    await starts(store, "old")
    await role_of(store, "new", takes_over=True)
    assert await role_of(store, "old", takes_over_if_free=True) is Role.REPLACED
    # not for a client of a process that has just been started, nor when the new one is dead
    assert await role_of(store, "old", takes_over=True) is Role.REPLACED
    let_the_lease_end(redis_url)
    assert await starts(store, "old") is Role.REPLACED
    assert await starts(store, "newest") is Role.SERVING
    assert await role_of(store, "new", takes_over=True) is Role.REPLACED


async def test_two_processes_of_the_new_cluster_take_over_once(store):
    await starts(store, "old")
    first = await store.renew_role("new", takes_over=True, takes_over_if_free=False)
    second = await store.renew_role("new", takes_over=True, takes_over_if_free=False)
    assert first == second


async def test_a_cluster_beside_a_dead_one_serves_from_its_start_but_one_that_waits_does_not_take_over(
    store, redis_url
):
    await starts(store, "old")
    await starts(store, "waiting")
    let_the_lease_end(redis_url)
    assert await role_of(store, "waiting") is Role.WAITING
    assert await starts(store, "new") is Role.SERVING


async def test_a_serving_cluster_keeps_its_role_after_redis_was_emptied(store, redis_server, redis_url):
    await starts(store, "old")
    await starts(store, "new")
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    assert await role_of(store, "new") is Role.WAITING
    assert await role_of(store, "old", takes_over_if_free=True) is Role.SERVING
    assert await role_of(store, "new") is Role.WAITING


async def test_each_call_renews_the_lease(store, redis_url):
    await starts(store, "old")
    let_the_lease_end(redis_url)
    await role_of(store, "old", takes_over_if_free=True)
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
