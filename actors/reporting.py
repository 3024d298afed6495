"""What a replica of any part needs to be seen: its reports to the monitor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray import serve

from actors.remote_monitor import RemoteMonitor
from convonet.monitor.reporter import Figures, Reporter

if TYPE_CHECKING:
    # most parts have no calls, and do without what describes them
    from convonet.monitor.live_calls import LiveCalls
    from convonet.monitor.messages import PartName


def remote_monitor() -> RemoteMonitor:
    """The monitor; it is deployed at the same time as everything else and may not exist yet."""
    return RemoteMonitor(serve.get_deployment_handle("Monitor", "agent-monitor", _check_exists=False))


def replica_name() -> str:
    """How this replica is called."""
    return serve.get_replica_context().replica_id.unique_id


def reporting(part: PartName, figures: Figures, calls: LiveCalls | None = None) -> Reporter:
    """The reports of this process, which have begun; `close` it at the end. Called inside a running event loop."""
    reporter = Reporter(part, replica_name(), remote_monitor(), figures, calls)
    reporter.start()
    return reporter
