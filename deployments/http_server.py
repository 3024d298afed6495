"""Limits for the HTTP servers that Ray starts: one in each replica with an ingress, one in each of Ray's own proxies.

Ray starts uvicorn with its defaults (messages of 16 MiB, compressed ones inflated to that) and has no option for them.
Its start is wrapped here and nowhere else.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

import uvicorn
from ray.serve._private import replica
from ray.serve._private.constants import RAY_SERVE_ENABLE_HA_PROXY
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from convonet.settings import Settings, get_settings
from convonet.web.client_address import ClientAddress, TrustedProxies
from deployments.limited_websocket import LimitedWebSocket

Start = Callable[..., Awaitable[tuple["asyncio.Task[None]", uvicorn.Server]]]

MESSAGE_OVERHEAD_BYTES = 65_536
"""What an utterance in one base64 message may have around it."""

PROXY_MODULE = "ray.serve._private.proxy"


def limit_replica_server() -> None:
    """Give the HTTP server of this process's replica its limits; harmless outside a replica."""
    _wrap_start_in(replica, login_limits=True)


def limit_proxy_server() -> list[Middleware]:
    """Give the HTTP server of this process's proxy its limits.

    Ray calls it by its name in RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH, in proxies and in replicas, and wants a list
    of middlewares. A proxy reads sockets for replicas that can't reach them, so login limits could not be lifted: its
    messages may be as large as an utterance from the beginning.
    """
    if (proxy := sys.modules.get(PROXY_MODULE)) is not None:
        _wrap_start_in(proxy, login_limits=False)
    return []


def _wrap_start_in(module: Any, *, login_limits: bool) -> None:
    if not hasattr(module.start_asgi_http_server, "__wrapped__"):
        module.start_asgi_http_server = limited(module.start_asgi_http_server, login_limits=login_limits)


def limited(start: Start, *, login_limits: bool) -> Start:
    """Ray's `start_asgi_http_server`, with what it lacks."""

    @wraps(start)
    async def start_limited(app: ASGIApp, *args: Any, **kwargs: Any) -> tuple[asyncio.Task[None], uvicorn.Server]:
        settings = get_settings()
        trusted = TrustedProxies(settings.server.trusted_proxies)
        app = ClientAddress(app, trusted, behind_haproxy=RAY_SERVE_ENABLE_HA_PROXY)
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
    config.proxy_headers = False  # `ClientAddress` knows of HAProxy, uvicorn would believe whoever is on this machine
