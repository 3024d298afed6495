"""Splits a stream of server-sent events into the data of its events. `Endpoint` uses it for every vendor."""

from __future__ import annotations

MAX_EVENT_BYTES = 256 * 1024
"""The largest are a tool call in one piece (1,024 tokens) and a signed thought: some tens of KB."""


class EventTooLong(ValueError):
    """An event is too long, or the stream is not one of events."""


class EventCutter:
    """Splits bytes as they arrive. Event names, ids and comments are ignored: the data says the same.

    Lines may end with LF or CR LF. The standard also allows CR alone, which no vendor uses.
    """

    def __init__(self, *, max_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Add the next bytes and return the data of the events that are now complete. Raises `EventTooLong`."""
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        events = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].strip())
            elif not line.strip() and self._data:
                events.append(self._take_data())
        if len(self._rest) + sum(map(len, self._data)) > self._max_bytes:
            raise EventTooLong(f"more than {self._max_bytes} bytes")
        return events

    def flush(self) -> list[bytes]:
        """End the stream and return the last event, if no blank line followed it."""
        events = self.feed(b"\n") if self._rest else []
        return [*events, self._take_data()] if self._data else events

    def _take_data(self) -> bytes:
        data = b"\n".join(self._data)
        self._data.clear()
        return data
