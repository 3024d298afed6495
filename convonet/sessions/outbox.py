"""The output of a session that its client may not have received yet.

The session writes, and the attached socket reads from where its client left off. Entries are kept until the client
acknowledges them, so that a reconnect repeats exactly what was lost. Beyond `max_bytes` the oldest are dropped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from convonet.sessions.messages import BinaryFrame, MediaLegChanged, ReconnectRequested, ToClient

OutboxEntry = ToClient | BinaryFrame | MediaLegChanged | ReconnectRequested

MAX_BYTES = 1_000_000
"""20 s of streamed audio, or two minutes of MP3 files. A client that is further behind can't get everything again."""

MAX_SENT = 100
"""Messages kept for a client that never acknowledges any: those of about five turns."""

TEXT_DELAY_S = 0.002
"""Delay before a message is sent, so that the call to STT, agent or TTS that the caller waits for goes first. Audio is
sent without delay."""


class SlowReader(Exception):
    """The socket reads too slowly: more is unread than the outbox allows."""


class Outbox:
    """A bounded log of entries with one reader at a time; a new reader ends the previous one."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._entries: deque[OutboxEntry] = deque()
        self._bytes = 0
        self._max_bytes = max_bytes
        self._reader: _Reader | None = None
        self._closed = False

    @property
    def has_reader(self) -> bool:
        return self._reader is not None

    def write(self, entry: OutboxEntry) -> None:
        """Append an entry and wake the reader."""
        self._entries.append(entry)
        self._bytes += _size(entry)
        while self._bytes > self._max_bytes and len(self._entries) > 1:
            self._drop_oldest()
        if self._reader is not None:
            self._reader.put(entry)

    def send_to_reader(self, entry: OutboxEntry) -> None:
        """Pass an entry to the socket that is attached now. It is not kept for later sockets."""
        if self._reader is not None:
            self._reader.put(entry)

    def acknowledge(self, last_seq: int) -> None:
        """Drop the messages that the client has: those up to `last_seq`, with the entries between them."""
        while self._entries and _is_acknowledged(self._entries[0], last_seq):
            self._drop_oldest()

    def drop_sent_audio(self) -> None:
        """Drop what a caller who goes on talking does not need again: sent audio, and all but the last messages."""
        if self._reader is None or self._reader.unread:
            return
        kept = [entry for entry in self._entries if not isinstance(entry, BinaryFrame)][-MAX_SENT:]
        self._entries = deque(kept)
        self._bytes = sum(map(_size, kept))

    async def read(self, last_seq: int) -> AsyncGenerator[OutboxEntry, None]:
        """Yield every entry that a client with `last_seq` lacks, then each new one as it is written.

        Ends when another reader begins, or after `close` once everything has been read. Raises `SlowReader`.
        """
        if self._reader is not None:
            self._reader.end()
        self.acknowledge(last_seq)
        reader = self._reader = _Reader(self._entries, self._max_bytes)
        try:
            while reader is self._reader:
                while (entry := reader.take()) is not None and reader is self._reader:
                    yield entry
                if self._closed:
                    return
                await reader.wait()
        finally:
            if reader is self._reader:
                self._reader = None

    def close(self) -> None:
        """End the log: nothing more will be written."""
        self._closed = True
        if self._reader is not None:
            self._reader.end()

    def __len__(self) -> int:
        return len(self._entries)

    def _drop_oldest(self) -> None:
        self._bytes -= _size(self._entries.popleft())


class _Reader:
    """The entries that one socket has not read yet."""

    def __init__(self, entries: deque[OutboxEntry], max_bytes: int) -> None:
        self.unread = deque(entries)
        self._bytes = sum(map(_size, entries))
        # twice the outbox's own limit, which bounds the memory of a socket that reads nothing
        self._max_bytes = 2 * max_bytes
        self._is_slow = False
        self._wakeup = asyncio.Event()
        self._wakeup_timer: asyncio.TimerHandle | None = None

    def put(self, entry: OutboxEntry) -> None:
        self._bytes += _size(entry)
        self._is_slow = self._is_slow or self._bytes > self._max_bytes
        if self._is_slow:
            self.unread.clear()
        else:
            self.unread.append(entry)
        if self._is_slow or not isinstance(entry, ToClient):
            self._wakeup.set()
        elif self._wakeup_timer is None:
            self._wakeup_timer = asyncio.get_running_loop().call_later(TEXT_DELAY_S, self._wakeup.set)

    def take(self) -> OutboxEntry | None:
        if self._is_slow:
            raise SlowReader
        if not self.unread:
            return None
        entry = self.unread.popleft()
        self._bytes -= _size(entry)
        return entry

    def end(self) -> None:
        self._wakeup.set()

    async def wait(self) -> None:
        await self._wakeup.wait()
        self._wakeup.clear()
        if self._wakeup_timer is not None:
            self._wakeup_timer.cancel()
            self._wakeup_timer = None


def _size(entry: OutboxEntry) -> int:
    match entry:
        case ToClient(text=text):
            return len(text)
        case BinaryFrame(frame=frame):
            return len(frame)
    return 0


def _is_acknowledged(entry: OutboxEntry, last_seq: int) -> bool:
    return isinstance(entry, MediaLegChanged | ReconnectRequested) or entry.seq <= last_seq
