"""Trace context and log ids that go along with a call to another of our processes, as a plain dict of strings."""

from __future__ import annotations

import contextlib
from collections.abc import Generator

import structlog

from convonet.core.trace import current_traceparent
from convonet.tracing.spans import Span, span

_IDS = ("session_id", "turn_id")
_TRACE = "traceparent"


def outgoing_trace() -> dict[str, str]:
    """Collect the log ids and the trace context for an outgoing call."""
    bound = structlog.contextvars.get_contextvars()
    along = {name: str(bound[name]) for name in _IDS if name in bound}
    if (traceparent := current_traceparent()) is not None:
        along[_TRACE] = traceparent
    return along


@contextlib.contextmanager
def incoming_span(name: str, along: dict[str, str]) -> Generator[Span, None, None]:
    """Serve such a call: bind its ids to all log entries and open a span, as a child of the caller's."""
    ids = {name: value for name, value in along.items() if name in _IDS}
    with structlog.contextvars.bound_contextvars(**ids), span(name, kind="server", parent=along.get(_TRACE)) as served:
        yield served
