"""One answer on one socket: when text is sent and flushed, and how far it has sounded.

Deepgram makes no sound before a flush, and allows 20 of them a minute on a socket. So an answer is flushed after its
first sentence, which decides how soon the caller hears something, and at its end. In between only when what was sent is
about to have been played and the rest is not written yet, as when a tool runs in the middle of an answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator

from convonet.speech.answers import AnswerText, WholeSamples
from convonet.speech.deepgram.speak_socket import SocketClosed, SpeakSocket
from convonet.speech.playout import BYTES_PER_S, CHUNK_BYTES, Playout

STALL_TIMEOUT_S = 1.0
"""A socket that owes sound and has sent none for this long is left. First sound usually comes after 0.1 to 0.3 s, and a
request must still have its time before the caller's patience ends (`fallback.FALLBACK_DELAY_S`)."""

READ_DELAY_S = 0.01
"""For the event loop to read what is there."""

FLUSH_AHEAD_S = 0.7
"""Unflushed text is flushed this long before the caller would hear nothing: time to first sound, and their network."""

CHARACTERS_PER_S = 13.0
"""How fast a slow voice speaks, until its own pace is known."""

MIN_LEARNED_CHARACTERS = 20
"""Characters; the pauses around a shorter text weigh too much."""

CERTAIN_SHARE = 0.9
"""Share of the estimated characters that count as sounded: a sentence heard twice is better than one not at all."""


class SpeechRate:
    """How many characters of the voice a byte of its sound is, learned from what it has confirmed. One per voice."""

    def __init__(self) -> None:
        self._characters_per_byte = CHARACTERS_PER_S / BYTES_PER_S

    def learn(self, characters: int, size: int) -> None:
        """A text of so many characters was that much sound."""
        if characters >= MIN_LEARNED_CHARACTERS and size:
            self._characters_per_byte = characters / size

    def characters_in(self, size: int) -> float:
        """How many characters surely are in that much sound."""
        return size * self._characters_per_byte * CERTAIN_SHARE


class Exchange:
    """Speaks the text of one answer on a socket that nobody else uses.

    `sounded` is how many pieces have wholly been spoken; when the socket is lost in the middle of some, by estimate.
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
        """Pieces that were sent before each flush whose confirmation is still to come."""
        self._asked_at = 0.0
        self._playout = Playout()
        self._samples = WholeSamples()
        self._unconfirmed_bytes = 0

    @property
    def is_complete(self) -> bool:
        """Whether all that this socket could take has sounded: it is as it was before."""
        return self._has_ended and self._flushed == self._sent and not self._unconfirmed

    async def sound(self) -> AsyncGenerator[bytes, None]:
        """The sound as it comes. Raises `SocketClosed`."""
        self._socket.notify_on_input(self._text.changed)
        while not self.is_complete:
            self._text.changed.clear()
            await self._send_due()
            now = _now()
            if self._may_leave(now) and (pcm := self._sound_that_came()):
                yield pcm
            elif self._socket.take_confirmation():
                self._confirm()
            else:
                await self._something(now)

    @property
    def _has_ended(self) -> bool:
        """Whether no more text comes here: there is none, or the socket may not be given any more."""
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
                raise self._lost("no flush left")
            self._unconfirmed.append(self._sent)
            self._flushed = self._sent
            self._asked_at = _now()
            await self._socket.flush()

    def _flush_is_due(self) -> bool:
        if self._flushed == 0 or self._has_ended:
            return True
        return (
            not self._unconfirmed and self._socket.flushes_left > 1 and _now() >= self._playout.until - self._refill_s
        )

    def _may_leave(self, now: float) -> bool:
        """Whether the sound that is there need not wait for more."""
        socket = self._socket
        is_enough = socket.waiting_bytes >= CHUNK_BYTES or socket.has_confirmed or bool(socket.closed_reason)
        return is_enough or now >= self._playout.next_by

    def _sound_that_came(self) -> bytes:
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

    async def _something(self, now: float) -> None:
        """Wait for text, sound, or the moment at which one of them has been missing for too long."""
        if self._socket.closed_reason:
            raise self._lost(self._socket.closed_reason)
        self._socket.wake_at = CHUNK_BYTES if now < self._playout.next_by else 1
        try:
            async with asyncio.timeout_at(min(self._deadlines(now), default=None)):
                await self._text.changed.wait()
        except TimeoutError:
            if self._unconfirmed and _now() >= self._stalls_at:
                # what arrived while the event loop was held up is read first
                await asyncio.sleep(READ_DELAY_S)
                if _now() >= self._stalls_at:
                    raise self._lost(f"no sound in {self._stall_s:g} s") from None

    def _deadlines(self, now: float) -> Iterator[float]:
        if now < self._playout.next_by:
            yield self._playout.next_by
        if self._unconfirmed:
            yield self._stalls_at
        elif self._flushed < self._sent and self._socket.flushes_left > 1:
            yield self._playout.until - self._refill_s

    @property
    def _stalls_at(self) -> float:
        return max(self._asked_at, self._socket.received_at) + self._stall_s

    def _lost(self, reason: str) -> SocketClosed:
        """Settle how far the answer has come."""
        characters = self._rate.characters_in(self._unconfirmed_bytes)
        for piece in self._text.pieces[self.sounded : self._sent]:
            characters -= len(piece)
            if characters < 0:
                break
            self.sounded += 1
        return SocketClosed(reason)


def _now() -> float:
    return asyncio.get_running_loop().time()
