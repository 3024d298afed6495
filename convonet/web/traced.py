"""Spans of an HTTP service's requests. A request may name the trace it belongs to, if its sender is known to us."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from convonet.tracing.spans import Span, span

UNTRACED = ("/health", "/ready")
"""Asked all the time, and nobody's work."""


def nobody(_: Request) -> bool:
    """For services that anyone may reach: whose trace a request belongs to is not the sender's word to say."""
    return False


class Traced:
    """ASGI middleware: a span for each request, below the sender's when `trusts` says so."""

    def __init__(self, app: ASGIApp, trusts: Callable[[Request], bool] = nobody) -> None:
        self._app = app
        self._trusts = trusts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["path"].endswith(UNTRACED):
            await self._app(scope, receive, send)
            return
        request, method = Request(scope), scope["method"]
        parent = request.headers.get("traceparent") if self._trusts(request) else None
        with span("http_request", kind="server", parent=parent, begins_trace=True, http_method=method) as serving:
            await self._app(scope, receive, _telling(serving, send))
            # known after the routing only; the path itself may hold the code of a reservation
            serving.set(http_route=getattr(scope.get("route"), "path", "none"))


def _telling(serving: Span, send: Send) -> Send:
    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start":
            serving.set(http_status=message["status"])
            if message["status"] >= 500:
                serving.status = "failed"
        await send(message)

    return tell
