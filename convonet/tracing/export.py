"""Sends spans to a collector over OTLP/HTTP: in batches, from a thread of its own, and bounded.

Imported only where the operator named a collector. Neither the tracer nor the current span is made global: libraries
that trace by themselves would put prompts into the spans and our trace headers into requests to vendors.
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
from convonet.tracing.spans import Kind, Status, record_with

log = structlog.get_logger(__name__)

SEND_EVERY_S = 1.0
"""What a killed process had not sent yet is lost."""

MOST_WAITING = 2048
"""Spans of a process that wait to be sent, about 2 MB; more are dropped. A turn has about a dozen."""

COLLECTOR_TIMEOUT_S = 3.0
REST_S = 10.0
"""A collector that failed is left alone for so long: what ends meanwhile is dropped unsent."""

MOST_CHARACTERS = 2000
"""Of one value: only callers' words can be that long."""

NAMES = {
    # the names that OpenTelemetry's conventions have for it, else our own
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
    "transcript": "convonet.core.validation.transcript",
    "answer": "convonet.core.validation.answer",
    "arguments": "convonet.core.validation.arguments",
    "result": "convonet.core.validation.result",
}
STATUS = "convonet.status"

_KINDS = {"internal": trace.SpanKind.INTERNAL, "server": trace.SpanKind.SERVER, "client": trace.SpanKind.CLIENT}
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")


def start_tracing(settings: TracingSettings, service: str) -> OtelRecorder | None:
    """Send the spans of this process to the collector of the settings, if there is one, under this service name."""
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
            Collector(exporter),
            max_queue_size=MOST_WAITING,
            max_export_batch_size=MOST_WAITING // 4,
            schedule_delay_millis=SEND_EVERY_S * 1000,
        )
    )
    recorder = OtelRecorder(provider, words=settings.words)
    record_with(recorder)
    atexit.register(recorder.close)
    return recorder


class OtelRecorder:
    """`Recorder` on a provider of OpenTelemetry's SDK. `close` it at the end."""

    def __init__(self, provider: TracerProvider, *, words: bool) -> None:
        self.words = words
        self._provider = provider
        self._tracer = provider.get_tracer("convonet")

    def start(
        self, name: str, kind: Kind, above: RecordedSpan | str | None, values: Mapping[str, str | int]
    ) -> OtelSpan:
        """See `Recorder.start`. A trace context that makes no sense begins a new trace."""
        context = trace.set_span_in_context(_above(above), Context())
        begun = self._tracer.start_span(name, context, _KINDS[kind])
        span = OtelSpan(begun)
        span.set(values)
        return span

    def flush(self) -> None:
        """Send what waits, and wait for that."""
        self._provider.force_flush()

    def close(self) -> None:
        """Stop recording, and send what is left."""
        atexit.unregister(self.close)
        record_with(None)
        self._provider.shutdown()


class OtelSpan:
    """See `RecordedSpan`."""

    def __init__(self, span: trace.Span) -> None:
        self.span = span
        at = span.get_span_context()
        self.trace_id = f"{at.trace_id:032x}"
        self.traceparent = f"00-{self.trace_id}-{at.span_id:016x}-{at.trace_flags:02x}"

    def set(self, values: Mapping[str, str | int]) -> None:
        """See `RecordedSpan.set`."""
        for name, value in values.items():
            self.span.set_attribute(NAMES[name], value[:MOST_CHARACTERS] if isinstance(value, str) else value)

    def end(self, status: Status, error: str) -> None:
        """See `RecordedSpan.end`."""
        self.span.set_attribute(STATUS, status)
        if error:
            self.span.set_attribute("error.type", error)
        if status in ("failed", "timeout"):
            self.span.set_status(trace.StatusCode.ERROR, error or status)
        self.span.end()


class Collector(SpanExporter):
    """The collector, left alone for a while when it fails. It is logged when it goes and when it is back."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._away = False
        self._rests_until = float("-inf")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch, or drop it."""
        if time.monotonic() < self._rests_until:
            return SpanExportResult.FAILURE
        result = self._exporter.export(spans)
        if (away := result is not SpanExportResult.SUCCESS) != self._away:
            self._away = away
            if away:
                log.warning("traces_not_sent", dropped=len(spans))
            else:
                log.info("traces_sent_again")
        self._rests_until = time.monotonic() + REST_S if away else float("-inf")
        return result

    def shutdown(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()


def _above(above: RecordedSpan | str | None) -> trace.Span:
    if isinstance(above, OtelSpan):
        return above.span
    found = _TRACEPARENT.fullmatch(above) if isinstance(above, str) else None
    if found is None:
        return trace.INVALID_SPAN
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    return trace.NonRecordingSpan(
        trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=trace.TraceFlags(flags))
    )
