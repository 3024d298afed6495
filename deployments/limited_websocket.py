"""uvicorn's WebSocket protocol, with limits that hold before a message takes memory or reaches the application.

`deployments/http_server.py` gives it to each replica's server. A socket starts under the limits of
`convonet.web.login_limits`, and is closed when it exceeds them.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

from convonet.web.login_limits import BURST_S, EXTENSION, LOGIN_MESSAGES_PER_S, MAX_LOGIN_BYTES
from convonet.web.rate_limit import TokenBucket
from deployments.ray_compat import own_receive_header

MAX_FRAGMENTS = 1_024
"""Maximum frames of one message. Chromium sends our largest message in about fifty. An empty frame costs the sender
6 bytes and us 60."""


class LimitedWebSocket(WebSocketsSansIOProtocol):
    """One connection. The configuration's `ws_max_size` holds once the login limits are lifted."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_logged_in = False
        self._rate = TokenBucket(LOGIN_MESSAGES_PER_S, LOGIN_MESSAGES_PER_S * BURST_S, self.loop.time)
        self._fragments = 0
        self.conn.max_message_size = min(MAX_LOGIN_BYTES, self.config.ws_max_size)

    def _lift_login_limits(self) -> None:
        self._is_logged_in = True
        self.conn.max_message_size = self.config.ws_max_size

    def handle_connect(self, event: Request) -> None:
        """Give the application the function that lifts the limits."""
        super().handle_connect(event)
        if self.response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return
        self.scope["extensions"][EXTENSION] = {"lift": self._lift_login_limits}
        # with it uvicorn reads only after a message was taken, a message passes one queue and one task less, and the
        # application is told of the socket's end instead of being cancelled
        if (header := own_receive_header()) is not None:
            self.scope["headers"] = [*self.scope["headers"], header]

    def handle_text(self, event: Frame) -> None:
        """Start a message."""
        if self._may_start_message():
            super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        """Start a message."""
        if self._may_start_message():
            super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        """Continue a message; the library `websockets` limits its bytes."""
        self._fragments += 1
        if self._is_logged_in or self._is_within_rate():
            if self._fragments < MAX_FRAGMENTS:
                super().handle_cont(event)
            else:
                self._close("too many fragments")

    def handle_ping(self) -> None:
        """Answer a ping. Pings always have the rate limit of messages before login."""
        if self._is_within_rate():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """Accept a pong, within the same rate limit."""
        if self._is_within_rate():
            super().handle_pong(event)

    def handle_parser_exception(self) -> None:
        """Close a socket whose bytes are invalid or too many; before the handshake there is no close frame."""
        if self.conn.close_sent is None:
            self.transport.close()
        else:
            super().handle_parser_exception()

    def _may_start_message(self) -> bool:
        self._fragments = 0
        return self._is_logged_in or self._is_within_rate()

    def _is_within_rate(self) -> bool:
        if self.close_sent:
            return False
        if not self._rate.take():
            self._close("too many messages")
            return False
        return True

    def _close(self, reason: str) -> None:
        self.conn.fail(CloseCode.POLICY_VIOLATION, reason)
        self.handle_parser_exception()
