"""The product's own tools, seen from the processes that use them: Serve says where their replicas listen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

from actors.failures import remote_errors
from actors.handles import handle_to
from convonet.errors import ToolsUnavailable
from convonet.mcp.replicas import ToolReplicas
from convonet.mcp.wire import ToolAddress
from convonet.settings import Settings

FIND_TIMEOUT_S = 1.0
"""A replica says in three milliseconds where it listens."""


def remote_tools(settings: Settings) -> ToolReplicas:
    """`ToolServers` on the replicas of the tools. `close` it at the end."""
    where = handle_to("Tools", "tools")

    async def find() -> Sequence[ToolAddress]:
        with remote_errors(ToolsUnavailable, "tools"):
            try:
                said = await where.broadcast("listens_at").results_async(
                    timeout_s=FIND_TIMEOUT_S, return_exceptions=True
                )
            except TimeoutError:
                # one that hangs keeps the others' words from us; Serve's router knows one that does not
                return [await one()]
        # one that has just died has raised instead
        return [address for address in said if isinstance(address, ToolAddress)]

    async def one() -> ToolAddress:
        try:
            async with asyncio.timeout(FIND_TIMEOUT_S):
                return cast("ToolAddress", await where.listens_at.remote())
        except TimeoutError:
            raise ToolsUnavailable("no replica of the tools says where it listens") from None

    return ToolReplicas(find, secret=settings.signing_secret)
