"""Twenty callers talk, and a part of the cluster is lost: no call and no turn is lost, nothing is done twice, and each
caller is served again within seconds."""

from __future__ import annotations

import logging
import time

import pytest

from deployments.launch.processes import GCS
from tests.cluster.bed import Bed
from tests.cluster.config import changed, cluster_config
from tests.cluster.crowd import Talking, talking
from tests.cluster.outcome import Outcome, outcome_of
from tests.cluster.ray_cluster import RayCluster

log = logging.getLogger(__name__)

AFTER_KILL_S = 2.0
AFTER_BLACK_HOLE_S = 12.0

CALM_S = 10.0
"""How long callers talk on while a part is missing."""

ENDED_WITHIN_S = 90.0
DRAINED_WITHIN_S = 400.0
DEAD_WITHIN_S = 30.0
"""GCS is to give a silent node up after 3 x 2 s."""


def judged(outcome: Outcome, within_s: float) -> None:
    """What every loss must keep to."""
    log.info("%s", outcome)
    assert outcome.is_lossless, outcome
    assert outcome.served_after_s <= within_s, outcome


def make_whole(cluster: RayCluster) -> None:
    """Start what is missing, as Kubernetes would, and wait until all is there."""
    if not cluster.head.is_running:
        cluster.start_head()
    for worker in cluster.workers:
        if not worker.is_running:
            worker.start()
    cluster.wait_until_whole()


def test_a_worker_that_is_killed_costs_no_call_and_no_turn(bed: Bed, cluster: RayCluster, callers: Talking) -> None:
    with callers() as crowd:
        killed_at = cluster.workers[0].kill()
        served_at = crowd.wait_for_turns(2, since=killed_at)
        time.sleep(CALM_S)
        make_whole(cluster)
        crowd.wait_for_turns(1, since=time.monotonic())
    judged(outcome_of("a worker is killed", crowd, bed.stores, killed_at, served_at), AFTER_KILL_S)


def test_a_worker_that_is_cut_off_costs_none_and_does_nothing_more_when_it_is_back(
    bed: Bed, cluster: RayCluster, callers: Talking
) -> None:
    lost = cluster.workers[0]
    with callers() as crowd:
        cut_at = bed.network.cut(lost.host)
        served_at = crowd.wait_for_turns(2, since=cut_at)
        dead_at = cluster.wait_until(lambda: cluster.knows_as_dead(lost), DEAD_WITHIN_S, "GCS believes that it lives")
        log.info("GCS gave the node up after %.1f s", dead_at - cut_at)
        time.sleep(CALM_S)
        joined_at = bed.network.join(lost.host)
        # it was declared dead: it may not go on as if nothing had been
        lost.machine.wait(ENDED_WITHIN_S)
        log.info("it ended %.1f s after it was back", time.monotonic() - joined_at)
        make_whole(cluster)
        crowd.wait_for_turns(1, since=time.monotonic())
    judged(outcome_of("a worker is cut off", crowd, bed.stores, cut_at, served_at), AFTER_BLACK_HOLE_S)


def test_calls_go_on_and_new_ones_come_in_while_the_head_is_lost(
    bed: Bed, cluster: RayCluster, callers: Talking
) -> None:
    with callers() as crowd:
        killed_at = cluster.head.kill()
        served_at = crowd.wait_for_turns(2, since=killed_at)
        with talking(bed.clients, bed.balancer.url, 2, f"{crowd.stamp}0") as newcomers:
            time.sleep(CALM_S)
        assert not newcomers.kinds("unanswered")
        make_whole(cluster)
        crowd.wait_for_turns(1, since=time.monotonic())
    outcome = outcome_of("the head is killed", crowd, bed.stores, killed_at, served_at)
    judged(outcome, AFTER_KILL_S)
    assert outcome.moved == 0, outcome


def test_calls_go_on_while_gcs_is_started_again(bed: Bed, cluster: RayCluster, callers: Talking) -> None:
    with callers() as crowd:
        killed_at = cluster.head.kill_process(GCS)
        # the head ends with it, and its container is started again
        cluster.head.machine.wait(ENDED_WITHIN_S)
        make_whole(cluster)
        served_at = crowd.wait_for_turns(2, since=killed_at)
    outcome = outcome_of("GCS is started again", crowd, bed.stores, killed_at, served_at)
    judged(outcome, AFTER_KILL_S)
    assert outcome.moved == 0, outcome


def test_a_changed_configuration_moves_every_caller_and_costs_none(
    bed: Bed, cluster: RayCluster, callers: Talking
) -> None:
    before = {replica.id for replica in cluster.replicas() if replica.deployment == "Voice"}
    with callers() as crowd:
        asked_at = cluster.deploy(changed(cluster_config(), crowd.stamp))

        def is_new() -> bool:
            found = {replica.id for replica in cluster.replicas() if replica.deployment == "Voice"}
            return bool(found) and not found & before

        cluster.wait_until(is_new, DRAINED_WITHIN_S, "the voice's replicas are not replaced")
        cluster.wait_until_whole()
        served_at = crowd.wait_for_turns(2, since=time.monotonic())
    outcome = outcome_of("a changed configuration is deployed", crowd, bed.stores, asked_at, served_at, planned=True)
    log.info("%s", outcome)
    assert outcome.is_lossless, outcome
    assert max(outcome.waited_s) <= AFTER_KILL_S, outcome
    # whoever had to move was asked to, at a moment when nobody spoke
    assert outcome.asked_to_move == outcome.moved == crowd.callers, outcome


def test_a_node_that_is_drained_moves_its_callers_and_costs_none(
    bed: Bed, cluster: RayCluster, callers: Talking
) -> None:
    drained = cluster.workers[0]
    with callers() as crowd:
        asked_at = time.monotonic()
        drained.machine.terminate()
        drained.machine.wait(DRAINED_WITHIN_S)
        log.info("the node has ended %.0f s after it was asked to", time.monotonic() - asked_at)
        served_at = crowd.wait_for_turns(2, since=time.monotonic())
        make_whole(cluster)
        crowd.wait_for_turns(1, since=time.monotonic())
    outcome = outcome_of("a node is drained", crowd, bed.stores, asked_at, served_at, planned=True)
    log.info("%s", outcome)
    assert outcome.is_lossless, outcome
    assert max(outcome.waited_s) <= AFTER_KILL_S, outcome
    assert outcome.asked_to_move == outcome.moved > 0, outcome


@pytest.mark.parametrize("deployment", ["CallCenter", "Monitor"])
def test_what_there_is_one_of_stands_up_again_on_the_other_node(cluster: RayCluster, deployment: str) -> None:
    """Each loss above may hit the node that has it; that it comes back is seen here, without callers."""
    (one,) = [replica for replica in cluster.replicas() if replica.deployment == deployment]
    lost = next(node for node in cluster.workers if node.host.address == one.address)
    lost.kill()

    def is_back() -> bool:
        found = [replica for replica in cluster.replicas() if replica.deployment == deployment]
        return [replica.state for replica in found if replica.id != one.id] == ["RUNNING"]

    cluster.wait_until(is_back, ENDED_WITHIN_S, f"{deployment} does not come back")
