"""The agent as a Serve application: sessions stream the events of a turn through a handle, services use HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from ray import serve
from ray.serve import Application, Deployment

from convonet.settings import get_settings
from deployments.logs import log_to_own_stderr
from deployments.measuring import begin_agent_counters, measure

if TYPE_CHECKING:
    from fastapi import FastAPI

    from convonet.agents.base import AgentEvent, TurnRequest

MAX_ONGOING = 100
"""Turns at once per replica: a turn is a few milliseconds of work and much waiting for models and tools."""


def build_http() -> FastAPI:
    """The replica's HTTP side.

    What only a replica needs is imported here: to build the Serve application is a process's work of its own.
    """
    from deployments.agent.http import agent_http

    return agent_http()


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class AgentRouter:
    """One replica: one graph, its models, open connections to the tools."""

    async def __init__(self) -> None:  # type: ignore[misc]
        # imported by the replica only, see `build_http`
        from deployments.agent.http import agent_service

        log_to_own_stderr(get_settings())
        measure("agent")
        begin_agent_counters(get_settings())
        self._agent = agent_service()
        # Serve awaits a constructor that is a coroutine: no caller pays for what is slow the first time
        await self._agent.warm_up()

    async def turn(self, request: TurnRequest) -> AsyncGenerator[AgentEvent, None]:
        """See `Agent.turn`."""
        async with contextlib.aclosing(self._agent.turn(request)) as events:
            async for event in events:
                yield event

    async def ready(self) -> bool:
        """Whether the tools answer; asking for it also opens the connections to them."""
        return await self._agent.warm_up()


def build(args: dict[str, str]) -> Application:
    """The Serve application; `serve_config.yaml` sets the number of replicas."""
    router: Deployment = AgentRouter  # type: ignore[assignment]
    return router.bind()
