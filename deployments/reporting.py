"""Reports of a replica to the monitor; every application starts them with its replica."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ray import serve

from convonet.monitor.reporter import ReadGauges, Reporter
from deployments.measuring import measure
from deployments.replicas import remote_monitor

if TYPE_CHECKING:
    # most components have no calls, and do without these imports
    from convonet.monitor.live_calls import LiveCalls
    from convonet.monitor.messages import ComponentName


def replica_name() -> str:
    """Return Serve's id of this replica."""
    return serve.get_replica_context().replica_id.unique_id


def start_reports(component: ComponentName, read_gauges: ReadGauges, calls: LiveCalls | None = None) -> Reporter:
    """Start the reports of this process, inside its event loop; `close` the reporter at the end."""
    watch = measure(component)

    def all_gauges() -> Mapping[str, float]:
        return {**read_gauges(), "loop_lag_ms": round(watch.lag_ms, 1)}

    reporter = Reporter(component, replica_name(), remote_monitor(), all_gauges, calls)
    reporter.start()
    return reporter
