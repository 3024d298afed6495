"""Server-sent events, as both models' vendors stream them."""

from __future__ import annotations

from aiohttp import web

HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}


async def event_stream(request: web.Request) -> web.StreamResponse:
    """Begin an answer that is streamed."""
    response = web.StreamResponse(headers=HEADERS)
    await response.prepare(request)
    return response
