"""The agent as a Serve application: sessions ask a replica on its own port, services use HTTP."""

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
"""HTTP requests at once per replica."""


def build_http() -> FastAPI:
    """The replica's HTTP side.

    What only a replica needs is imported here: to build the Serve application is a process's work of its own.
    """
    from deployments.agent.replica import agent_replica

    return agent_replica().http


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class AgentRouter:
    """One replica: one graph, its models, open connections to the tools."""

    async def __init__(self) -> None:  # type: ignore[misc]
        # imported by the replica only, see `build_http`
        from deployments.agent.replica import agent_replica

        self._replica = agent_replica()
        # Serve awaits a constructor that is a coroutine: no caller pays for what is slow the first time
        await self._replica.agent.warm_up()
        freeze_startup_objects()

    async def listens_at(self) -> Address:
        """Where this replica answers the sessions."""
        return self._replica.address

    async def check_health(self) -> None:
        """Raise when the event loop is late or sessions can't reach this replica's own port any more."""
        await check_event_loop()
        self._replica.port.check_listening()

    async def ready(self) -> bool:
        """Whether the tools answer; asking for it also opens the connections to them."""
        return await self._replica.agent.warm_up()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """What Serve's autoscaler asks each replica: turns come by its own port, which Serve does not see."""
        return {TURNS: self._replica.agent.gauges()["answering"]}


def build(args: dict[str, str]) -> Application:
    """The Serve application; `serve_config.yaml` sets the number of replicas."""
    router: Deployment = AgentRouter  # type: ignore[assignment]
    return router.bind()
