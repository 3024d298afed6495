"""Cuts a stream of server-sent events, as all vendors send their answers, into the data of its events."""

from __future__ import annotations

MAX_EVENT_BYTES = 256 * 1024
"""The largest are a tool call in one piece (1,024 tokens) and a signed thought: some tens of KB."""


class EventTooLong(ValueError):
    """The stream holds no event, or one that nobody needs."""


class EventCutter:
    """Takes bytes as they arrive, cut anywhere. Names, ids and comments of events say nothing that the data does not.

    Lines may end with LF or CR LF; the third way that the standard knows, CR alone, no vendor uses.
    """

    def __init__(self, *, max_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes; return the data of the events that are complete now. Raises `EventTooLong`."""
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        events = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[5:].strip())
            elif not line.strip() and self._data:
                events.append(self._taken())
        if len(self._rest) + sum(map(len, self._data)) > self._max_bytes:
            raise EventTooLong(f"more than {self._max_bytes} bytes")
        return events

    def flush(self) -> list[bytes]:
        """The stream is over: return the last event, if no blank line came after it."""
        events = self.feed(b"\n") if self._rest else []
        return [*events, self._taken()] if self._data else events

    def _taken(self) -> bytes:
        data = b"\n".join(self._data)
        self._data.clear()
        return data
