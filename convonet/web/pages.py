"""The built pages of ui/, and the headers that every answer carries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse

PAGES = Path(__file__).parents[2] / "ui" / "dist"
"""Their scripts and styles are below /assets, which the voice application serves."""


def policy_with(*, connect: Sequence[str] = ()) -> str:
    """The Content-Security-Policy of a page that may connect to another address besides its own."""
    allowed = " ".join(("'self'", *connect))
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; connect-src {allowed}; "
        "img-src 'self' data:; media-src 'self' blob:; worker-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


SECURITY_HEADERS = {
    "Content-Security-Policy": policy_with(),
    "Permissions-Policy": "microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page(name: str) -> FileResponse:
    """The page that ui/src/<name>/ was built into."""
    return FileResponse(PAGES / name / "index.html", headers={"Cache-Control": "no-cache"})


def add_security_headers(app: FastAPI) -> None:
    """Make every answer carry the same strict headers."""

    @app.middleware("http")
    async def add(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        for name, value in SECURITY_HEADERS.items():
            # a page may have said something of its own
            response.headers.setdefault(name, value)
        return response
