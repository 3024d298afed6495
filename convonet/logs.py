"""Structured logs: JSON lines on stderr with session and turn ids, for our own events and those of the libraries alike.

Every process that serves calls `configure` once at its start. Bind ids with `structlog.contextvars`; they are merged
into each line. Values under secret names are replaced, and so are credentials inside texts, but that is the last net
only: code does not log them in the first place.
"""

from __future__ import annotations

import json
import logging
import math
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO

import structlog

Level = Literal["debug", "info", "warning", "error"]

REDACTED = "***"

_SECRET_WORDS = frozenset(
    {"pin", "token", "jwt", "password", "passwd", "secret", "authorization", "cookie", "credential", "credentials"}
)
_SECRET_ENDINGS = ("apikey", "api_key", "access_key", "private_key", "signing_key")
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")

_CREDENTIALS = (
    (re.compile(r"(?<=://)[^/@\s]*@"), f"{REDACTED}@"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}|\b(Token)\s+[0-9a-f]{32,}", re.IGNORECASE), rf"\1\2 {REDACTED}"),
    (re.compile(r"\beyJ[\w-]{10,}\.[\w-]+\.[\w-]+"), REDACTED),
    (re.compile(r"""(["']?\b(?:voice_)?pin["']?\s*[=:]\s*["']?)\d{4,10}\b""", re.IGNORECASE), rf"\1{REDACTED}"),
)

_FLOORS = {
    # at debug level these write what goes over the wire: PINs, audio, SQL parameters
    "websockets": logging.INFO,
    "uvicorn.error": logging.INFO,
    "aiosqlite": logging.INFO,
    "httpcore": logging.INFO,
    "openai": logging.INFO,
    "anthropic": logging.INFO,
    "mcp": logging.INFO,
    # one line for each request, with its URL
    "httpx": logging.WARNING,
    "httpx2": logging.WARNING,
}


def configure(level: Level, stream: TextIO | None = None) -> None:
    """Send all logs from `level` on as JSON lines to `stream`, by default to whatever `sys.stderr` is at the moment.

    May be called again; the last call counts.
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
    root.addHandler(_JsonLines(stream))
    root.setLevel(level.upper())
    for name, floor in _FLOORS.items():
        logging.getLogger(name).setLevel(max(floor, root.level))


class _JsonLines(logging.Handler):
    """Writes one line a record."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream
        self.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=_SHARED,
                processors=[
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    # the plain text of a traceback: a structured one would show local variables
                    structlog.processors.format_exc_info,
                    structlog.processors.StackInfoRenderer(),
                    _redact,
                    structlog.processors.JSONRenderer(serializer=_to_json),
                ],
            )
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; a failure to do so must not reach whoever logs."""
        try:
            print(self.format(record), file=self._stream or sys.stderr, flush=True)
        except (OSError, ValueError, TypeError, RecursionError):
            self.handleError(record)


def _redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {key: REDACTED if _is_secret(key) else _scrub(value) for key, value in event.items()}


def _scrub(value: object) -> object:
    if isinstance(value, str):
        for pattern, replacement in _CREDENTIALS:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, Mapping):
        return {str(key): REDACTED if _is_secret(str(key)) else _scrub(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_scrub(item) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return _scrub(repr(value))


def _is_secret(key: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(key)]
    return not _SECRET_WORDS.isdisjoint(words) or "_".join(words).endswith(_SECRET_ENDINGS)


def _to_json(event: Mapping[str, Any], **_options: object) -> str:
    # ASCII only: stderr may have any encoding
    return json.dumps(event, allow_nan=False)


_SHARED: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
