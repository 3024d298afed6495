"""What a replica of any part needs to be seen: its reports to the monitor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ray import serve

from convonet.monitor.reporter import ReadGauges, Reporter
from deployments.measuring import measure
from deployments.replicas import remote_monitor

if TYPE_CHECKING:
    # most parts have no calls, and do without what watches them
    from convonet.monitor.live_calls import LiveCalls
    from convonet.monitor.messages import PartName


def replica_name() -> str:
    """How this replica is called."""
    return serve.get_replica_context().replica_id.unique_id


def reporting(part: PartName, read_gauges: ReadGauges, calls: LiveCalls | None = None) -> Reporter:
    """The reports of this process, which have begun; `close` it at the end. Called inside a running event loop."""
    watch = measure(part)

    def all_gauges() -> Mapping[str, float]:
        return {**read_gauges(), "loop_lag_ms": round(watch.lag_ms, 1)}

    reporter = Reporter(part, replica_name(), remote_monitor(), all_gauges, calls)
    reporter.start()
    return reporter
