"""The trace of the running task. `convonet.tracing` sets it; logs and messages to other processes read it."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Protocol

from convonet.core.status import TurnStatus


class RecordedSpan(Protocol):
    """A span that goes to a collector."""

    traceparent: str
    """Its W3C trace context, for the other side of a call."""
    trace_id: str

    def set(self, values: Mapping[str, str | int]) -> None: ...

    def end(self, status: TurnStatus, error: str) -> None: ...


current_span: ContextVar[RecordedSpan | None] = ContextVar("current_span", default=None)


def current_traceparent() -> str | None:
    """The trace context of the enclosing span, for a message to another process."""
    recorded = current_span.get()
    return recorded.traceparent if recorded is not None else None


def current_trace_id() -> str | None:
    """The id under which a collector files the enclosing span's trace."""
    recorded = current_span.get()
    return recorded.trace_id if recorded is not None else None
