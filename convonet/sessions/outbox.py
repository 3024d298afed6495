"""What a session has said and its client may not have heard yet.

The session writes; the one socket attached to it reads from where its client left off. Entries stay until the
client has acknowledged them, so that a reconnect repeats exactly what was lost; bytes are bounded, oldest first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from convonet.sessions.messages import LineChanged, ToClient, UtteranceDone

OutboxEntry = ToClient | UtteranceDone | LineChanged

MAX_BYTES = 1_000_000
"""Two answers of half a minute as MP3 in base64; a client that far behind has lost the call anyway."""


class Outbox:
    """A bounded log of entries with one reader at a time: a new reader ends the one before."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._entries: deque[tuple[int, OutboxEntry]] = deque()
        self._written = 0
        self._bytes = 0
        self._max_bytes = max_bytes
        self._changed = asyncio.Event()
        self._reader = 0
        self._closed = False
        self.has_reader = False

    def write(self, entry: OutboxEntry) -> None:
        """Append an entry and wake the reader."""
        self._written += 1
        self._entries.append((self._written, entry))
        self._bytes += _size(entry)
        while self._bytes > self._max_bytes and len(self._entries) > 1:
            self._drop_oldest()
        self._changed.set()

    def acknowledge(self, last_seq: int) -> None:
        """Forget what the client has: every message up to `last_seq`, and what lies between."""
        while self._entries and _covered(self._entries[0][1], last_seq):
            self._drop_oldest()

    async def read(self, last_seq: int) -> AsyncGenerator[OutboxEntry, None]:
        """Yield every entry that a client with `last_seq` lacks, then each new one as it is written.

        Ends when another reader begins, or after `close` when all is read.
        """
        self._reader += 1
        me = self._reader
        self.has_reader = True
        self._changed.set()
        self.acknowledge(last_seq)
        position = 0
        try:
            while me == self._reader:
                self._changed.clear()
                for number, entry in tuple(self._entries):
                    if number > position:
                        position = number
                        yield entry
                if self._closed:
                    return
                await self._changed.wait()
        finally:
            if me == self._reader:
                self.has_reader = False

    def close(self) -> None:
        """Nothing more will be written."""
        self._closed = True
        self._changed.set()

    def __len__(self) -> int:
        return len(self._entries)

    def _drop_oldest(self) -> None:
        _, entry = self._entries.popleft()
        self._bytes -= _size(entry)


def _size(entry: OutboxEntry) -> int:
    return len(entry.text) if isinstance(entry, ToClient) else 0


def _covered(entry: OutboxEntry, last_seq: int) -> bool:
    return not isinstance(entry, ToClient) or entry.seq <= last_seq
