"""The role of a cluster, as one of its processes knows it."""

import asyncio

from actors.cluster import REFRESH_INTERVAL_S, Cluster
from convonet.storage.serving import Role
from tests.fixtures.serving_store import MemoryServing
from tests.virtual_time import virtual_time


async def started(store, name):
    cluster = Cluster(name, store)
    cluster.roles = []
    cluster.on_change(cluster.roles.append)
    await cluster.start()
    return cluster


@virtual_time
async def test_a_client_of_any_process_makes_a_waiting_cluster_serve():
    store = MemoryServing()
    old = await started(store, "old")
    voice, desks = await started(store, "new"), await started(store, "new")
    assert [each.role for each in (old, voice, desks)] == [Role.SERVING, Role.WAITING, Role.WAITING]
    await asyncio.sleep(60)
    assert old.role is Role.SERVING
    assert await voice.register_client()
    await asyncio.sleep(REFRESH_INTERVAL_S + 0.1)
    assert [each.role for each in (old, voice, desks)] == [Role.REPLACED, Role.SERVING, Role.SERVING]
    assert (old.roles, desks.roles) == ([Role.REPLACED], [Role.WAITING, Role.SERVING])
    assert not await old.register_client()
    await asyncio.sleep(60)
    assert store.epoch == 2
    for each in (old, voice, desks):
        await each.stop()


@virtual_time
async def test_a_process_that_starts_in_a_replaced_cluster_accepts_no_client():
    store = MemoryServing()
    old, new = await started(store, "old"), await started(store, "new")
    await new.register_client()
    late = await started(store, "old")
    assert late.is_replaced
    assert not await late.register_client()
    for each in (old, new, late):
        await each.stop()


@virtual_time
async def test_clients_are_served_while_the_store_is_down_and_the_role_is_read_later():
    store = MemoryServing()
    store.is_down = True
    cluster = await started(store, "one")
    assert await cluster.register_client()
    await asyncio.sleep(5)
    store.is_down = False
    await asyncio.sleep(REFRESH_INTERVAL_S + 0.1)
    assert (cluster.role, store.serving) == (Role.SERVING, "one")
    await cluster.stop()


@virtual_time
async def test_without_a_shared_store_a_cluster_serves():
    cluster = await started(None, "one")
    assert cluster.role is Role.SERVING
    assert await cluster.register_client()
    await cluster.stop()
