"""A tool replica's own port, for the agents of the product: they need neither the public front door nor HTTP.

Only processes that know the signing key are answered; any other connection is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

import structlog
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, ErrorData
from pydantic import ValidationError

from convonet.errors import AuthRefused
from convonet.mcp import wire
from convonet.mcp.server import MAX_BODY_BYTES, DomainServer, ToolRequest
from convonet.mcp.wire import Message, ToolAddress

log = structlog.get_logger(__name__)

MAX_AT_ONCE = 200
"""Requests of one connection; a call takes milliseconds, and what comes on top waits with its sender."""

FIRST_MESSAGE_TIMEOUT_S = 5.0
"""An agent speaks as soon as it is connected; whoever does not is none."""

STOP_TIMEOUT_S = 2.0
"""For what is being done when the replica stops; the rest is done by another one, under the same key."""

TOO_LONG = ErrorData(code=INTERNAL_ERROR, message="The answer is too long.")
CRASHED = ErrorData(code=INTERNAL_ERROR, message="Internal server error")


class ToolListener:
    """Answers for all domains' servers. `start` it before use and `stop` it at the end."""

    def __init__(
        self,
        servers: Mapping[str, DomainServer],
        *,
        secret: bytes,
        first_message_timeout_s: float = FIRST_MESSAGE_TIMEOUT_S,
    ) -> None:
        self._servers = servers
        self._secret = secret
        self._first_message_timeout_s = first_message_timeout_s
        self._listening: asyncio.Server | None = None
        self._agents: set[_Agent] = set()

    async def start(self, host: str) -> ToolAddress:
        """Listen on this address only, on any port."""
        self._listening = await asyncio.start_server(self._serve, host, 0, limit=MAX_BODY_BYTES)
        host, port = self._listening.sockets[0].getsockname()[:2]
        return ToolAddress(host, port)

    async def stop(self) -> None:
        """Finish what is being done and close all connections."""
        if self._listening is not None:
            self._listening.close()
        await asyncio.gather(*(agent.stop() for agent in self._agents))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        agent = _Agent(self._servers, self._secret, reader, writer)
        self._agents.add(agent)
        try:
            await agent.serve(self._first_message_timeout_s)
        finally:
            self._agents.discard(agent)


class _Agent:
    """The connection of one agent's process: reads its requests, and answers each as soon as that is done."""

    def __init__(
        self,
        servers: Mapping[str, DomainServer],
        secret: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._servers = servers
        self._secret = secret
        self._reader = reader
        self._writer = writer
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._stops = False

    async def serve(self, first_message_timeout_s: float) -> None:
        """Until the agent leaves, or says what no agent says."""
        try:
            async with asyncio.timeout(first_message_timeout_s):
                line = await self._reader.readline()
            while line and not self._stops:
                await self._accept(wire.read(line))
                line = await self._reader.readline()
        except (AuthRefused, ValueError) as error:
            # nothing of the message: it may be anybody's
            log.warning("tool_connection_refused", error=type(error).__name__)
        except (OSError, TimeoutError):
            pass
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Answer what is being done, and close."""
        self._stops = True
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=STOP_TIMEOUT_S)
        late = tuple(self._tasks.values())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        self._writer.close()

    async def _accept(self, message: Message) -> None:
        match message:
            case {"method": wire.CANCELLED, "params": {"requestId": int(number)}}:
                if (task := self._tasks.get(number)) is not None:
                    task.cancel()
            case {"id": int(number), "method": str(method), "params": dict(params)} if number not in self._tasks:
                server, request = wire.who_asks(params, secret=self._secret)
                if method == wire.PING:
                    self._writer.write(wire.result(number, {}))
                    return
                if len(self._tasks) >= MAX_AT_ONCE:
                    await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
                task = asyncio.create_task(self._answer(number, server, method, params, request))
                self._tasks[number] = task
                task.add_done_callback(lambda _: self._tasks.pop(number, None))
            case _:
                raise ValueError("neither a request nor a cancellation")

    async def _answer(self, number: int, server: str, method: str, params: Message, request: ToolRequest) -> None:
        line = await self._line(number, server, method, params, request)
        if len(line) > wire.MAX_ANSWER_BYTES:
            log.error("tool_answer_too_long", server=server, length=len(line))
            line = wire.error(number, TOO_LONG)
        self._writer.write(line)
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def _line(self, number: int, server: str, method: str, params: Message, request: ToolRequest) -> bytes:
        if server not in self._servers:
            return wire.error(number, ErrorData(code=INVALID_PARAMS, message="There is no such server."))
        try:
            return wire.result(number, await self._servers[server].respond(number, method, params, request))
        except MCPError as error:
            return wire.error(number, error.error)
        except ValidationError:
            # the details would quote the caller
            return wire.error(number, ErrorData(code=INVALID_PARAMS, message="Invalid request parameters"))
        except Exception:
            # the top of a task: the others of this connection go on
            log.exception("tool_request_crashed", server=server)
            return wire.error(number, CRASHED)
