"""The agent as a Serve application: AgentRouter streams the events of a turn through a handle, on any replica."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from ray import serve
from ray.serve import Application, Deployment
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from convonet.settings import get_settings
from deployments.logs import log_to_own_stderr

if TYPE_CHECKING:
    from convonet.agents.base import AgentEvent, TurnRequest

MAX_ONGOING = 100
"""Turns at once per replica: a turn is a few milliseconds of work and much waiting for models and tools."""


async def _health(request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok", "service": "agent-llm-service"})


def build_http() -> Starlette:
    """The HTTP side; the sessions use the handle."""
    return Starlette(routes=[Route("/health", _health)])


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class AgentRouter:
    """One replica: one graph, one model, open connections to the tools."""

    def __init__(self) -> None:
        # imported by the replica only: to build the Serve application is a process's work of its own
        from convonet.agents.service import AgentService

        settings = get_settings()
        log_to_own_stderr(settings)
        self._agent = AgentService(settings)

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
