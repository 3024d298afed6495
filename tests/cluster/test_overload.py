"""Three times more callers than a small cluster carries: the surplus is refused at once, the others notice nothing."""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bench.harness.meter import MARK
from deployments.launch.steps import ROOT
from tests.cluster.bed import Bed
from tests.cluster.config import cluster_config
from tests.cluster.cores import CoreShare, core_share
from tests.cluster.crowd import FIRST_PIN
from tests.cluster.network import PREFIX
from tests.cluster.ray_cluster import RayCluster
from tests.cluster.servers import WELL_WITHIN_S

log = logging.getLogger(__name__)

CORES_PER_NODE = 0.4
CLUSTER_CORE, GENERATOR_CORE = 0, 1
CAPACITY = 100
"""Calls that two nodes of 0.4 core carry: 228 a core, less what three nodes take when they are idle."""

CALLERS = 3 * CAPACITY
MAX_REFUSAL_MS = 50.0
MAX_RATIO = 1.3
TRIES = 3
"""A round in which the callers themselves were late, or others used the cluster's core, is done again."""

VENDORS_PORT = 9400
STARTED_WITHIN_S = 30.0
ROUND_S = 300.0
SETTLE_S = 20.0


@pytest.fixture(scope="module")
def vendors(bed: Bed) -> Iterator[str]:
    """Speech and model with fixed delays, beside the callers."""
    url = f"http://{bed.clients.address}:{VENDORS_PORT}"
    command = [sys.executable, "-m", "bench.vendors", "--host", bed.clients.address, "--port", str(VENDORS_PORT)]
    process = bed.clients.serve(["taskset", "-c", str(GENERATOR_CORE), *command], bed.folder / "vendors.log")
    try:
        deadline = time.monotonic() + STARTED_WITHIN_S
        while subprocess.run(bed.clients.command("curl", "-so", "/dev/null", f"{url}/config"), check=False).returncode:
            assert time.monotonic() < deadline, (bed.folder / "vendors.log").read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def small(bed: Bed, vendors: str) -> Iterator[tuple[RayCluster, list[CoreShare]]]:
    """A cluster with the product's own limits, and each node's share of a core, which is not limited yet."""
    settings = {
        "DEEPGRAM_BASE_URL": vendors,
        "LLM_PROVIDER": "compatible",
        "LLM_BASE_URL": f"{vendors}/v1",
        "LLM_MODEL": "loopback",
        MARK: "overload",
    }
    bed.stop_clusters()
    cluster = bed.cluster("blue", settings=settings)
    with contextlib.ExitStack() as stack:
        shares = []
        for node in cluster.nodes:
            node.cores = str(CLUSTER_CORE)
        for worker in cluster.workers:
            shares.append(stack.enter_context(core_share(f"{PREFIX}{worker.host.name}")))
            worker.share = shares[-1]
        stack.callback(cluster.stop)
        cluster.start()
        cluster.deploy(cluster_config())
        cluster.wait_until_whole()
        names = {worker.host.name for worker in cluster.workers}
        bed.balancer.use(names)
        cluster.wait_until(lambda: bed.balancer.well() == names, WELL_WITHIN_S, "the load balancer does not find it")
        yield cluster, shares


def rush(bed: Bed, vendors: str) -> dict[str, Any]:
    """One round."""
    command = ["--url", bed.balancer.page_url + "/webrtc/ws", "--vendors", vendors, "--pin", str(FIRST_PIN)]
    command += ["--callers", str(CALLERS), "--mark", "overload", "--core", str(CLUSTER_CORE)]
    pinned = ["taskset", "-c", str(GENERATOR_CORE), sys.executable, "-m", "tests.cluster.rush", *command]
    found: dict[str, Any] = json.loads(bed.clients.output_of(*pinned, timeout_s=ROUND_S, cwd=ROOT).splitlines()[-1])
    return found


def test_three_times_too_many_callers_are_refused_at_once_and_the_others_keep_their_pace(
    bed: Bed, vendors: str, small: tuple[RayCluster, list[CoreShare]]
) -> None:
    _, shares = small
    for share in shares:
        share.limit(CORES_PER_NODE)
    for _ in range(TRIES):
        # what is idle has become so
        time.sleep(SETTLE_S)
        before = [share.throttled_s() for share in shares]
        found = rush(bed, vendors)
        log.info("%s", found["words"])
        log.info("kept waiting, s: %s", [share.throttled_s() - was for share, was in zip(shares, before, strict=True)])
        if not found["suspicion"]:
            break
    else:
        pytest.fail(f"each round was disturbed, the last one: {found['suspicion']}")
    assert set(found["codes"]) <= {"overloaded"}, found["words"]
    assert found["failed_turns"] == found["lost"] == 0, found["words"]
    assert found["refusal_ms"]["p95"] <= MAX_REFUSAL_MS, found["words"]
    assert found["ratio"] <= MAX_RATIO, found["words"]
