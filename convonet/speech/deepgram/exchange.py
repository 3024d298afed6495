"""One answer on one socket: sends and flushes its text, and tracks how much of it was spoken.

Deepgram synthesizes nothing before a flush, and allows 20 flushes a minute on a socket. So an answer is flushed after
its first sentence, which decides the time to first audio, and at its end. In between it is flushed only when the caller
is about to run out of audio and the rest is not written yet, as when a tool runs in the middle of an answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator

from convonet.speech.answers import AnswerText, WholeSamples
from convonet.speech.deepgram.speak_socket import SocketClosed, SpeakSocket
from convonet.speech.playout import BYTES_PER_S, CHUNK_BYTES, Playout

STALL_TIMEOUT_S = 1.0
"""A socket that owes audio and has sent none for this long is given up. First audio usually takes 0.1 to 0.3 s, and a
request must still have time before the second provider is called (`provider_pair.FALLBACK_DELAY_S`)."""

READ_DELAY_S = 0.01
"""Time for a busy event loop to read what has already arrived."""

FLUSH_AHEAD_S = 0.7
"""Text is flushed this long before the caller runs out of audio: time to first audio, plus their network."""

CHARACTERS_PER_S = 13.0
"""Rate of a slow voice, used until the voice's own rate is known."""

MIN_LEARNED_CHARACTERS = 20
"""Shorter texts are not measured: the pauses around them weigh too much."""

CERTAIN_SHARE = 0.9
"""Share of the estimated characters that counts as spoken: hearing a sentence twice is better than missing it."""


class SpeechRate:
    """Characters per byte of audio, measured on confirmed text. One per voice."""

    def __init__(self) -> None:
        self._characters_per_byte = CHARACTERS_PER_S / BYTES_PER_S

    def learn(self, characters: int, size: int) -> None:
        """Note that a text of `characters` was `size` bytes of audio."""
        if characters >= MIN_LEARNED_CHARACTERS and size:
            self._characters_per_byte = characters / size

    def characters_in(self, size: int) -> float:
        """Estimate, on the low side, how many characters are in `size` bytes of audio."""
        return size * self._characters_per_byte * CERTAIN_SHARE


class Exchange:
    """Speaks the text of one answer on a socket of its own.

    `sounded` counts the pieces that were spoken completely. When the socket fails within a piece, it is an estimate.
    """

    def __init__(
        self,
        socket: SpeakSocket,
        text: AnswerText,
        rate: SpeechRate,
        *,
        stall_s: float = STALL_TIMEOUT_S,
        refill_s: float = FLUSH_AHEAD_S,
    ) -> None:
        self.sounded = 0
        self._socket = socket
        self._text = text
        self._rate = rate
        self._stall_s = stall_s
        self._refill_s = refill_s
        self._sent = 0
        self._flushed = 0
        self._unconfirmed: deque[int] = deque()
        """For each flush that is not confirmed yet, the number of pieces sent before it."""
        self._flushed_at = 0.0
        self._playout = Playout()
        self._samples = WholeSamples()
        self._unconfirmed_bytes = 0

    @property
    def is_complete(self) -> bool:
        """True if everything that was sent is spoken and confirmed, so that the socket can be reused."""
        return self._has_ended and self._flushed == self._sent and not self._unconfirmed

    async def audio(self) -> AsyncGenerator[bytes, None]:
        """Yield the audio as it arrives. Raises `SocketClosed`."""
        self._socket.notify_on_input(self._text.changed)
        while not self.is_complete:
            self._text.changed.clear()
            await self._send_due()
            now = _now()
            if self._may_yield(now) and (pcm := self._take_audio()):
                yield pcm
            elif self._socket.take_confirmation():
                self._confirm()
            else:
                await self._wait_for_input(now)

    @property
    def _has_ended(self) -> bool:
        """True if no more text will be sent here: the answer is complete, or the socket's limit is reached."""
        return self._text.finished if self._sent == len(self._text.pieces) else not self._has_room

    @property
    def _has_room(self) -> bool:
        return self._socket.characters_left > len(self._text.pieces[self._sent])

    async def _send_due(self) -> None:
        while self._sent < len(self._text.pieces) and self._has_room:
            await self._socket.send_text(self._text.pieces[self._sent] + " ")
            self._sent += 1
        if self._flushed < self._sent and self._flush_is_due():
            if not self._socket.flushes_left:
                raise self._closed("no flush left")
            self._unconfirmed.append(self._sent)
            self._flushed = self._sent
            self._flushed_at = _now()
            await self._socket.flush()

    def _flush_is_due(self) -> bool:
        if self._flushed == 0 or self._has_ended:
            return True
        return (
            not self._unconfirmed and self._socket.flushes_left > 1 and _now() >= self._playout.until - self._refill_s
        )

    def _may_yield(self, now: float) -> bool:
        """True if the audio that has arrived need not wait for more."""
        socket = self._socket
        is_enough = socket.waiting_bytes >= CHUNK_BYTES or socket.has_confirmed or bool(socket.closed_reason)
        return is_enough or now >= self._playout.next_by

    def _take_audio(self) -> bytes:
        pcm = self._socket.take_audio(CHUNK_BYTES)
        self._unconfirmed_bytes += len(pcm)
        whole = self._samples.add(pcm)
        self._playout.add(whole)
        return whole

    def _confirm(self) -> None:
        if not self._unconfirmed:
            return
        until = self._unconfirmed.popleft()
        self._rate.learn(sum(map(len, self._text.pieces[self.sounded : until])), self._unconfirmed_bytes)
        self.sounded = until
        self._unconfirmed_bytes = 0
        self._samples = WholeSamples()

    async def _wait_for_input(self, now: float) -> None:
        """Wait for text or audio, or until one of them is overdue."""
        if self._socket.closed_reason:
            raise self._closed(self._socket.closed_reason)
        self._socket.wake_at = CHUNK_BYTES if now < self._playout.next_by else 1
        try:
            async with asyncio.timeout_at(min(self._deadlines(now), default=None)):
                await self._text.changed.wait()
        except TimeoutError:
            if self._unconfirmed and _now() >= self._stalls_at:
                # read first what arrived while the event loop was busy
                await asyncio.sleep(READ_DELAY_S)
                if _now() >= self._stalls_at:
                    raise self._closed(f"no sound in {self._stall_s:g} s") from None

    def _deadlines(self, now: float) -> Iterator[float]:
        if now < self._playout.next_by:
            yield self._playout.next_by
        if self._unconfirmed:
            yield self._stalls_at
        elif self._flushed < self._sent and self._socket.flushes_left > 1:
            yield self._playout.until - self._refill_s

    @property
    def _stalls_at(self) -> float:
        return max(self._flushed_at, self._socket.received_at) + self._stall_s

    def _closed(self, reason: str) -> SocketClosed:
        """Estimate how many pieces were spoken when the socket failed."""
        characters = self._rate.characters_in(self._unconfirmed_bytes)
        for piece in self._text.pieces[self.sounded : self._sent]:
            characters -= len(piece)
            if characters < 0:
                break
            self.sounded += 1
        return SocketClosed(reason)


def _now() -> float:
    return asyncio.get_running_loop().time()
