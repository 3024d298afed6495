"""This process's pool of TTS WebSockets: opened in advance, lent to one answer at a time, limited in number.

A socket is opening, idle, lent or closing. Deepgram counts it against the project's limit in all four states.
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
"""An idle socket is closed after this long; Deepgram's newer voices close it after 60 s."""

TAKE_TIMEOUT_S = 0.3
"""The first sentence waits this long for a socket that is opening; a request of its own would take as long."""

REFUSAL_DELAY_S = 5.0
"""After a refused handshake none is tried for this long, unless the refusal has a `Retry-After`."""

ANNOUNCEMENT_TTL_S = 30.0
"""An announced answer without a first sentence after this long no longer counts: a turn may take 30 s."""

MIN_SWEEP_DELAY_S = 0.1
"""Minimum delay between two sweeps: the loop's timers and `clock` may differ."""

FLUSHES_OF_AN_ANSWER = 3
"""Flushes that an answer needs: after the first sentence, at the end, and once in between."""


class SpeakSocketPool:
    """A pool of sockets that `connect` opens; it raises `Refusal` or `SpeechUnavailable`."""

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
        """Idle sockets, each with its time of return. The last one is taken first, so that surplus ones expire."""
        self._lent: set[SpeakSocket] = set()
        self._opening = self._closing = 0
        self._openers, self._closers = BackgroundTasks(), BackgroundTasks()
        self._announced: deque[float] = deque()
        self._waiting = 0
        self._changed = asyncio.Event()
        self._refused_until = float("-inf")
        self._sweeping: asyncio.TimerHandle | None = None

    def announce(self) -> None:
        """Prepare a socket for an answer that has begun. Returns at once."""
        self._announced.append(self._clock())
        self._open_needed()

    async def take(self) -> SpeakSocket | None:
        """Lend a socket with room for an answer; return None when there is none in time. `give_back` returns it."""
        if self._announced:
            self._announced.popleft()
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_s):
                while (socket := self._pick()) is None:
                    self._open_needed()
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
        """Return a socket after its answer. It is closed unless `is_clean`: all its text was spoken."""
        socket.notify_on_input(None)
        self._lent.discard(socket)
        if is_clean and not socket.closed_reason and not socket.is_old:
            self._idle.append((self._clock(), socket))
            self._schedule_sweep()
            self._wake_waiting()
        else:
            self._close(socket)

    async def close(self) -> None:
        """Close all sockets, including those that are lent."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        self._max_sockets = 0
        await self._openers.cancel_and_wait()
        for socket in [*self._lent, *(socket for _, socket in self._idle)]:
            self._close(socket)
        self._idle.clear()
        await self._closers.wait_all()

    def _pick(self) -> SpeakSocket | None:
        """Pick the idle socket with room that was used last; close idle sockets that have failed."""
        for since, socket in reversed(tuple(self._idle)):
            if socket.closed_reason or socket.is_old:
                self._idle.remove((since, socket))
                self._close(socket)
            elif _has_room(socket):
                self._idle.remove((since, socket))
                return socket
        return None

    def _open_needed(self) -> None:
        """Open as many sockets as are needed and not yet opening."""
        start = self._clock() - ANNOUNCEMENT_TTL_S
        while self._announced and self._announced[0] < start:
            self._announced.popleft()
        ready = sum(not socket.closed_reason and _has_room(socket) for _, socket in self._idle)
        wanted = self._waiting + len(self._announced) - ready - self._opening
        for _ in range(wanted):
            if self._clock() < self._refused_until:
                return
            if len(self._idle) + len(self._lent) + self._opening + self._closing >= self._max_sockets:
                self._replace_exhausted()
                return
            self._opening += 1
            self._openers.spawn(self._open())

    def _replace_exhausted(self) -> None:
        """Close one socket that has used up its limits, to make room for a new one."""
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
            self._schedule_sweep()
        finally:
            self._opening -= 1
            self._wake_waiting()

    def _close(self, socket: SpeakSocket) -> None:
        self._closing += 1
        self._closers.spawn(self._close_and_replace(socket))

    async def _close_and_replace(self, socket: SpeakSocket) -> None:
        try:
            await socket.close()
        finally:
            self._closing -= 1
            self._open_needed()
            self._wake_waiting()

    def _schedule_sweep(self) -> None:
        if self._sweeping is None and self._idle:
            oldest = self._idle[0][0] + self._idle_s - self._clock()
            self._sweeping = asyncio.get_running_loop().call_later(max(oldest, MIN_SWEEP_DELAY_S), self._sweep)

    def _sweep(self) -> None:
        """Close the sockets that were idle for too long."""
        self._sweeping = None
        before = self._clock() - self._idle_s
        while self._idle and self._idle[0][0] <= before:
            self._close(self._idle.popleft()[1])
        self._schedule_sweep()

    def _wake_waiting(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _has_room(socket: SpeakSocket) -> bool:
    return socket.flushes_left >= FLUSHES_OF_AN_ANSWER and socket.characters_left > MAX_CHARACTERS
