"""The replicas that are asked on their own ports, seen from the processes that ask: Serve says where they listen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from actors.failures import remote_errors
from actors.handles import handle_to
from convonet.agents.replicas import AgentReplicas
from convonet.errors import AgentAway, ConvonetError, ToolsUnavailable
from convonet.mcp.replicas import ToolReplicas
from convonet.rpc.pool import Delays, ReplicaPool
from convonet.rpc.wire import Address
from convonet.settings import Settings

FIND_TIMEOUT_S = 1.0
"""A replica says in three milliseconds where it listens."""

AGENT_REPLACED_WITHIN_S = 12.0
"""A turn waits so long when all replicas of the agent have died at once."""


def remote_agent() -> AgentReplicas:
    """The `Agent` on the AgentRouter deployment. `close` it at the end."""
    find = _finder("AgentRouter", "agent", AgentAway)
    return AgentReplicas(ReplicaPool("AgentRouter", find, delays=Delays(replaced_within=AGENT_REPLACED_WITHIN_S)))


def remote_tools(settings: Settings) -> ToolReplicas:
    """`ToolServers` on the Tools deployment. `close` it at the end."""
    find = _finder("Tools", "tools", ToolsUnavailable)
    return ToolReplicas(ReplicaPool("Tools", find), secret=settings.signing_secret)


def _finder(deployment: str, application: str, away: type[ConvonetError]) -> Callable[[], Awaitable[Sequence[Address]]]:
    where = handle_to(deployment, application)

    async def find() -> Sequence[Address]:
        with remote_errors(away, application):
            try:
                said = await where.broadcast("listens_at").results_async(
                    timeout_s=FIND_TIMEOUT_S, return_exceptions=True
                )
            except TimeoutError:
                # one that hangs keeps the others' words from us; Serve's router knows one that does not
                return [await one()]
        # one that has just died has raised instead
        return [address for address in said if isinstance(address, Address)]

    async def one() -> Address:
        try:
            async with asyncio.timeout(FIND_TIMEOUT_S):
                return cast("Address", await where.listens_at.remote())
        except TimeoutError:
            raise away(f"no replica of {deployment} says where it listens") from None

    return find
