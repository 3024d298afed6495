"""The current span of the running task, set by `convonet.tracing`, read by logs and messages to other processes."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Protocol

from convonet.core.status import TurnStatus


class RecordedSpan(Protocol):
    """A span that is sent to the collector."""

    traceparent: str
    """W3C trace context, which a call to another process takes along."""
    trace_id: str

    def set(self, values: Mapping[str, str | int]) -> None: ...

    def end(self, status: TurnStatus, error: str) -> None: ...


current_span: ContextVar[RecordedSpan | None] = ContextVar("current_span", default=None)


def current_traceparent() -> str | None:
    """Return the trace context of the enclosing span, for a message to another process."""
    recorded = current_span.get()
    return recorded.traceparent if recorded is not None else None


def current_trace_id() -> str | None:
    """Return the id of the enclosing span's trace, as the collector shows it."""
    recorded = current_span.get()
    return recorded.trace_id if recorded is not None else None
