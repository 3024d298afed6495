"""The built pages of ui/ and the security headers of every response, for all our HTTP services."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse

PAGES = Path(__file__).parents[2] / "ui" / "dist"
"""The voice application serves their scripts and styles below /assets."""


def policy_with(*, connect: Sequence[str] = ()) -> str:
    """Return the Content-Security-Policy of a page that may also connect to the addresses of `connect`."""
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
    """Return the page that was built from ui/src/<name>/."""
    return FileResponse(PAGES / name / "index.html", headers={"Cache-Control": "no-cache"})


def add_security_headers(app: FastAPI) -> None:
    """Add the security headers to every response."""

    @app.middleware("http")
    async def add(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        for name, value in SECURITY_HEADERS.items():
            # a page may have a policy of its own
            response.headers.setdefault(name, value)
        return response
