"""What a replica that Serve stops does first. Ray tells nobody of it: two of its private methods are wrapped."""

import asyncio
import inspect
from types import SimpleNamespace

import pytest
from ray.serve._private.replica import Replica

from deployments import stopping


def unwrapped(name):
    method = getattr(Replica, name)
    return getattr(method, "__wrapped__", method)


def test_ray_stops_replicas_by_the_methods_that_are_wrapped():
    source = inspect.getsource(unwrapped("_perform_graceful_shutdown"))
    told = "this release of Ray stops replicas otherwise: mend deployments/stopping.py"
    assert "await self._drain_behind_haproxy(min_draining_period_s)" in source, told
    assert "self._deployment_config.graceful_shutdown_timeout_s" in source, told
    assert "self._stop_accepting_direct_ingress()" in inspect.getsource(unwrapped("_drain_behind_haproxy")), told
    assert "self._perform_graceful_shutdown()" in inspect.getsource(Replica.perform_graceful_shutdown), told


class FakeReplica(SimpleNamespace):
    """Ray's part of it."""

    def __init__(self, timeout_s):
        super().__init__(_deployment_config=SimpleNamespace(graceful_shutdown_timeout_s=timeout_s), did=[])


async def drain(replica, min_draining_period_s):
    replica.did.append(f"close after {min_draining_period_s}")


async def perform(replica):
    replica.did.append("deregister")
    await stopping._draining(drain)(replica, 0.01)


@pytest.fixture(autouse=True)
def no_other_work(monkeypatch):
    monkeypatch.setattr(stopping, "_works", [])


async def test_sockets_stay_open_until_the_work_has_ended():
    replica = FakeReplica(60)

    async def work(within_s):
        replica.did.append(f"work for {within_s}")
        await asyncio.sleep(0.1)
        replica.did.append("done")

    stopping.when_stopped(work)
    await stopping._stopping(perform)(replica)
    assert replica.did == ["deregister", "work for 57.0", "done", "close after 0.0"]


async def test_work_that_takes_too_long_or_crashes_keeps_no_replica_from_stopping():
    replica = FakeReplica(stopping.MARGIN_S + 0.1)

    async def hang(_):
        await asyncio.sleep(60)

    async def crash(_):
        raise ValueError

    stopping.when_stopped(hang)
    stopping.when_stopped(crash)
    async with asyncio.timeout(5):
        await stopping._stopping(perform)(replica)
    assert replica.did == ["deregister", "close after 0.0"]
