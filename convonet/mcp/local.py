"""Agent and tools in one process, connected as they are in the product: for evaluations, benches and tests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from convonet.mcp.listener import ToolListener
from convonet.mcp.replicas import ToolReplicas
from convonet.mcp.server import DomainServer
from convonet.mcp.wire import ToolAddress


@asynccontextmanager
async def local_tools(servers: Mapping[str, DomainServer], *, secret: bytes) -> AsyncGenerator[ToolReplicas, None]:
    """`ToolServers` on a replica in this process, until the end of the block."""
    listener = ToolListener(servers, secret=secret)
    address = await listener.start("127.0.0.1")

    async def find() -> list[ToolAddress]:
        return [address]

    replicas = ToolReplicas(find, secret=secret)
    try:
        yield replicas
    finally:
        await replicas.close()
        await listener.stop()
        for server in servers.values():
            if server.release is not None:
                await server.release()
