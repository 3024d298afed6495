"""Spans of an HTTP service's requests, as children of the sender's trace when the sender is trusted."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from convonet.tracing.spans import Span, span

UNTRACED = ("/health", "/ready")
"""Health checks come all the time and belong to no trace."""


def trust_nobody(_: Request) -> bool:
    """Ignore the trace of every request, for services that anyone may reach."""
    return False


class TracingMiddleware:
    """ASGI middleware that opens a span per request, a child of the sender's when `trusts` accepts the request."""

    def __init__(self, app: ASGIApp, trusts: Callable[[Request], bool] = trust_nobody) -> None:
        self._app = app
        self._trusts = trusts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application within a span."""
        if scope["type"] != "http" or scope["path"].endswith(UNTRACED):
            await self._app(scope, receive, send)
            return
        request, method = Request(scope), scope["method"]
        parent = request.headers.get("traceparent") if self._trusts(request) else None
        with span("http_request", kind="server", parent=parent, begins_trace=True, http_method=method) as request_span:
            await self._app(scope, receive, _recording_status(request_span, send))
            # known only after the routing; the path itself may hold the code of a reservation
            request_span.set(http_route=getattr(scope.get("route"), "path", "none"))


def _recording_status(request_span: Span, send: Send) -> Send:
    async def send_recorded(message: Message) -> None:
        if message["type"] == "http.response.start":
            request_span.set(http_status=message["status"])
            if message["status"] >= 500:
                request_span.status = "failed"
        await send(message)

    return send_recorded
