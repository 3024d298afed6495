"""Export of spans to a collector over OTLP/HTTP, in batches, from a thread of its own with a bounded queue.

Imported only where the operator has set a collector. Neither the tracer nor the current span is global: libraries that
trace by themselves would put prompts into the spans and our trace headers into requests to vendors.
"""

from __future__ import annotations

import atexit
import os
import re
import time
from collections.abc import Mapping, Sequence

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from convonet.core.trace import RecordedSpan
from convonet.settings.tracing import TracingSettings
from convonet.tracing.spans import Kind, Status, set_recorder

log = structlog.get_logger(__name__)

BATCH_DELAY_S = 1.0
"""A killed process loses the spans of the last batch."""

MAX_QUEUED_SPANS = 2048
"""Queue of a process, about 2 MB; more spans are dropped. A turn has about a dozen."""

COLLECTOR_TIMEOUT_S = 3.0
RETRY_DELAY_S = 10.0
"""Delay before a failed collector is tried again; spans that end meanwhile are dropped."""

MAX_CHARACTERS = 2000
"""Longest value of an attribute; only callers' words can be that long."""

NAMES = {
    # the names of OpenTelemetry's conventions where there is one, else our own
    "session_id": "session.id",
    "turn_id": "convonet.turn.id",
    "agent_type": "gen_ai.agent.name",
    "route": "convonet.route",
    "provider": "gen_ai.provider.name",
    "model": "gen_ai.request.model",
    "tool": "gen_ai.tool.name",
    "tokens_in": "gen_ai.usage.input_tokens",
    "tokens_out": "gen_ai.usage.output_tokens",
    "sentence": "convonet.sentence",
    "source": "convonet.source",
    "http_method": "http.request.method",
    "http_route": "http.route",
    "http_status": "http.response.status_code",
    "transcript": "convonet.words.transcript",
    "answer": "convonet.words.answer",
    "arguments": "convonet.words.arguments",
    "result": "convonet.words.result",
}
STATUS = "convonet.status"

_KINDS = {"internal": trace.SpanKind.INTERNAL, "server": trace.SpanKind.SERVER, "client": trace.SpanKind.CLIENT}
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")


def start_tracing(
    settings: TracingSettings, service: str, *, retry_delay_s: float = RETRY_DELAY_S
) -> OtelRecorder | None:
    """Export this process's spans under a service name; None when no collector is set."""
    if settings.endpoint is None:
        return None
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.ratio)),
        resource=Resource({"service.name": service, "service.namespace": "convonet", "process.pid": os.getpid()}),
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(
        f"{str(settings.endpoint).rstrip('/')}/v1/traces",
        headers=settings.headers_by_name,
        timeout=COLLECTOR_TIMEOUT_S,
    )
    provider.add_span_processor(
        BatchSpanProcessor(
            Collector(exporter, retry_delay_s),
            max_queue_size=MAX_QUEUED_SPANS,
            max_export_batch_size=MAX_QUEUED_SPANS // 4,
            schedule_delay_millis=BATCH_DELAY_S * 1000,
        )
    )
    recorder = OtelRecorder(provider, words=settings.words)
    set_recorder(recorder)
    atexit.register(recorder.close)
    return recorder


class OtelRecorder:
    """`SpanRecorder` on OpenTelemetry's SDK. `close` it at the end."""

    def __init__(self, provider: TracerProvider, *, words: bool) -> None:
        self.words = words
        self._provider = provider
        self._tracer = provider.get_tracer("convonet")

    def start(
        self, name: str, kind: Kind, parent: RecordedSpan | str | None, values: Mapping[str, str | int]
    ) -> OtelSpan:
        """See `SpanRecorder.start`. An invalid trace context begins a new trace."""
        context = trace.set_span_in_context(_parent_span(parent), Context())
        begun = self._tracer.start_span(name, context, _KINDS[kind])
        span = OtelSpan(begun)
        span.set(values)
        return span

    def flush(self) -> None:
        """Send the queued spans and wait until they are sent."""
        self._provider.force_flush()

    def close(self) -> None:
        """Stop recording and send the queued spans."""
        atexit.unregister(self.close)
        set_recorder(None)
        self._provider.shutdown()


class OtelSpan:
    """See `RecordedSpan`."""

    def __init__(self, span: trace.Span) -> None:
        self.span = span
        context = span.get_span_context()
        self.trace_id = f"{context.trace_id:032x}"
        self.traceparent = f"00-{self.trace_id}-{context.span_id:016x}-{context.trace_flags:02x}"

    def set(self, values: Mapping[str, str | int]) -> None:
        """See `RecordedSpan.set`."""
        for name, value in values.items():
            self.span.set_attribute(NAMES[name], value[:MAX_CHARACTERS] if isinstance(value, str) else value)

    def end(self, status: Status, error: str) -> None:
        """See `RecordedSpan.end`."""
        self.span.set_attribute(STATUS, status)
        if error:
            self.span.set_attribute("error.type", error)
        if status in ("failed", "timeout"):
            self.span.set_status(trace.StatusCode.ERROR, error or status)
        self.span.end()


class Collector(SpanExporter):
    """An exporter that pauses after a failure, and logs when the collector fails and when it is back."""

    def __init__(self, exporter: SpanExporter, retry_delay_s: float) -> None:
        self._exporter = exporter
        self._retry_delay_s = retry_delay_s
        self._is_down = False
        self._paused_until = float("-inf")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch, or drop it during a pause."""
        if time.monotonic() < self._paused_until:
            return SpanExportResult.FAILURE
        result = self._exporter.export(spans)
        if (is_down := result is not SpanExportResult.SUCCESS) != self._is_down:
            self._is_down = is_down
            if is_down:
                log.warning("traces_not_sent", dropped=len(spans))
            else:
                log.info("traces_sent_again")
        self._paused_until = time.monotonic() + self._retry_delay_s if is_down else float("-inf")
        return result

    def shutdown(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()


def _parent_span(parent: RecordedSpan | str | None) -> trace.Span:
    if isinstance(parent, OtelSpan):
        return parent.span
    found = _TRACEPARENT.fullmatch(parent) if isinstance(parent, str) else None
    if found is None:
        return trace.INVALID_SPAN
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    return trace.NonRecordingSpan(
        trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(flags))
    )
