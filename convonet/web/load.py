"""How much an HTTP service has to do, counted around every request."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Load:
    """The counts of one process, filled by `LoadCounter`."""

    def __init__(self) -> None:
        self._at_work = 0
        self._requests = 0
        self._failed = 0

    def metrics(self) -> Mapping[str, float]:
        """Requests at work now, all so far, and those answered with a 5xx."""
        return {"at_work": self._at_work, "requests": self._requests, "failed": self._failed}

    def begin(self) -> None:
        """A request has come."""
        self._at_work += 1
        self._requests += 1

    def end(self, status: int) -> None:
        """It was answered; 500 stands for one that was not."""
        self._at_work -= 1
        self._failed += status >= 500


class LoadCounter:
    """ASGI middleware that counts into a `Load`."""

    def __init__(self, app: ASGIApp, load: Load) -> None:
        self._app = app
        self._load = load

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, and count requests."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._load.begin()
        try:
            await self._app(scope, receive, note)
        finally:
            self._load.end(status)
