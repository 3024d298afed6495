"""Limits and pace of the HTTP servers that Ray starts: one in each replica with an ingress, one in each of its proxies.

Ray starts uvicorn with its defaults (messages of 16 MiB, compressed ones inflated to that, ten ticks a second) and has
no option for them. `deployments/__init__.py` sets them in replicas; Ray calls `limit_proxy_server` in its proxies.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import uvicorn
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from convonet.settings import Settings, get_settings
from convonet.web.client_address import ClientAddress, TrustedProxies
from deployments.limited_websocket import LimitedWebSocket
from deployments.ray_compat import StartHttpServer, has_haproxy, wrap_http_server_start

MESSAGE_OVERHEAD_BYTES = 65_536
"""Maximum bytes of a message besides its base64 utterance."""

TICK_S = 1.0
"""uvicorn's own ten ticks a second cost each replica 1 ms of CPU a second. A tick only sets the clock of the `Date`
header, and checks whether the server must stop."""


def limit_replica_server() -> None:
    """Give the HTTP server of this process's replica its limits."""
    wrap_http_server_start("replica", partial(limited, login_limits=True))


def limit_proxy_server() -> list[Middleware]:
    """Give the HTTP server of this process's proxy its limits; do nothing in a replica.

    Ray calls it by its name in RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH, in proxies and in replicas. A proxy reads
    sockets on behalf of replicas, which could not lift login limits there. So its messages may be as large as an
    utterance from the beginning.

    Returns:
        The middlewares that Ray is to add: none.
    """
    wrap_http_server_start("proxy", partial(limited, login_limits=False))
    return []


def limited(start: StartHttpServer, *, login_limits: bool) -> StartHttpServer:
    """Add our limits and the clients' addresses to Ray's `start_asgi_http_server`."""

    async def start_limited(app: ASGIApp, *args: Any, **kwargs: Any) -> tuple[asyncio.Task[None], uvicorn.Server]:
        settings = get_settings()
        trusted = TrustedProxies(settings.server.trusted_proxies)
        app = ClientAddress(app, trusted, behind_haproxy=has_haproxy())
        task, server = await start(app, *args, **kwargs)
        # the task has not run yet: nothing was awaited since it was made
        _set_limits(server.config, settings, login_limits=login_limits)
        return task, server

    return start_limited


def _set_limits(config: uvicorn.Config, settings: Settings, *, login_limits: bool) -> None:
    if config.loaded:
        raise RuntimeError("uvicorn has read its configuration already: the limits would not hold")
    if login_limits:
        config.ws = LimitedWebSocket
    config.ws_max_size = settings.limits.max_utterance_bytes * 4 // 3 + MESSAGE_OVERHEAD_BYTES
    config.ws_per_message_deflate = False
    config.proxy_headers = False  # `ClientAddress` knows of HAProxy; uvicorn would trust anybody on this machine


def tick_once_a_second() -> None:
    """Slow down the HTTP servers that this process starts from now on."""
    uvicorn.Server.main_loop = _main_loop  # type: ignore[assignment, method-assign]


async def _main_loop(server: uvicorn.Server) -> None:
    # tick number 0 sets the clock
    while not await server.on_tick(0):  # noqa: ASYNC110 -- uvicorn sets an attribute
        await asyncio.sleep(TICK_S)
