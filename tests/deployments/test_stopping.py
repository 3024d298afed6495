"""Work before a stop: a replica that Serve stops finishes it before its WebSockets are closed."""

import asyncio
from types import SimpleNamespace

import pytest
from ray.serve._private import replica as rays

from deployments import stopping


class FakeReplica:
    """Ray's `Replica` as far as it stops."""

    def __init__(self, timeout_s):
        self._deployment_config = SimpleNamespace(graceful_shutdown_timeout_s=timeout_s)
        self.did = []

    async def _perform_graceful_shutdown(self):
        self.did.append("deregister")
        await self._drain_behind_haproxy(0.01)

    async def _drain_behind_haproxy(self, min_draining_period_s):
        self.did.append(f"close after {min_draining_period_s}")


@pytest.fixture(autouse=True)
def replica_type(monkeypatch):
    monkeypatch.setattr(stopping, "_works", [])

    class Replica(FakeReplica):
        async def _perform_graceful_shutdown(self):
            await super()._perform_graceful_shutdown()

        async def _drain_behind_haproxy(self, min_draining_period_s):
            await super()._drain_behind_haproxy(min_draining_period_s)

    monkeypatch.setattr(rays, "Replica", Replica)
    stopping.watch_for_stop()
    return Replica


async def test_sockets_stay_open_until_the_work_has_ended(replica_type):
    replica = replica_type(60)

    async def work(within_s):
        replica.did.append(f"work for {within_s}")
        await asyncio.sleep(0.1)
        replica.did.append("done")

    stopping.when_stopped(work)
    await replica._perform_graceful_shutdown()
    assert replica.did == ["deregister", "work for 57.0", "done", "close after 0.0"]


async def test_work_that_takes_too_long_or_crashes_keeps_no_replica_from_stopping(replica_type):
    replica = replica_type(stopping.MARGIN_S + 0.1)

    async def hang(_):
        await asyncio.sleep(60)

    async def crash(_):
        raise ValueError

    stopping.when_stopped(hang)
    stopping.when_stopped(crash)
    async with asyncio.timeout(5):
        await replica._perform_graceful_shutdown()
    assert replica.did == ["deregister", "close after 0.0"]


async def test_watching_twice_runs_the_work_once(replica_type):
    stopping.watch_for_stop()
    replica, ran = replica_type(60), []

    async def work(_):
        ran.append(True)

    stopping.when_stopped(work)
    await replica._perform_graceful_shutdown()
    assert ran == [True]
