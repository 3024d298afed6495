"""The metrics of tool calls, counted by the caller, since a server that is down can't count."""

from __future__ import annotations

from collections.abc import Sequence

from convonet.metrics.definitions import SERVER, TOOL, TOOL_CALLS, TOOL_TIME
from convonet.metrics.recorder import Recorder, metrics


def declare_tools(server: str, tools: Sequence[str], recorder: Recorder = metrics) -> None:
    """Create the counters of a server's tools; a model may name others, which count as `other`."""
    recorder.add_tag_values(SERVER, [server])
    recorder.add_tag_values(TOOL, tools)
    recorder.declare(TOOL_CALLS, server=[server], tool=tools)


def count_call(server: str, tool: str, *, ok: bool, spent_s: float, recorder: Recorder = metrics) -> None:
    """Count a finished call and its duration."""
    recorder.count(TOOL_CALLS, tool=tool, server=server, result="success" if ok else "failed")
    recorder.observe(TOOL_TIME, 1000 * spent_s, server=server)
