"""The desks at /call-center."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray import serve
from ray.serve import Application, Deployment

from convonet.settings import get_settings
from deployments.logs import log_to_own_stderr

if TYPE_CHECKING:
    from fastapi import FastAPI

MAX_ONGOING = 400
"""A desk's socket is one ongoing request for a whole shift."""


def build_http() -> FastAPI:
    """The replica's application.

    What only a replica needs is imported here: to build the Serve application is a process's work of its own.
    """
    from actors.remote_transfers import RemoteTransfers
    from actors.store import throttle
    from convonet.desk.crm_notes import CrmNotes
    from convonet.desk.http import application
    from convonet.storage.database import Database

    settings = get_settings()
    log_to_own_stderr(settings)
    database = Database(settings.database_url)
    desks = RemoteTransfers(serve.get_deployment_handle("TransferHost", "telephony", _check_exists=False))
    return application(database, settings, throttle(settings, "staff"), desks, CrmNotes(database, settings))


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class CallCenter:
    """One replica."""


def build(args: dict[str, str]) -> Application:
    """The Serve application; `serve_config.yaml` sets the number of replicas."""
    center: Deployment = CallCenter  # type: ignore[assignment]
    return center.bind()
