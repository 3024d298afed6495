"""A cluster of three nodes on this machine, and callers on it. `make test-cluster` runs these tests; root only."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.bed import Bed, running_bed
from tests.cluster.config import cluster_config
from tests.cluster.crowd import Talking, talking
from tests.cluster.network import leftovers
from tests.cluster.ray_cluster import RayCluster
from tests.cluster.servers import WELL_WITHIN_S

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
CALLERS = 20
LONGEST_S = 2_400
"""Any of these tests may be the one that starts a cluster or two."""

ORDER = ("test_losses", "test_upgrade", "test_overload")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--callers", type=int, default=CALLERS, help="how many callers talk while a node is lost")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.timeout(LONGEST_S))
    # an upgrade ends the cluster that the losses need, an overload wants the machine for itself
    items.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.stem in ORDER else -1)


@pytest.fixture(scope="session")
def bed() -> Iterator[Bed]:
    """The network with everything but clusters."""
    with running_bed() as bed:
        yield bed
    assert leftovers() == []


@pytest.fixture(scope="session")
def blue(bed: Bed) -> Iterator[RayCluster]:
    """The cluster of all tests but those of an overload; a start takes minutes."""
    cluster = bed.cluster("blue")
    try:
        began = time.monotonic()
        cluster.start()
        log.info("three nodes are there after %.0f s", time.monotonic() - began)
        cluster.deploy(cluster_config())
        cluster.wait_until_whole()
        log.info("the product is there after %.0f s", time.monotonic() - began)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def cluster(bed: Bed, blue: RayCluster) -> RayCluster:
    """That cluster, whole and in use, whatever the test before did to it."""
    for host in bed.network.hosts.values():
        bed.network.join(host)
    if not blue.head.is_running:
        blue.start_head()
    for worker in blue.workers:
        if not worker.is_running:
            worker.start()
    blue.wait_until_whole()
    names = {worker.host.name for worker in blue.workers}
    bed.balancer.use(names)
    blue.wait_until(lambda: bed.balancer.well() == names, WELL_WITHIN_S, "the load balancer does not find it well")
    return blue


@pytest.fixture
def callers(bed: Bed, request: pytest.FixtureRequest) -> Talking:
    """`with callers() as crowd:` has that many callers talk until the end of the block."""
    count = request.config.getoption("--callers", CALLERS)
    return lambda: talking(bed.clients, bed.balancer.url, count, str(time.time_ns() // 1_000_000))
