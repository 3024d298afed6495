"""The link between one socket and its session: found again, wherever the session lives, when its host is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from convonet.gateway.ports import HostLost, SessionHosts
from convonet.gateway.unfinished import Unfinished
from convonet.ids import SessionId, turn_id_of
from convonet.sessions.messages import (
    AnyUtterance,
    Attach,
    Attached,
    Command,
    Delivery,
    Ended,
    HostEvent,
    LineChanged,
    Refused,
    ResumeSession,
    Superseded,
    ToClient,
    UtteranceDone,
)
from convonet.telephony.messages import LineAddress

log = structlog.get_logger(__name__)

REATTACH_DELAYS_S = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0)
"""Waits before each try to find the session again: a killed host is replaced within about three seconds."""

ADMISSION_TIMEOUT_S = 10.0
"""PIN look-up, throttle and restore take milliseconds; a client must not wait for ever for a cluster in trouble."""

ATTACH_TIMEOUT_S = 6.0
"""From asking a host to its first word; a PIN check may wait 2 s for its throttle and 2 s for the database."""

FOUND_AGAIN_S = 10.0
"""How long a command waits for a session that is being looked for: all of `REATTACH_DELAYS_S` and a little."""

Verdict = Refused | Superseded | Ended


class Link:
    """One socket's way to its session.

    Utterances are kept until the session has done with them and are given again to whichever host takes it up.
    `follow` is the life of the link; it returns the verdict that ended it.
    """

    def __init__(
        self,
        hosts: SessionHosts,
        forward: Callable[[str], Awaitable[None]],
        on_line: Callable[[LineAddress | None], None],
    ) -> None:
        self._hosts = hosts
        self._forward = forward
        self._on_line = on_line
        self._host = ""
        self._last_seq = 0
        self._unfinished = Unfinished()
        self._attached = asyncio.Event()
        self._stream: asyncio.Task[Verdict | None] | None = None
        self.session_id = SessionId("")

    async def follow(self, request: Attach, *, host: str = "") -> Verdict:
        """Attach, pass on all that comes, and attach again when the session is lost. Raises `HostLost` at last."""
        try:
            return await self._follow(request, host)
        finally:
            self._unfinished.close()

    async def _follow(self, request: Attach, host: str) -> Verdict:
        self._host = host
        if isinstance(request, ResumeSession):
            self._last_seq = request.last_seq
        delays = iter(REATTACH_DELAYS_S)
        while True:
            verdict = await self._one_stream(request)
            if self._attached.is_set():
                delays = iter(REATTACH_DELAYS_S)
            else:
                # this host does not take it up: any other may
                self._host = ""
            self._attached.clear()
            if verdict is not None and not self._is_worth_a_retry(verdict):
                return verdict
            delay = next(delays, None)
            if delay is None:
                if verdict is not None:
                    return verdict
                raise HostLost("no host takes the session up")
            await asyncio.sleep(delay)
            if self.session_id:
                request = ResumeSession(self.session_id, self._last_seq)

    async def admitted(self) -> None:
        """Wait until the session is attached."""
        await self._attached.wait()

    async def say(self, utterance: AnyUtterance) -> bool:
        """Give the session an utterance; it is kept until done. False when the session takes no more now."""
        utterance = self._unfinished.add(utterance, self.session_id)
        if not self._attached.is_set():
            return True  # it is given as soon as the session is found again
        turn_id = turn_id_of(self.session_id, utterance.utterance_id)
        with structlog.contextvars.bound_contextvars(turn_id=turn_id):
            answer = await self._try_to_deliver(utterance)
        if answer is Delivery.FULL:
            self._unfinished.done(utterance.utterance_id, "failed")
        return answer is not Delivery.FULL

    async def tell(self, command: Command) -> bool:
        """Give the session a command. False when it takes no more now. Raises `HostLost`."""
        try:
            async with asyncio.timeout(FOUND_AGAIN_S):
                while True:
                    await self._attached.wait()
                    answer = await self._try_to_deliver(command)
                    if answer is not Delivery.NOT_HERE:
                        return answer is Delivery.ACCEPTED
        except TimeoutError:
            raise HostLost("the session did not come back in time") from None

    async def _try_to_deliver(self, command: Command) -> Delivery:
        """Deliver to where the session was attached last; when it is not there, have `follow` look for it."""
        stream = self._stream
        try:
            answer = await self._hosts.deliver(self.session_id, command, host=self._host)
        except HostLost as error:
            log.warning("delivery_failed", session_id=self.session_id, error=str(error))
            answer = Delivery.NOT_HERE
        if answer is Delivery.NOT_HERE and stream is not None and stream is self._stream:
            # a host that stops keeps its streams open for a while, one that hangs for ever
            self._attached.clear()
            stream.cancel()
        return answer

    async def _one_stream(self, request: Attach) -> Verdict | None:
        """Pass on what one attachment brings; None when it broke."""
        self._stream = asyncio.create_task(self._pass_on(request))
        try:
            return await self._stream
        except HostLost as error:
            log.warning("session_host_lost", session_id=self.session_id, error=str(error))
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
        return None

    async def _pass_on(self, request: Attach) -> Verdict | None:
        try:
            async with (
                asyncio.timeout(ATTACH_TIMEOUT_S) as until_first,
                contextlib.aclosing(self._hosts.attach(request, host=self._host)) as events,
            ):
                async for event in events:
                    until_first.reschedule(None)
                    if (verdict := await self._take(event)) is not None:
                        return verdict
        except TimeoutError:
            raise HostLost("the host does not answer") from None
        return None

    async def _take(self, event: HostEvent) -> Verdict | None:
        match event:
            case Attached(session_id, host):
                log.info("session_attached", session_id=session_id, host=host)
                self.session_id, self._host = session_id, host
                # before the loop: what is said while it waits is delivered by `say` itself
                self._attached.set()
                for utterance in self._unfinished.again():
                    if await self._hosts.deliver(session_id, utterance, host=host) is Delivery.NOT_HERE:
                        raise HostLost("the session left at once")
            case ToClient(seq, text):
                await self._forward(text)
                self._last_seq = max(self._last_seq, seq)
            case UtteranceDone(utterance_id, status):
                self._unfinished.done(utterance_id, status)
            case LineChanged(line):
                self._on_line(line)
            case Refused() | Superseded() | Ended():
                return event
        return None

    def _is_worth_a_retry(self, verdict: Verdict) -> bool:
        """Whether a call that was going on may still be saved: its store hiccupped, or one host is full."""
        return bool(self.session_id) and isinstance(verdict, Refused) and verdict.retryable
