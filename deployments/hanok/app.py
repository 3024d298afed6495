"""The restaurant at /hanok."""

from fastapi import FastAPI
from ray import serve
from ray.serve import Application, Deployment

from actors.store import throttle
from convonet.domains.hanok.application import application
from convonet.domains.hanok.visits import Visits
from convonet.settings import get_settings
from convonet.storage.database import Database
from deployments.logs import log_to_own_stderr

MAX_ONGOING = 100
"""A request takes milliseconds; what comes on top waits in the proxy."""


def build_http() -> FastAPI:
    """The replica's application."""
    settings = get_settings()
    log_to_own_stderr(settings)
    return application(Database(settings.database_url), settings, throttle(settings, "staff"), Visits.of(settings))


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class Hanok:
    """One replica."""


def build(args: dict[str, str]) -> Application:
    """The Serve application; `serve_config.yaml` sets the number of replicas."""
    hanok: Deployment = Hanok  # type: ignore[assignment]
    return hanok.bind()
