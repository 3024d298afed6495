"""The agent's client of external tool servers, at the address of CONVONET_TOOLS_URL.

Each call carries its caller's token: the SDK sends a request in the context of its call, so a context variable reaches
the HTTP layer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    CallToolResult,
    RequestParamsMeta,
    Tool,
)

from convonet.auth.tokens import CallerClaims, mint_caller_token
from convonet.core.errors import SettingsError, ToolsUnavailable
from convonet.core.trace import current_traceparent
from convonet.mcp.port import ANONYMOUS
from convonet.mcp.server import IDEMPOTENCY_KEY
from convonet.settings import Settings

T = TypeVar("T")

_claims: ContextVar[CallerClaims] = ContextVar("caller_claims")

MAX_CONNECTIONS = 50
"""HTTP connections per server and process; a call needs one for a few milliseconds."""


class HttpToolServers:
    """`ToolServers` over streamable HTTP; a domain's server is at `<base_url>/<domain>`. `close` it at the end."""

    def __init__(self, base_url: str, *, secret: bytes, timeout_s: float) -> None:
        self._base_url = base_url.rstrip("/")
        self._secret = secret
        self._timeout_s = timeout_s
        self._connections: dict[str, _Connection] = {}

    async def list_tools(self, server: str) -> Sequence[Tool]:
        """See `ToolServers.list_tools`."""
        _claims.set(ANONYMOUS)
        return (await self._use(server, lambda client: client.list_tools())).tools

    async def call_tool(
        self, server: str, tool: str, arguments: dict[str, Any], *, claims: CallerClaims, idempotency_key: str
    ) -> CallToolResult:
        """See `ToolServers.call_tool`."""
        _claims.set(claims)
        meta = cast("RequestParamsMeta", {IDEMPOTENCY_KEY: idempotency_key})
        return await self._use(server, lambda client: client.call_tool(tool, arguments, meta=meta))

    async def close(self) -> None:
        """See `ToolServers.close`."""
        for connection in self._connections.values():
            await connection.drop()

    async def _use(self, server: str, work: Callable[[Client], Awaitable[T]]) -> T:
        if server not in self._connections:
            self._connections[server] = _Connection(f"{self._base_url}/{server}", self._secret, self._timeout_s)
        try:
            return await self._connections[server].use(work)
        except (MCPError, TimeoutError):
            raise
        except _TRANSPORT_ERRORS as error:
            raise ToolsUnavailable(f"the server {server} can't be reached: {type(error).__name__}") from error


def external_tool_servers(settings: Settings) -> HttpToolServers:
    """Create the client of CONVONET_TOOLS_URL. Raises `SettingsError` when that is not set."""
    if settings.agents.tools_url is None:
        raise SettingsError("CONVONET_TOOLS_URL is not set, and these are not the product's own tools")
    return HttpToolServers(
        str(settings.agents.tools_url), secret=settings.signing_secret, timeout_s=settings.agents.tool_timeout_s
    )


_TRANSPORT_ERRORS = (MCPError, httpx2.HTTPError, OSError, ExceptionGroup)


class _Connection:
    """The client of one server, opened at first use and reopened after a failure.

    The SDK's client belongs to the task that opened it, so a task of its own opens and closes it.
    """

    def __init__(self, url: str, secret: bytes, timeout_s: float) -> None:
        self._url = url
        self._secret = secret
        self._timeout_s = timeout_s
        self._opening = asyncio.Lock()
        self._client: Client | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._release = asyncio.Event()

    async def use(self, work: Callable[[Client], Awaitable[T]]) -> T:
        """Do `work` with the open client, and retry it once. Raises transport errors."""
        try:
            return await self._use(work)
        except _TRANSPORT_ERRORS as error:
            if _is_rejected(error):
                raise  # a retry can't help
            # safe: the idempotency key prevents a second effect
            return await self._use(work)

    async def _use(self, work: Callable[[Client], Awaitable[T]]) -> T:
        client = await self._open()
        try:
            return await work(client)
        except _TRANSPORT_ERRORS as error:
            if _is_broken(error):
                await self.drop(client)
            raise

    async def _open(self) -> Client:
        async with self._opening:
            if self._client is None:
                opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
                self._release = asyncio.Event()
                self._keeper = asyncio.create_task(self._keep(opened, self._release))
                try:
                    self._client = await opened
                except asyncio.CancelledError:
                    # the call was cancelled: close the client that is being opened
                    self._release.set()
                    raise
            return self._client

    async def drop(self, failed: Client | None = None) -> None:
        """Close the client; the next use opens a new one. Does nothing when `failed` was replaced already."""
        if failed is not None and failed is not self._client:
            return
        self._client = None
        self._release.set()
        if self._keeper is not None:
            await asyncio.gather(self._keeper, return_exceptions=True)

    async def _keep(self, opened: asyncio.Future[Client], release: asyncio.Event) -> None:
        try:
            async with AsyncExitStack() as stack:
                http = await stack.enter_async_context(
                    httpx2.AsyncClient(
                        auth=_CallerToken(self._secret),
                        timeout=self._timeout_s,
                        limits=httpx2.Limits(max_connections=MAX_CONNECTIONS),
                    )
                )
                transport = streamable_http_client(self._url, http_client=http)
                client = await stack.enter_async_context(Client(transport))
                if opened.cancelled():
                    return  # its call was cancelled
                opened.set_result(client)
                await release.wait()
        except BaseException as error:
            if not opened.done():
                opened.set_exception(error if isinstance(error, Exception) else ConnectionError("cancelled"))
            elif not isinstance(error, Exception):
                raise


class _CallerToken(httpx2.Auth):
    """Adds the caller's token and the trace context to each request."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        token = mint_caller_token(_claims.get(ANONYMOUS), secret=self._secret)
        request.headers["Authorization"] = f"Bearer {token}"
        if (traceparent := current_traceparent()) is not None:
            request.headers["traceparent"] = traceparent
        yield request


def _is_broken(error: Exception) -> bool:
    """Whether the client itself is broken, not only one request."""
    return not isinstance(error, MCPError) or error.error.code in {CONNECTION_CLOSED, INVALID_REQUEST}


def _is_rejected(error: Exception) -> bool:
    """Whether the server rejects the call itself."""
    return isinstance(error, MCPError) and error.error.code in {INVALID_PARAMS, METHOD_NOT_FOUND}
