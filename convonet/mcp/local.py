"""Tools in the process of their agent, connected as in the product, for evaluations, benchmarks and tests."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from convonet.mcp.remote_tools import STOP_TIMEOUT_S, ToolReplicas
from convonet.mcp.requests import ToolRequests
from convonet.mcp.server import DomainServer
from convonet.rpc.pool import ReplicaPool
from convonet.rpc.server import RpcServer
from convonet.rpc.wire import Address


@asynccontextmanager
async def local_tools(servers: Mapping[str, DomainServer], *, secret: bytes) -> AsyncGenerator[ToolReplicas, None]:
    """Run a replica of the tools in this process until the end of the block."""
    port = RpcServer(ToolRequests(servers, secret=secret).answer, stop_timeout_s=STOP_TIMEOUT_S)
    address = await port.start("127.0.0.1")

    async def find() -> list[Address]:
        return [address]

    replicas = ToolReplicas(ReplicaPool("Tools", find), secret=secret)
    try:
        yield replicas
    finally:
        await replicas.close()
        await port.stop()
        for server in servers.values():
            if server.release is not None:
                await server.release()
