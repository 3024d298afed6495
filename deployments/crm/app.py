"""The CRM over HTTP, for services that have its token."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from ray import serve
from ray.serve import Application, Deployment

from convonet.domains.crm.choice import chosen_crm
from convonet.domains.crm.http import ServiceToken, router
from convonet.settings import get_settings
from convonet.storage.database import Database
from convonet.web.service import http_service
from deployments.logs import log_to_own_stderr

MAX_ONGOING = 100
"""A request takes milliseconds with our own tables, as long as SuiteCRM takes otherwise."""


def build_http() -> FastAPI:
    """The replica's application."""
    settings = get_settings()
    log_to_own_stderr(settings)
    database = Database(settings.database_url)
    crm = chosen_crm(database, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        yield
        await crm.close()
        await database.close()

    app = http_service("crm-integration-service", lifespan)
    app.include_router(router(crm, ServiceToken(settings.crm_service_token), settings.phone_region))
    return app


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class CrmIntegration:
    """One replica."""


def build(args: dict[str, str]) -> Application:
    """The Serve application; `serve_config.yaml` sets the number of replicas."""
    crm: Deployment = CrmIntegration  # type: ignore[assignment]
    return crm.bind()
