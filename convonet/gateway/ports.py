"""What a caller's connection needs from outside: a socket to the client, and the sessions of this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Protocol

from convonet.core.ids import SessionId
from convonet.gateway.recording import Recording
from convonet.protocol.server import AuthOk
from convonet.sessions.messages import Command, Credentials, Outgoing, Preferences


class ClientDisconnected(Exception):
    """The client's socket is closed."""


class ClientSocket(Protocol):
    """One WebSocket."""

    async def receive(self) -> str | bytes:
        """The next frame. Raises `ClientDisconnected`."""
        ...

    async def send(self, text: str) -> None:
        """Send a text frame. Raises `ClientDisconnected`."""
        ...

    async def send_audio(self, frame: bytes) -> None:
        """Send a binary frame. Raises `ClientDisconnected`."""
        ...

    def allow_large_messages(self) -> None:
        """The caller is known: lift the limits of `convonet.web.login_limits`."""
        ...

    async def close(self, code: int) -> None:
        """Close the socket; closing it twice does nothing."""
        ...


class CallerSession(Protocol):
    """One caller's session, as their connection uses it."""

    session_id: SessionId
    recording: Recording | None
    """The utterance that is being recorded; it outlives a lost socket."""

    def post(self, command: Command) -> None:
        """Give a command. Raises `ProtocolError` busy when the session takes no more now."""
        ...

    def acknowledge(self, last_seq: int) -> None:
        """The client has everything up to `last_seq`."""
        ...

    def attach(self, last_seq: int) -> AsyncGenerator[Outgoing, None]:
        """Everything that a client with `last_seq` lacks, then all that comes; the last is `Ended` or `Superseded`.

        Raises `SlowReader`. Closing the generator detaches the socket and leaves the session.
        """
        ...

    def auth_ok(self, *, resumed: bool) -> AuthOk:
        """What the client is told when it is let in."""
        ...

    def move(self, within_s: float, *, with_talks: bool) -> asyncio.Future[None]:
        """Let the caller connect anew at the next silence, after so many seconds in any case.

        A talk with a human goes on to its end, unless `with_talks`. Done when the socket has gone.
        """
        ...


class Sessions(Protocol):
    """The sessions of this process. Both methods raise a `ConvonetError` for a caller who is not let in."""

    async def open(self, credentials: Credentials, preferences: Preferences) -> CallerSession:
        """Create a session for whoever these credentials belong to."""
        ...

    async def resume(self, session_id: SessionId, last_seq: int, preferences: Preferences) -> CallerSession:
        """Take up a session again, wherever it has lived until now. The right to it was checked."""
        ...
