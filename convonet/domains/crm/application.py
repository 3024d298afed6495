"""The crm-integration-service: the CRM over HTTP, for services that have its token."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from convonet.domains.crm.choice import chosen_crm
from convonet.domains.crm.http import router
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.web.service import http_service
from convonet.web.service_token import ServiceToken
from convonet.web.traced import Traced


def application(database: Database, settings: Settings) -> FastAPI:
    """The whole application; it closes the CRM and the database when it stops."""
    crm = chosen_crm(database, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        yield
        await crm.close()
        await database.close()

    app = http_service("crm-integration-service", lifespan)
    token = ServiceToken(settings.crm.service_token, "CRM_SERVICE_TOKEN")
    app.include_router(router(crm, database, token, settings.callers.phone_region))
    app.add_middleware(Traced, trusts=token.is_given)
    return app
