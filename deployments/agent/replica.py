"""The parts of a replica of the agent: the process's agent, the port for sessions, and the HTTP API."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache

import ray
from fastapi import FastAPI

from actors.turn_records import TurnRecords
from convonet.agent_api.application import AgentApi, application
from convonet.agent_api.callers import Callers
from convonet.agent_api.threads import Threads
from convonet.agents.requests import STOP_TIMEOUT_S, TurnRequests
from convonet.agents.service import AgentService
from convonet.auth.pin import fixed_user_id
from convonet.domains.discovery import all_domains
from convonet.metrics.definitions import RECORDS_WAITING
from convonet.records.turn_metrics import with_metrics
from convonet.rpc.server import RpcServer
from convonet.rpc.wire import Address
from convonet.settings import Settings, get_settings
from convonet.storage.checkpoints import checkpoint_store
from convonet.storage.database import Database
from convonet.web.service_token import ServiceToken
from deployments.logs import log_to_own_stderr
from deployments.measuring import begin_agent_counters, measure
from deployments.replicas import remote_tools
from deployments.reporting import start_reports


class AgentReplica:
    """The agent of one process with its port and HTTP API."""

    address: Address
    """Address of the port for sessions, once the HTTP application has started."""

    def __init__(self, settings: Settings) -> None:
        self.agent = AgentService(
            settings, all_domains(), tools=None if settings.agents.tools_url else remote_tools(settings)
        )
        self.port = RpcServer(TurnRequests(self.agent).answer, stop_timeout_s=STOP_TIMEOUT_S)
        self._database = Database(settings.storage.database_url)
        self._reporter = start_reports("agent", self._gauges)
        self._records = TurnRecords(settings.storage, self._reporter)
        measure("agent").gauge(RECORDS_WAITING, lambda: {"": len(self._records)})
        api = AgentApi(
            self.agent,
            self.agent.models,
            Callers(self._database, settings.callers.timezone, fixed_user_id(settings)),
            Threads(checkpoint_store(settings.storage)),
            with_metrics(self._records.add),
        )
        token = ServiceToken(settings.agents.service_token, "AGENT_SERVICE_TOKEN")
        self.http: FastAPI = application(api, token, self._lifespan)

    def _gauges(self) -> dict[str, float]:
        return {**self.agent.gauges(), **self._records.gauges()}

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncGenerator[None, None]:
        self.address = await self.port.start(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        yield
        await self.port.stop()
        await self.agent.close()
        await self._records.close()
        await self._reporter.close()
        await self._database.close()


@cache
def agent_replica() -> AgentReplica:
    """Return the replica of this process, for Serve and for HTTP."""
    settings = get_settings()
    log_to_own_stderr(settings)
    measure("agent")
    begin_agent_counters(settings)
    return AgentReplica(settings)
