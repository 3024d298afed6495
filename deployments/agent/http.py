"""What a replica of the agent is made of: the one agent of its process, and the HTTP API around it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache

from fastapi import FastAPI

from actors.remote_tools import remote_tools
from actors.turn_records import TurnRecords
from convonet.agent_api.application import AgentApi, application
from convonet.agent_api.callers import Callers
from convonet.agent_api.threads import Threads
from convonet.agents.service import AgentService
from convonet.auth.pin import only_caller
from convonet.metrics.definitions import RECORDS_WAITING
from convonet.metrics.turns import measured
from convonet.settings import get_settings
from convonet.storage.checkpoints import checkpoint_store
from convonet.storage.database import Database
from convonet.web.service_token import ServiceToken
from deployments.measuring import measure
from deployments.reporting import reporting


@cache
def agent_service() -> AgentService:
    """The agent of this process, for the handle and for HTTP."""
    settings = get_settings()
    return AgentService(settings, tools=None if settings.tools_url else remote_tools(settings))


def agent_http() -> FastAPI:
    """The HTTP application."""
    settings = get_settings()
    database = Database(settings.database_url)
    agent = agent_service()
    reporter = reporting("agent", lambda: {**agent.figures(), **records.figures()})
    records = TurnRecords(settings, reporter)
    api = AgentApi(
        agent,
        agent.models,
        Callers(database, settings.caller_timezone, only_caller(settings)),
        Threads(checkpoint_store(settings)),
        measured(records.add),
    )
    measure("agent").gauge(RECORDS_WAITING, lambda: {"": len(records)})

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        yield
        await agent.close()
        await records.close()
        await reporter.close()
        await database.close()

    return application(api, ServiceToken(settings.agent_service_token, "AGENT_SERVICE_TOKEN"), lifespan)
