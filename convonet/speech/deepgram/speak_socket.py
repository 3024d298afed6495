"""One /v1/speak WebSocket: sends text and flushes within Deepgram's limits, receives audio and confirmations.

The SDK's own socket would offer permessage-deflate, and parses a `Cleared` as a `SpeakV1Flushed` (its unions are open).
So its models are used for sending only, and received messages are told apart by their `type`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable

import aiohttp
import structlog
from deepgram.speak.v1.types.speak_v1clear import SpeakV1Clear
from deepgram.speak.v1.types.speak_v1flush import SpeakV1Flush
from deepgram.speak.v1.types.speak_v1text import SpeakV1Text

log = structlog.get_logger(__name__)

MAX_FLUSHES = 20
MAX_CHARACTERS = 2_400
"""Deepgram's limits for one socket in one minute. It refuses the 21st flush with a warning, and closes a socket that
sends more text."""

WINDOW_S = 65.0
"""The minute of those limits, which starts when the text arrives at Deepgram: users saw 64 s."""

MAX_AGE_S = 3_000.0
"""A socket is replaced after this long; Deepgram closes it after an hour."""

_FLUSH = SpeakV1Flush(type="Flush").model_dump_json()
_CLEAR = SpeakV1Clear(type="Clear").model_dump_json()


class SocketClosed(Exception):
    """The socket can't be used any more. Text that was sent but not spoken has to be spoken another way."""


class Allowance:
    """Limits usage to `amount` in any `window_s` seconds."""

    def __init__(self, amount: int, window_s: float, clock: Callable[[], float]) -> None:
        self._left = amount
        self._window_s = window_s
        self._clock = clock
        self._used: deque[tuple[float, int]] = deque()

    @property
    def left(self) -> int:
        start = self._clock() - self._window_s
        while self._used and self._used[0][0] < start:
            self._left += self._used.popleft()[1]
        return self._left

    def use(self, amount: int) -> None:
        self._left -= amount
        self._used.append((self._clock(), amount))


class SpeakSocket:
    """An open socket. Received messages are queued until the answer that uses the socket takes them."""

    def __init__(
        self, connection: aiohttp.ClientWebSocketResponse, *, clock: Callable[[], float] | None = None
    ) -> None:
        self._clock = clock or asyncio.get_running_loop().time
        self.closed_reason = ""
        """Reason why the socket failed or was closed; empty while it works."""
        self.wake_at = 1
        """Bytes of audio at which the listener is woken. Everything else wakes it at once."""
        self.waiting_bytes = 0
        """Bytes of audio that were not taken yet."""
        self._inbox: deque[bytes | None] = deque()
        """Audio, and None for each confirmed flush."""
        self._confirmations = 0
        self.received_at = self._clock()
        """Time of the last message."""
        self._connection = connection
        self._opened_at = self._clock()
        self._flushes = Allowance(MAX_FLUSHES, WINDOW_S, self._clock)
        self._characters = Allowance(MAX_CHARACTERS, WINDOW_S, self._clock)
        self._listener: asyncio.Event | None = None
        self._reading = asyncio.create_task(self._read())

    @property
    def is_old(self) -> bool:
        return self._clock() - self._opened_at > MAX_AGE_S

    @property
    def flushes_left(self) -> int:
        return self._flushes.left

    @property
    def characters_left(self) -> int:
        return self._characters.left

    @property
    def has_confirmed(self) -> bool:
        """True if a confirmation is queued, perhaps behind audio."""
        return self._confirmations > 0

    def take_audio(self, max_bytes: int) -> bytes:
        """Take the audio up to the next confirmation, about `max_bytes` at most."""
        parts: list[bytes] = []
        size = 0
        while size < max_bytes and self._inbox and (pcm := self._inbox[0]) is not None:
            parts.append(pcm)
            size += len(pcm)
            self._inbox.popleft()
        self.waiting_bytes -= size
        return b"".join(parts)

    def take_confirmation(self) -> bool:
        """Take the next confirmation; returns False while there is none or audio comes before it."""
        if not self._inbox or self._inbox[0] is not None:
            return False
        self._inbox.popleft()
        self._confirmations -= 1
        return True

    def notify_on_input(self, listener: asyncio.Event | None) -> None:
        """Set this event whenever something arrives. With None everything that arrives is dropped."""
        self._listener = listener

    async def send_text(self, text: str) -> None:
        """Send text that the next flush will synthesize. Raises `SocketClosed`."""
        self._characters.use(len(text))
        await self._send(SpeakV1Text(text=text).model_dump_json())

    async def flush(self) -> None:
        """Have all sent text synthesized. The confirmation follows the last sample. Raises `SocketClosed`."""
        self._flushes.use(1)
        await self._send(_FLUSH)

    async def close(self) -> None:
        """Close the socket; what still arrives is dropped."""
        if not self.closed_reason:
            with contextlib.suppress(SocketClosed):
                # stops the synthesis at once instead of at the end of the closing handshake
                await self._send(_CLEAR)
        await self._connection.close()
        await self._reading

    async def _send(self, message: str) -> None:
        try:
            await self._connection.send_str(message)
        except (aiohttp.ClientError, ConnectionError) as error:
            raise SocketClosed(type(error).__name__) from error

    async def _read(self) -> None:
        try:
            async for message in self._connection:
                # what arrives without a listener belongs to no answer
                if self._listener is not None:
                    self.received_at = self._clock()
                    if self._store(message):
                        self._listener.set()
        except ValueError as error:
            self.closed_reason = f"not understood: {type(error).__name__}"
        self.closed_reason = self.closed_reason or f"closed with {self._connection.close_code}"
        if self._listener is not None:
            self._listener.set()

    def _store(self, message: aiohttp.WSMessage) -> bool:
        """Queue a message. Returns whether the listener must be woken: audio may be collected first."""
        if message.type is aiohttp.WSMsgType.BINARY:
            self._inbox.append(message.data)
            self.waiting_bytes += len(message.data)
            return self.waiting_bytes >= self.wake_at
        control = json.loads(message.data)
        match control.get("type"):
            case "Flushed":
                self._inbox.append(None)
                self._confirmations += 1
            case "Warning":
                # the SDK names it `code`, but the wire has `warn_code` (deepgram-python-sdk#653)
                code = str(control.get("code") or control.get("warn_code"))
                log.warning("speak_socket_warning", code=code)
                if code == "EXCESSIVE_FLUSH":
                    self.closed_reason = code
        return True
