"""Request counts of an HTTP service, for health reports and autoscaling."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Load:
    """Request counts of one process, filled by `LoadCounter`."""

    def __init__(self) -> None:
        self._at_work = 0
        self._requests = 0
        self._failed = 0

    def gauges(self) -> Mapping[str, float]:
        """Return the numbers of requests in progress, of all so far, and of those answered with a 5xx."""
        return {"at_work": self._at_work, "requests": self._requests, "failed": self._failed}

    def request_began(self) -> None:
        self._at_work += 1
        self._requests += 1

    def request_ended(self, status: int) -> None:
        """Count an answer; a request without one counts as 500."""
        self._at_work -= 1
        self._failed += status >= 500


class LoadCounter:
    """ASGI middleware that counts requests in a `Load`."""

    def __init__(self, app: ASGIApp, load: Load) -> None:
        self._app = app
        self._load = load

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the request around the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._load.request_began()
        try:
            await self._app(scope, receive, send_counted)
        finally:
            self._load.request_ended(status)
