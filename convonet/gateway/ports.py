"""What a relay needs from outside: a socket to the client, and the session hosts."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from convonet.errors import ConvonetError
from convonet.ids import SessionId
from convonet.sessions.messages import Attach, Command, Delivery, HostEvent


class ClientGone(Exception):
    """The client's socket is closed."""


class HostLost(ConvonetError):
    """The process that holds the session died, hangs, or can't be reached."""

    retryable = True
    spoken = "We lost your call for a moment and are trying to take it up again."


class ClientSocket(Protocol):
    """One WebSocket."""

    async def receive(self) -> str | bytes:
        """The next frame. Raises `ClientGone`."""
        ...

    async def send(self, text: str) -> None:
        """Send a text frame. Raises `ClientGone`."""
        ...

    async def send_audio(self, pcm: bytes) -> None:
        """Send a binary frame. Raises `ClientGone`."""
        ...

    def allow_large_messages(self) -> None:
        """The caller is known: lift the limits of `convonet.web.login_limits`."""
        ...

    async def close(self, code: int) -> None:
        """Close the socket; closing it twice does nothing."""
        ...


class SessionHosts(Protocol):
    """The session hosts, as one. `host` names the wanted replica; an unknown or empty one means any."""

    def attach(self, request: Attach, *, host: str) -> AsyncGenerator[HostEvent, None]:
        """Open the stream of one socket. Raises `HostLost` when it breaks."""
        ...

    async def deliver(self, session_id: SessionId, command: Command, *, host: str) -> Delivery:
        """Give a command. Raises `HostLost`."""
        ...
