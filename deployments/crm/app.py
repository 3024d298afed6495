"""The CRM at /crm."""

from fastapi import FastAPI
from ray import serve
from ray.serve import Application, Deployment

from convonet.domains.crm.application import application
from convonet.settings import get_settings
from convonet.storage.database import Database
from deployments.logs import log_to_own_stderr

MAX_ONGOING = 100
"""A request takes milliseconds with our own tables, as long as SuiteCRM takes otherwise."""


def build_http() -> FastAPI:
    """The replica's application."""
    settings = get_settings()
    log_to_own_stderr(settings)
    return application(Database(settings.database_url), settings)


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class CrmIntegration:
    """One replica."""


def build(args: dict[str, str]) -> Application:
    """The Serve application; `serve_config.yaml` sets the number of replicas."""
    crm: Deployment = CrmIntegration  # type: ignore[assignment]
    return crm.bind()
