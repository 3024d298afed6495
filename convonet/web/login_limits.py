"""Limits on WebSockets whose sender has not logged in yet.

`deployments.limited_websocket` enforces them below the application, before a message takes memory. The application
lifts them once the sender is known (by PIN, login or signature).
"""

from __future__ import annotations

from starlette.websockets import WebSocket

MAX_LOGIN_BYTES = 4_096
"""Largest message. `authenticate` with a resume token has about 700 bytes."""

LOGIN_MESSAGES_PER_S = 3
"""Nobody types a PIN faster, and a page logs in with one message."""

BURST_S = 4
"""Burst of a socket before and after login: a browser that was frozen sends its slices at once."""

EXTENSION = "convonet.login_limits"
"""Key in the ASGI scope's `extensions`; absent behind Ray's own proxy."""


def lift_login_limits(websocket: WebSocket) -> None:
    """Apply only the general limits from now on: the sender is known."""
    extension = websocket.scope.get("extensions", {}).get(EXTENSION)
    if extension is not None:
        extension["lift"]()
