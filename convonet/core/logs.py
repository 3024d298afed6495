"""Structured logs: JSON lines on stderr with session, turn and trace ids, for our own events and the libraries'.

Every process that serves calls `configure` once at its start. Ids that are bound with `structlog.contextvars` are
merged into each line. Every line passes `redaction` before it is written.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO, get_args

import structlog

from convonet.core.redaction import QuoteFree, Redaction
from convonet.core.trace import current_trace_id

Level = Literal["debug", "info", "warning", "error"]

COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "gateway": (
        "convonet.gateway",
        "deployments.voice",
        "deployments.stopping",
        "deployments.draining",
        "actors.cluster",
        "actors.mover",
    ),
    "session": (
        "convonet.sessions",
        "convonet.core.background",
        "actors.session",
        "actors.session_registry",
        "actors.lease",
    ),
    "speech": ("convonet.speech", "deployments.speech"),
    "agent": ("convonet.agents", "deployments.replicas", "convonet.rpc", "convonet.agent_api", "deployments.agent"),
    "tools": ("convonet.mcp", "convonet.domains", "deployments.tools"),
    "storage": ("convonet.storage", "convonet.records"),
    "telephony": ("convonet.telephony", "convonet.desk", "actors.hand_overs"),
    "access": ("convonet.auth", "convonet.staff", "convonet.web"),
    "monitor": (
        "convonet.monitor",
        "convonet.metrics",
        "convonet.core.health",
        "actors.monitor",
        "actors.remote_monitor",
        "deployments.monitor",
    ),
    "tracing": ("convonet.tracing",),
    "libraries": ("",),
}
"""Loggers of each component that has a level of its own. A logger has its module's name and covers those below it."""

_OURS = ("convonet", "actors", "deployments")

_FLOORS = {
    # our own line says what is wrong with the collector
    "opentelemetry": logging.CRITICAL,
    # they log each request with its URL, Twilio's client also its content
    "httpx": logging.WARNING,
    "httpx2": logging.WARNING,
    "twilio": logging.WARNING,
}
"""Libraries that log too much at level info, and the lowest level that they may log."""

_LIBRARIES_FLOOR = logging.INFO
"""Lowest level of any library: at debug level they log what goes over the wire, such as PINs, audio and prompts."""


def configure(
    level: Level,
    stream: TextIO | None = None,
    *,
    levels: Mapping[str, Level] | None = None,
    words: bool = False,
    region: str = "US",
) -> None:
    """Write all logs from `level` up as JSON lines. May be called again; the last call counts.

    Args:
        level: Lowest level that is logged.
        stream: Where the lines go; default: `sys.stderr`, looked up for each line.
        levels: Other levels, by component.
        words: Whether debug lines may hold transcripts and answers.
        region: Country of telephone numbers without a country code, which are redacted.
    """
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        # a cached logger would keep the configuration that it saw first
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    for old in [handler for handler in root.handlers if isinstance(handler, _JsonLines)]:
        root.removeHandler(old)
    root.addHandler(_JsonLines(stream, Redaction(region, words=words), *([] if words else [QuoteFree()])))
    _set_levels(level, levels or {})


def _set_levels(level: Level, levels: Mapping[str, Level]) -> None:
    for name in _OURS:
        logging.getLogger(name).setLevel(_number(level))
    for component, names in COMPONENTS.items():
        for name in names:
            logging.getLogger(name).setLevel(_number(levels[component]) if component in levels else logging.NOTSET)
    root = logging.getLogger()
    root.setLevel(max(_LIBRARIES_FLOOR, root.level or _number(level)))
    for name, floor in _FLOORS.items():
        logging.getLogger(name).setLevel(max(floor, root.level))


def levels_by_component(listed: str) -> dict[str, Level]:
    """Parse `speech=debug,agent=warning`. Raises `ValueError`."""
    levels: dict[str, Level] = {}
    for entry in filter(None, (entry.strip() for entry in listed.split(","))):
        component, _, level = (piece.strip() for piece in entry.partition("="))
        if component not in COMPONENTS:
            raise ValueError(f"{component!r} is none of the parts {', '.join(COMPONENTS)}")
        if level not in get_args(Level):
            raise ValueError(f"{component} has none of the levels {', '.join(get_args(Level))}: {entry!r}")
        levels[component] = level  # type: ignore[assignment]  # it was looked up
    return levels


class _JsonLines(logging.Handler):
    """Writes each record as one line."""

    def __init__(self, stream: TextIO | None, redaction: Redaction, *filters: logging.Filter) -> None:
        super().__init__()
        self._stream = stream
        self.filters = list(filters)
        self.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=_SHARED,
                processors=[
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    redaction.traceback,
                    structlog.processors.StackInfoRenderer(),
                    redaction,
                    structlog.processors.JSONRenderer(serializer=_to_json),
                ],
            )
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; the code that logs must not see a failure of it."""
        try:
            print(self.format(record), file=self._stream or sys.stderr, flush=True)
        except (OSError, ValueError, TypeError, RecursionError):
            self.handleError(record)


def _add_trace_id(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if (trace_id := current_trace_id()) is not None:
        event["trace_id"] = trace_id
    return event


def _number(level: Level) -> int:
    return logging.getLevelNamesMapping()[level.upper()]


def _to_json(event: Mapping[str, Any], **_options: object) -> str:
    # ASCII only: stderr may have any encoding
    return json.dumps(event, allow_nan=False)


_SHARED: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    _add_trace_id,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
