"""What goes along with a call to another process of ours that has no field for it: the ids for its logs and the trace.

A plain dict of strings, so that it can be pickled.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator

import structlog

from convonet.core.trace import current_traceparent
from convonet.tracing.spans import Span, span

_IDS = ("session_id", "turn_id")
_TRACE = "traceparent"


def outgoing_trace() -> dict[str, str]:
    """For the call that is about to be made."""
    bound = structlog.contextvars.get_contextvars()
    along = {name: str(bound[name]) for name in _IDS if name in bound}
    if (traceparent := current_traceparent()) is not None:
        along[_TRACE] = traceparent
    return along


@contextlib.contextmanager
def incoming_span(name: str, along: dict[str, str]) -> Generator[Span, None, None]:
    """Serve such a call: its ids are bound to all lines, and its span is below that of whoever called."""
    ids = {name: value for name, value in along.items() if name in _IDS}
    with structlog.contextvars.bound_contextvars(**ids), span(name, kind="server", parent=along.get(_TRACE)) as served:
        yield served
