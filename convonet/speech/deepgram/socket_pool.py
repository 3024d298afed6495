"""The voice sockets of this process: opened ahead, lent to one answer at a time, never more than its share.

A socket is in one of four places: being opened, idle, lent, or being closed. Deepgram counts it in all four.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from convonet.core.background import BackgroundTasks
from convonet.core.errors import SpeechUnavailable
from convonet.speech.deepgram.api import Refusal
from convonet.speech.deepgram.speak_socket import SpeakSocket
from convonet.speech.text import MAX_CHARACTERS

log = structlog.get_logger(__name__)

IDLE_TIMEOUT_S = 50.0
"""An idle socket is closed after this long. Deepgram's newer voices close one after 60 s of silence."""

TAKE_TIMEOUT_S = 0.3
"""The first sentence waits this long for a socket that is being opened; a request of its own would take as long."""

REFUSAL_DELAY_S = 5.0
"""After a refused handshake none is tried for this long, unless the refusal says how long."""

ANNOUNCEMENT_TTL_S = 30.0
"""An answer whose first sentence has not come by now has no claim any more: a turn may take 30 s."""

MIN_SWEEP_DELAY_S = 0.1
"""Between two looks at the idle sockets, at least: timers have a clock of their own."""

FLUSHES_OF_AN_ANSWER = 3
"""After the first sentence, at the end, and once in between."""


class SpeakSocketPool:
    """A pool. `connect` opens a socket; it raises `Refusal` or `SpeechUnavailable`."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[SpeakSocket]],
        *,
        max_sockets: int,
        idle_s: float = IDLE_TIMEOUT_S,
        wait_s: float = TAKE_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._max_sockets = max_sockets
        self._idle_s = idle_s
        self._wait_s = wait_s
        self._clock = clock
        self._idle: deque[tuple[float, SpeakSocket]] = deque()
        """Since when; the one that was used last is last, and is taken first, so that those not needed grow old."""
        self._lent: set[SpeakSocket] = set()
        self._opening = self._closing = 0
        self._openers, self._closers = BackgroundTasks(), BackgroundTasks()
        self._announced: deque[float] = deque()
        self._waiting = 0
        self._changed = asyncio.Event()
        self._refused_until = float("-inf")
        self._sweeping: asyncio.TimerHandle | None = None

    def announce(self) -> None:
        """An answer begins: have a socket open by its first sentence. Returns at once."""
        self._announced.append(self._clock())
        self._provide()

    async def take(self) -> SpeakSocket | None:
        """A socket with room for an answer, to be given back; None when there is none in time."""
        if self._announced:
            self._announced.popleft()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_s):
                while (socket := self._pick()) is None:
                    self._provide()
                    if not self._opening and not self._closing:
                        return None
                    await self._changed.wait()
        except TimeoutError:
            return None
        finally:
            self._waiting -= 1
        self._lent.add(socket)
        return socket

    def give_back(self, socket: SpeakSocket, *, is_clean: bool) -> None:
        """The answer is over. A socket that is not clean still has text or sound of it, and is closed."""
        socket.notify_on_input(None)
        self._lent.discard(socket)
        if is_clean and not socket.closed_reason and not socket.is_old:
            self._idle.append((self._clock(), socket))
            self._sweep_later()
            self._tell()
        else:
            self._close(socket)

    async def close(self) -> None:
        """Close all sockets, also those that are lent."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._max_sockets = 0
        await self._openers.cancel_and_wait()
        for socket in [*self._lent, *(socket for _, socket in self._idle)]:
            self._close(socket)
        self._idle.clear()
        await self._closers.wait_all()

    def _pick(self) -> SpeakSocket | None:
        """The idle socket with room that was used last; those that were lost meanwhile go."""
        for since, socket in reversed(tuple(self._idle)):
            if socket.closed_reason or socket.is_old:
                self._idle.remove((since, socket))
                self._close(socket)
            elif _has_room(socket):
                self._idle.remove((since, socket))
                return socket
        return None

    def _provide(self) -> None:
        """Open as many sockets as are wanted and not on their way."""
        start = self._clock() - ANNOUNCEMENT_TTL_S
        while self._announced and self._announced[0] < start:
            self._announced.popleft()
        ready = sum(not socket.closed_reason and _has_room(socket) for _, socket in self._idle)
        wanted = self._waiting + len(self._announced) - ready - self._opening
        for _ in range(wanted):
            if self._clock() < self._refused_until:
                return
            if len(self._idle) + len(self._lent) + self._opening + self._closing >= self._max_sockets:
                self._replace_resting()
                return
            self._opening += 1
            self._openers.spawn(self._open())

    def _replace_resting(self) -> None:
        """All are open and none has room: make place for a fresh one instead of one that must rest."""
        for since, socket in self._idle:
            if not _has_room(socket):
                self._idle.remove((since, socket))
                self._close(socket)
                return

    async def _open(self) -> None:
        try:
            socket = await self._connect()
        except Refusal as error:
            self._refused_until = self._clock() + (error.retry_after_s or REFUSAL_DELAY_S)
            log.warning("speak_socket_refused", reason=str(error))
        except SpeechUnavailable as error:
            self._refused_until = self._clock() + REFUSAL_DELAY_S
            log.warning("speak_socket_not_opened", reason=str(error))
        else:
            self._idle.append((self._clock(), socket))
            self._sweep_later()
        finally:
            self._opening -= 1
            self._tell()

    def _close(self, socket: SpeakSocket) -> None:
        self._closing += 1
        self._closers.spawn(self._closed(socket))

    async def _closed(self, socket: SpeakSocket) -> None:
        try:
            await socket.close()
        finally:
            self._closing -= 1
            self._provide()
            self._tell()

    def _sweep_later(self) -> None:
        if self._sweeping is None and self._idle:
            oldest = self._idle[0][0] + self._idle_s - self._clock()
            self._sweeping = asyncio.get_running_loop().call_later(max(oldest, MIN_SWEEP_DELAY_S), self._sweep)

    def _sweep(self) -> None:
        """Close what nobody has used for long."""
        self._sweeping = None
        before = self._clock() - self._idle_s
        while self._idle and self._idle[0][0] <= before:
            self._close(self._idle.popleft()[1])
        self._sweep_later()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _has_room(socket: SpeakSocket) -> bool:
    return socket.flushes_left >= FLUSHES_OF_AN_ANSWER and socket.characters_left > MAX_CHARACTERS
