"""Spans, as the code on a turn's way opens them: `with span("hear", session_id=...) as hearing:`.

Off until `export.start_tracing` has put a recorder in; then, too, only what belongs to a trace is recorded. What a span
may say is a closed list (`Attributes`), and no word of a caller is on it: those are in `Words`, for which an operator
must ask. Nothing here knows OpenTelemetry, so that a process without tracing does not even import it.
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
    """What a span may say."""

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
    """What a span may say only when callers' words are allowed in traces."""

    transcript: str
    answer: str
    arguments: Mapping[str, object]
    result: str


class Recorder(Protocol):
    """Where spans go; `words` is whether callers' words may."""

    words: bool

    def start(
        self, name: str, kind: Kind, above: RecordedSpan | str | None, values: Mapping[str, str | int]
    ) -> RecordedSpan: ...


_recorder: Recorder | None = None


class Span:
    """One piece of work. `status` is how it ends; an exception that leaves the span's block says so by itself."""

    __slots__ = ("_over", "_recorded", "status")

    def __init__(self, recorded: RecordedSpan | None) -> None:
        self._recorded = recorded
        self._over = recorded is None
        self.status: Status = "success"

    @property
    def traceparent(self) -> str | None:
        """For messages to another process, whose spans are to be below this one."""
        return self._recorded.traceparent if self._recorded is not None else None

    def set(self, **attributes: Unpack[Attributes]) -> None:
        """Add what was not known at the beginning."""
        if self._recorded is not None:
            self._recorded.set(attributes)  # type: ignore[arg-type]  # a TypedDict of nothing else

    def words(self, **words: Unpack[Words]) -> None:
        """Add words of the caller, where they are allowed; secrets never are."""
        if self._recorded is not None and _recorder is not None and _recorder.words:
            self._recorded.set({name: without_secrets(_text(said)) for name, said in words.items()})

    def end(self, error: str = "") -> None:
        """The work is over; only the first end counts."""
        if self._recorded is not None and not self._over:
            self._over = True
            self._recorded.end(self.status, error)


def set_recorder(recorder: Recorder | None) -> None:
    """Record from now on with this; with None nothing."""
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
    """A span for whoever can't use `span`, and must `end` it.

    It is below `parent`, the trace context that came from another process, else below the span of the block around.
    Without either it is recorded only where a trace may begin.
    """
    if _recorder is None:
        return Span(None)
    above = parent or current_span.get()
    if above is None and not begins_trace:
        return Span(None)
    return Span(_recorder.start(name, kind, above, attributes))  # type: ignore[arg-type]


@contextlib.contextmanager
def span(
    name: str,
    *,
    kind: Kind = "internal",
    parent: str | None = None,
    begins_trace: bool = False,
    **attributes: Unpack[Attributes],
) -> Generator[Span, None, None]:
    """A span around a block; what the block opens is below it. See `begin`."""
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
    """How a piece of work ended that raised this."""
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "cancelled"
    return "timeout" if isinstance(error, TimeoutError | AgentTimeout) else "failed"
