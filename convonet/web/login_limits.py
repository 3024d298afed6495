"""What a WebSocket may send before it is known whose it is, and how that limit is lifted.

`deployments.limited_websocket` holds every socket to it, below the application, before a message takes memory. A socket
whose sender is known (by PIN, by login, by signature) is freed by `lift_login_limits`.
"""

from __future__ import annotations

from starlette.websockets import WebSocket

MAX_LOGIN_BYTES = 4_096
"""Of one message. `authenticate` with a resume token has about 700."""

LOGIN_MESSAGES_PER_S = 3
"""With a burst of four seconds' worth: nobody types a PIN faster, and a page sends one message to log in."""

EXTENSION = "convonet.login_limits"
"""In the ASGI scope's `extensions`; absent where Ray's own proxy stands between client and replica."""


def lift_login_limits(websocket: WebSocket) -> None:
    """The sender is known: from now on the general limits hold."""
    extension = websocket.scope.get("extensions", {}).get(EXTENSION)
    if extension is not None:
        extension["lift"]()
