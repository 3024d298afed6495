"""The agent as a Serve application. Sessions use each replica's own port, other services use HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray import serve
from ray.serve import Application, Deployment

from deployments.agent.scaling import TURNS
from deployments.garbage import freeze_startup_objects
from deployments.health_checks import check_event_loop

if TYPE_CHECKING:
    from fastapi import FastAPI

    from convonet.rpc.wire import Address

MAX_ONGOING = 100
"""Concurrent HTTP requests per replica."""


def build_http() -> FastAPI:
    """Return the replica's HTTP application. The imports stay out of the process that only builds the Serve app."""
    from deployments.agent.replica import agent_replica

    return agent_replica().http


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class AgentRouter:
    """One replica of the agent, with its models and open connections to the tools."""

    async def __init__(self) -> None:  # type: ignore[misc]
        # as in `build_http`
        from deployments.agent.replica import agent_replica

        self._replica = agent_replica()
        # Serve awaits a constructor that is a coroutine, so no caller waits for the warm-up
        await self._replica.agent.warm_up()
        freeze_startup_objects()

    async def listens_at(self) -> Address:
        """Return the address of this replica's own port."""
        return self._replica.address

    async def check_health(self) -> None:
        """Raise when the event loop is late or sessions can't reach this replica's own port any more."""
        await check_event_loop()
        self._replica.port.check_listening()

    async def ready(self) -> bool:
        """Return whether the tools answer, after connecting to them."""
        return await self._replica.agent.warm_up()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Report turns to Serve's autoscaler, which does not see those on the replica's own port."""
        return {TURNS: self._replica.agent.gauges()["answering"]}


def build(args: dict[str, str]) -> Application:
    """Build the Serve application; `serve_config.yaml` sets the number of replicas."""
    router: Deployment = AgentRouter  # type: ignore[assignment]
    return router.bind()
