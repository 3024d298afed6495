"""The agent's way to the tools: one open MCP client per server, shared by all turns.

The caller's token is attached per call: the SDK sends each request in the context of whoever made it, so a context
variable reaches the HTTP layer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import httpx2
import structlog
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
    TextContent,
)

from convonet.auth.tokens import CallerClaims, mint_caller_token
from convonet.ids import TurnId, UserId
from convonet.mcp.server import IDEMPOTENCY_KEY, MAX_BODY_BYTES, tool_name
from convonet.tracing.spans import current_traceparent

log = structlog.get_logger(__name__)

T = TypeVar("T")

_claims: ContextVar[CallerClaims] = ContextVar("caller_claims")

NOBODY = CallerClaims(UserId("00000000-0000-0000-0000-000000000000"), "", "UTC", TurnId(""))
"""For whom the list of tools is asked: it is the same for everybody."""

LONGEST_CALL = MAX_BODY_BYTES - 2048
"""Bytes of a tool's name and arguments; the rest of a request is what the protocol adds."""

MAX_CONNECTIONS = 50
"""HTTP connections per server and process; each is busy for the few milliseconds of a call."""

AWAY = "I can't reach that service right now. Please try again in a moment."
WRONG = "Sorry, I couldn't do that. Please say it again."
"""A call that no server can do as it is; a model may do better, so it is told what is wrong with it."""
SLOW = "That is taking too long right now. Please try again in a moment."


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a model sees it; `parameters` is its JSON Schema."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered; `text` can be spoken also when it failed."""

    ok: bool
    text: str
    data: dict[str, Any]


def no_such_tool(name: str, names: Sequence[str]) -> ToolResult:
    """The result of a tool that a model has made up: it may take one of `names` instead."""
    there_are = f"there are {', '.join(names)}" if names else "there are none"
    return _wrong(name, f"There is no tool named {name}; {there_are}.")


class ToolBox:
    """All tool servers of this process, by domain name. `close` it at the end."""

    def __init__(self, base_url: str, *, secret: bytes, timeout_s: float) -> None:
        self._base_url = base_url
        self._secret = secret
        self._timeout_s = timeout_s
        self._connections: dict[str, _Connection] = {}
        self._specs: dict[str, list[ToolSpec]] = {}

    async def list_tools(self, server: str) -> list[ToolSpec]:
        """The server's tools, asked for once. Raises `ConnectionError` when it can't be reached."""
        if server not in self._specs:
            _claims.set(NOBODY)
            try:
                async with asyncio.timeout(self._timeout_s):
                    listed = await self._connection(server).use(lambda client: client.list_tools())
            except (TimeoutError, *_TRANSPORT_ERRORS) as error:
                raise ConnectionError(f"tool server {server} is away") from error
            self._specs[server] = [ToolSpec(t.name, t.description or "", t.input_schema) for t in listed.tools]
        return self._specs[server]

    async def call(
        self, server: str, tool: str, arguments: dict[str, object], *, claims: CallerClaims, idempotency_key: str
    ) -> ToolResult:
        """Call a tool for a caller. Never raises for a failing, slow or dead tool: the result says so in words."""
        if fault := _fault(tool, arguments):
            return _wrong(tool, fault)
        _claims.set(claims)
        connection = self._connection(server)
        meta = cast("RequestParamsMeta", {IDEMPOTENCY_KEY: idempotency_key})
        try:
            async with asyncio.timeout(self._timeout_s):
                return _result(await connection.use(lambda client: client.call_tool(tool, arguments, meta=meta)))
        except TimeoutError:
            log.warning("tool_timed_out", tool=tool_name(tool))
            return ToolResult(False, SLOW, {})
        except _TRANSPORT_ERRORS as error:
            if _is_wrong(error):
                return _wrong(tool, str(error))
            log.warning("tool_server_away", tool=tool_name(tool), error=type(error).__name__)
            return ToolResult(False, AWAY, {})

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._connections.values():
            await connection.drop()

    def _connection(self, server: str) -> _Connection:
        if server not in self._connections:
            self._connections[server] = _Connection(f"{self._base_url}/{server}", self._secret, self._timeout_s)
        return self._connections[server]


_TRANSPORT_ERRORS = (MCPError, httpx2.HTTPError, OSError, ExceptionGroup)


class _Connection:
    """One server's client, opened at first use and again after it was lost.

    The SDK's client belongs to the task that opened it, so a task of its own opens, keeps and closes it.
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
        """Do `work` with the open client, once more when it failed. Raises transport errors."""
        try:
            return await self._use(work)
        except _TRANSPORT_ERRORS as error:
            if _is_wrong(error):
                raise  # it would be as wrong the second time
            # safe to repeat: the idempotency key keeps the effect from happening twice
            return await self._use(work)

    async def _use(self, work: Callable[[Client], Awaitable[T]]) -> T:
        client = await self._open()
        try:
            return await work(client)
        except _TRANSPORT_ERRORS as error:
            if _is_lost(error):
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
                    # whoever asked is gone: nobody would close what has just been opened
                    self._release.set()
                    raise
            return self._client

    async def drop(self, failed: Client | None = None) -> None:
        """Close the client; the next use opens a new one. One that was opened since `failed` was in use stays."""
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
                    return  # the turn that asked for it is over
                opened.set_result(client)
                await release.wait()
        except BaseException as error:
            if not opened.done():
                opened.set_exception(error if isinstance(error, Exception) else ConnectionError("cancelled"))
            elif not isinstance(error, Exception):
                raise


class _CallerToken(httpx2.Auth):
    """Signs each request with the token of the caller it is made for, and names the trace it belongs to."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        token = mint_caller_token(_claims.get(NOBODY), secret=self._secret)
        request.headers["Authorization"] = f"Bearer {token}"
        if (traceparent := current_traceparent()) is not None:
            request.headers["traceparent"] = traceparent
        yield request


def _is_lost(error: Exception) -> bool:
    """Whether the client itself is of no more use, rather than one request on it."""
    return not isinstance(error, MCPError) or error.error.code in {CONNECTION_CLOSED, INVALID_REQUEST}


def _wrong(tool: str, fault: str) -> ToolResult:
    # the fault is for the model only: it may quote the caller
    log.warning("tool_call_wrong", tool=tool_name(tool))
    return ToolResult(False, WRONG, {"error": fault})


def _fault(tool: str, arguments: Mapping[str, object]) -> str:
    """What would break the connection, which other turns use too; empty for a call that can be sent."""
    try:
        body = json.dumps([tool, arguments], ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return "The call holds half of a UTF-16 pair."
    return "The call is too long." if len(body) > LONGEST_CALL else ""


def _is_wrong(error: Exception) -> bool:
    """Whether the server has understood the call, and that it is none."""
    return isinstance(error, MCPError) and error.error.code in {INVALID_PARAMS, METHOD_NOT_FOUND}


def _result(result: CallToolResult) -> ToolResult:
    text = " ".join(part.text for part in result.content if isinstance(part, TextContent))
    return ToolResult(not result.is_error, text, result.structured_content or {})
