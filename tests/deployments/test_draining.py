"""Callers leave nodes that drain, also when GCS is down for a while."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from ray import NodeID
from ray._private import worker
from ray.exceptions import RpcError

from convonet.core.background import BackgroundTasks
from deployments import draining

NODE = b"n" * 28


class Gcs:
    """GCS as its client shows it, with two nodes."""

    def __init__(self, ends_at_ms):
        self.ends_at_ms = ends_at_ms
        self.is_down = False

    def get_draining_nodes(self, timeout):
        if self.is_down:
            raise RpcError("GCS is down")
        return {NODE.hex(): self.ends_at_ms}

    def get_all_node_info(self, timeout):
        nodes = {NODE: "10.0.0.1", b"o" * 28: "10.0.0.2"}
        return {NodeID(id_): SimpleNamespace(node_manager_address=address) for id_, address in nodes.items()}


@pytest.fixture
def gcs(monkeypatch):
    gcs = Gcs(1000 * (time.time() + 100))
    monkeypatch.setattr(worker, "global_worker", SimpleNamespace(gcs_client=gcs))
    return gcs


@pytest.mark.parametrize(("ends_in_s", "left_s"), [(100, 90), (5, 0)])
async def test_callers_leave_a_node_before_it_ends_and_gcs_may_be_down(gcs, ends_in_s, left_s):
    gcs.ends_at_ms = 1000 * (time.time() + ends_in_s)
    gcs.is_down = True
    left = []
    tasks = BackgroundTasks()
    tasks.spawn(draining.watch_draining_nodes(lambda *leaving: left.append(leaving), interval_s=0.01))
    await asyncio.sleep(0.1)
    assert left == []
    gcs.is_down = False
    async with asyncio.timeout(5):
        while len(left) < 2:
            await asyncio.sleep(0.01)
    await tasks.cancel_and_wait()
    assert left[0] == ("10.0.0.1", pytest.approx(left_s, abs=3))


def test_a_node_without_a_deadline_may_take_any_time(gcs):
    gcs.ends_at_ms = 0
    assert draining.draining_nodes() == {"10.0.0.1": float("inf")}
