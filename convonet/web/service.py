"""The FastAPI application that each of our HTTP services starts from."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from fastapi import FastAPI, Request, Response

from convonet.web.pages import add_security_headers
from convonet.web.refusals import Refused, add_refusal_handlers, refusal_response

MAX_BODY_BYTES = 65_536

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class Closeable(Protocol):
    """A resource that a service closes when it stops."""

    async def close(self) -> None: ...


def closing(*resources: Closeable) -> Lifespan:
    """Make the lifespan of a service that only closes its resources, in this order."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        yield
        for resource in resources:
            await resource.close()

    return lifespan


def http_service(title: str, lifespan: Lifespan) -> FastAPI:
    """Create an application with bounded bodies, security headers, `Refusal` errors and OpenAPI at /openapi.json."""
    app = FastAPI(title=title, docs_url=None, redoc_url=None, lifespan=lifespan)
    # there is no docs page, but Ray's dashboard links to this attribute
    app.docs_url = app.openapi_url
    add_refusal_handlers(app)
    _require_small_bodies(app)
    add_security_headers(app)
    return app


def _require_small_bodies(app: FastAPI) -> None:
    @app.middleware("http")
    async def require(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        length = request.headers.get("content-length", "0")
        if "transfer-encoding" in request.headers or not length.isdecimal() or int(length) > MAX_BODY_BYTES:
            message = f"The body must say its length, {MAX_BODY_BYTES} bytes at most."
            return refusal_response(Refused(413, "too_large", message))
        return await call_next(request)
