"""An upgrade as KubeRay does it: a second cluster beside the first, traffic switched, the first one drained."""

from __future__ import annotations

import logging
import time

from tests.cluster.bed import Bed
from tests.cluster.config import cluster_config
from tests.cluster.crowd import Talking, talking
from tests.cluster.outcome import outcome_of
from tests.cluster.ray_cluster import RayCluster
from tests.cluster.servers import WELL_WITHIN_S

log = logging.getLogger(__name__)

MOVED_WITHIN_S = 60.0
"""From the switch, until the old cluster has asked each caller to connect anew, at a silence of theirs."""

ENDED_WITHIN_S = 180.0
ANSWERED_WITHIN_S = 2.0


def test_an_upgrade_moves_every_caller_to_the_new_cluster_and_costs_none(
    bed: Bed, cluster: RayCluster, callers: Talking
) -> None:
    green = bed.cluster("green")
    try:
        with callers() as crowd:
            green.start()
            green.deploy(cluster_config())
            green.wait_until_whole()
            names = {worker.host.name for worker in green.workers}
            switched_at = bed.balancer.use(names)
            green.wait_until(lambda: bed.balancer.well() == names, WELL_WITHIN_S, "the load balancer does not find it")

            # the first who comes to the new cluster tells the old one that it is replaced
            with talking(bed.clients, bed.balancer.url, 1, f"{crowd.stamp}0") as newcomer:
                assert not newcomer.kinds("unanswered")

            def left_behind() -> int:
                moved = {event.caller for event in crowd.kinds("auth_ok", since=switched_at)}
                return crowd.callers - len(moved)

            deadline = time.monotonic() + MOVED_WITHIN_S
            while left_behind() and time.monotonic() < deadline:
                time.sleep(0.2)
            by_themselves = crowd.callers - left_behind()
            log.info("%d of %d callers were moved by themselves", by_themselves, crowd.callers)
            if left_behind():
                # so that the rest can be seen all the same; the test fails at its end
                log.info("%s", cluster.drain_callers())
                green.wait_until(lambda: not left_behind(), MOVED_WITHIN_S, "not all callers have moved")
            served_at = crowd.wait_for_turns(2, since=time.monotonic())
            for node in cluster.nodes:
                node.machine.terminate()
            for node in cluster.nodes:
                node.machine.wait(ENDED_WITHIN_S)
            crowd.wait_for_turns(2, since=time.monotonic())
        outcome = outcome_of("an upgrade", crowd, bed.stores, switched_at, served_at, planned=True)
        log.info("%s", outcome)
        assert outcome.is_lossless, outcome
        assert outcome.asked_to_move == outcome.moved == crowd.callers, outcome
        assert max(outcome.waited_s) <= ANSWERED_WITHIN_S, outcome
        assert by_themselves == crowd.callers, "an operator had to run a command"
    finally:
        green.stop()
