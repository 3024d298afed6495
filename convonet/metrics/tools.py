"""The metrics of tool calls, counted by whoever calls: a server that is away counts nothing itself."""

from __future__ import annotations

from collections.abc import Sequence

from convonet.metrics.definitions import SERVER, TOOL, TOOL_CALLS, TOOL_TIME
from convonet.metrics.recorder import Recorder, metrics


def begin(server: str, tools: Sequence[str], recorder: Recorder = metrics) -> None:
    """These are the tools of that server; a model may name others, which count as `other`."""
    recorder.know(SERVER, [server])
    recorder.know(TOOL, tools)
    recorder.begin(TOOL_CALLS, server=[server], tool=tools)


def note(server: str, tool: str, *, ok: bool, spent_s: float, recorder: Recorder = metrics) -> None:
    """A call has come to its end."""
    recorder.count(TOOL_CALLS, tool=tool, server=server, result="success" if ok else "failed")
    recorder.observe(TOOL_TIME, 1000 * spent_s, server=server)
