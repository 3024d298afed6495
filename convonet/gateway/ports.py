"""The ports of a caller's connection, implemented by the voice deployment and the session registry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Protocol

from convonet.core.ids import SessionId
from convonet.gateway.recording import Recording
from convonet.protocol.server import AuthOk
from convonet.sessions.messages import Command, Credentials, Outgoing, Preferences


class ClientDisconnected(Exception):
    """The client's socket was closed."""


class ClientSocket(Protocol):
    """The WebSocket of one client."""

    async def receive(self) -> str | bytes:
        """Wait for the next frame. Raises `ClientDisconnected`."""
        ...

    async def send(self, text: str) -> None:
        """Send a text frame. Raises `ClientDisconnected`."""
        ...

    async def send_audio(self, frame: bytes) -> None:
        """Send a binary frame. Raises `ClientDisconnected`."""
        ...

    def allow_large_messages(self) -> None:
        """Lift the limits of `convonet.web.login_limits`, after login."""
        ...

    async def close(self, code: int) -> None:
        """Close the socket; a second call does nothing."""
        ...


class CallerSession(Protocol):
    """One caller's session, as their connection uses it."""

    session_id: SessionId
    recording: Recording | None
    """The utterance that is being recorded; it outlives the socket."""

    def post(self, command: Command) -> None:
        """Queue a command. Raises `ProtocolError` busy when the queue is full."""
        ...

    def acknowledge(self, last_seq: int) -> None:
        """Note that the client has received everything up to `last_seq`."""
        ...

    def attach(self, last_seq: int) -> AsyncGenerator[Outgoing, None]:
        """Yield the output that a client with `last_seq` lacks, then all that follows.

        The last entry is `Ended` or `Superseded`. Closing the generator detaches the socket; the session goes on.
        Raises `SlowReader`.
        """
        ...

    def auth_ok(self, *, resumed: bool) -> AuthOk:
        """Build the message that tells the client that it is logged in."""
        ...

    def move(self, within_s: float, *, with_talks: bool) -> asyncio.Future[None]:
        """Ask the client to reconnect at the next silence, or after `within_s` seconds.

        The future is done when the socket is closed. A talk with a human goes on to its end unless `with_talks` is set.
        """
        ...


class Sessions(Protocol):
    """The sessions of this process. Both methods raise a `ConvonetError` for a caller who is refused."""

    async def open(self, credentials: Credentials, preferences: Preferences) -> CallerSession:
        """Create a session for the caller with these credentials."""
        ...

    async def resume(self, session_id: SessionId, last_seq: int, preferences: Preferences) -> CallerSession:
        """Resume a session of this or another process. The resume token was checked already."""
        ...
