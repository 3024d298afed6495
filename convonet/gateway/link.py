"""The link between one socket and its session: found again, wherever the session lives, when its host is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from convonet.gateway.ports import HostLost, SessionHosts
from convonet.ids import SessionId
from convonet.sessions.messages import (
    AnyUtterance,
    Attach,
    Attached,
    Command,
    Ended,
    HostEvent,
    Refused,
    ResumeSession,
    Superseded,
    ToClient,
    UtteranceDone,
)

log = structlog.get_logger(__name__)

REATTACH_DELAYS_S = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0)
"""Waits before each try to find the session again: a killed host is replaced within about three seconds."""

ADMISSION_TIMEOUT_S = 10.0
"""PIN look-up, throttle and restore take milliseconds; a client must not wait for ever for a cluster in trouble."""

Verdict = Refused | Superseded | Ended


class Link:
    """One socket's way to its session.

    Utterances are kept until their turn is checkpointed and are given again to whichever host takes the session up.
    `follow` is the life of the link; it returns the verdict that ended it.
    """

    def __init__(self, hosts: SessionHosts, forward: Callable[[str], Awaitable[None]]) -> None:
        self._hosts = hosts
        self._forward = forward
        self._host = ""
        self._last_seq = 0
        self._unfinished: dict[str, AnyUtterance] = {}
        self._attached = asyncio.Event()
        self.session_id = SessionId("")

    async def follow(self, request: Attach, *, host: str = "") -> Verdict:
        """Attach, pass on all that comes, and attach again when the host is lost. Raises `HostLost` at last."""
        self._host = host
        if isinstance(request, ResumeSession):
            self._last_seq = request.last_seq
        delays = iter(REATTACH_DELAYS_S)
        while True:
            try:
                async with contextlib.aclosing(self._hosts.attach(request, host=self._host)) as events:
                    async for event in events:
                        if isinstance(event, Attached):
                            delays = iter(REATTACH_DELAYS_S)
                        if (verdict := await self._take(event)) is not None:
                            return verdict
            except HostLost as error:
                log.warning("session_host_lost", session_id=self.session_id, error=str(error))
            self._attached.clear()
            delay = next(delays, None)
            if delay is None:
                raise HostLost("no host takes the session up")
            await asyncio.sleep(delay)
            if self.session_id:
                request = ResumeSession(self.session_id, self._last_seq)

    async def admitted(self) -> None:
        """Wait until the session is attached."""
        await self._attached.wait()

    async def say(self, utterance: AnyUtterance) -> bool:
        """Give the session an utterance; it is kept until done. False when the session takes no more now."""
        self._unfinished[utterance.utterance_id] = utterance
        accepted = await self._deliver(utterance)
        if not accepted:
            self._unfinished.pop(utterance.utterance_id, None)
        return accepted

    async def tell(self, command: Command) -> bool:
        """Give the session a command. False when it takes no more now."""
        return await self._deliver(command)

    async def _deliver(self, command: Command) -> bool:
        try:
            return await self._hosts.deliver(self.session_id, command, host=self._host)
        except HostLost:
            # `follow` notices as well and gives unfinished utterances again; only a bare command would be lost
            if isinstance(command, AnyUtterance):
                return True
            await self._attached_again()
            return await self._hosts.deliver(self.session_id, command, host=self._host)

    async def _attached_again(self) -> None:
        self._attached.clear()
        try:
            async with asyncio.timeout(ADMISSION_TIMEOUT_S):
                await self._attached.wait()
        except TimeoutError:
            raise HostLost("the session did not come back in time") from None

    async def _take(self, event: HostEvent) -> Verdict | None:
        match event:
            case Attached(session_id, host):
                log.info("session_attached", session_id=session_id, host=host)
                self.session_id, self._host = session_id, host
                self._attached.set()
                for utterance in tuple(self._unfinished.values()):
                    await self._hosts.deliver(session_id, utterance, host=host)
            case ToClient(seq, text):
                await self._forward(text)
                self._last_seq = max(self._last_seq, seq)
            case UtteranceDone(utterance_id):
                self._unfinished.pop(utterance_id, None)
            case Refused() | Superseded() | Ended():
                return event
        return None
