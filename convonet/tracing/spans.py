"""The spans that the code of a turn opens: `with span("recognise", session_id=...) as recognizing:`.

They do nothing until `export.start_tracing` sets a recorder; even then only spans within a trace are recorded. The
attributes are a closed list without callers' words; those are in `Words` and need the operator's permission. Nothing
here uses OpenTelemetry, so that a process without tracing does not import it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Generator, Mapping
from typing import Literal, Protocol, TypedDict, Unpack

from convonet.core.errors import AgentTimeout
from convonet.core.redaction import without_secrets
from convonet.core.status import TurnStatus
from convonet.core.trace import RecordedSpan, current_span

Kind = Literal["internal", "server", "client"]
Status = TurnStatus


class Attributes(TypedDict, total=False):
    """Attributes of spans."""

    session_id: str
    turn_id: str
    agent_type: str
    route: str
    provider: str
    model: str
    tool: str
    tokens_in: int
    tokens_out: int
    sentence: int
    source: str
    http_method: str
    http_route: str
    http_status: int


class Words(TypedDict, total=False):
    """Attributes that need the operator's permission for callers' words in traces."""

    transcript: str
    answer: str
    arguments: Mapping[str, object]
    result: str


class SpanRecorder(Protocol):
    """Records spans; `words` allows callers' words in them."""

    words: bool

    def start(
        self, name: str, kind: Kind, parent: RecordedSpan | str | None, values: Mapping[str, str | int]
    ) -> RecordedSpan: ...


_recorder: SpanRecorder | None = None


class Span:
    """One piece of work; an exception that leaves the span's block sets its `status`."""

    __slots__ = ("_over", "_recorded", "status")

    def __init__(self, recorded: RecordedSpan | None) -> None:
        self._recorded = recorded
        self._over = recorded is None
        self.status: Status = "success"

    @property
    def traceparent(self) -> str | None:
        """Trace context for messages to another process, whose spans become children of this one."""
        return self._recorded.traceparent if self._recorded is not None else None

    def set(self, **attributes: Unpack[Attributes]) -> None:
        """Add attributes that were not known at the start."""
        if self._recorded is not None:
            self._recorded.set(attributes)  # type: ignore[arg-type]  # a TypedDict of nothing else

    def words(self, **words: Unpack[Words]) -> None:
        """Add callers' words if they are allowed, without secrets."""
        if self._recorded is not None and _recorder is not None and _recorder.words:
            self._recorded.set({name: without_secrets(_text(said)) for name, said in words.items()})

    def end(self, error: str = "") -> None:
        """End the span; only the first call counts."""
        if self._recorded is not None and not self._over:
            self._over = True
            self._recorded.end(self.status, error)


def set_recorder(recorder: SpanRecorder | None) -> None:
    """Set the recorder of this process; None turns tracing off."""
    global _recorder
    _recorder = recorder


def start_span(
    name: str,
    *,
    kind: Kind = "internal",
    parent: str | None = None,
    begins_trace: bool = False,
    **attributes: Unpack[Attributes],
) -> Span:
    """Start a span that must be ended, where `span` does not fit.

    Args:
        name: Name of the span.
        kind: OpenTelemetry's kind.
        parent: Trace context from another process; without it, the parent is the span of the enclosing block.
        begins_trace: Record the span even without a parent.
        attributes: Attributes known at the start.
    """
    if _recorder is None:
        return Span(None)
    parent_span = parent or current_span.get()
    if parent_span is None and not begins_trace:
        return Span(None)
    return Span(_recorder.start(name, kind, parent_span, attributes))  # type: ignore[arg-type]


@contextlib.contextmanager
def span(
    name: str,
    *,
    kind: Kind = "internal",
    parent: str | None = None,
    begins_trace: bool = False,
    **attributes: Unpack[Attributes],
) -> Generator[Span, None, None]:
    """Open a span around a block, whose spans become its children. See `start_span`."""
    opened = start_span(name, kind=kind, parent=parent, begins_trace=begins_trace, **attributes)
    if opened._recorded is None:
        yield opened
        return
    before = current_span.set(opened._recorded)
    try:
        yield opened
    except BaseException as error:
        opened.status = status_of(error)
        opened.end(type(error).__name__)
        raise
    finally:
        opened.end()
        # a generator may be closed by another task than the one that ran it
        with contextlib.suppress(ValueError):
            current_span.reset(before)


def _text(said: object) -> str:
    return said if isinstance(said, str) else json.dumps(said, default=str)


def status_of(error: BaseException) -> Status:
    """Return the status of a piece of work that raised this error."""
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "cancelled"
    return "timeout" if isinstance(error, TimeoutError | AgentTimeout) else "failed"
