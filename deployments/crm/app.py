"""The CRM's HTTP API at /crm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray import serve
from ray.serve import Application, Deployment

from deployments.http_replica import HttpReplica, http_application

if TYPE_CHECKING:
    from fastapi import FastAPI

MAX_ONGOING = 100
"""A request takes milliseconds with our own tables, and as long as SuiteCRM takes otherwise."""


def build_http() -> FastAPI:
    """Make the replica's application. Imported here, since the process that builds the Serve app needs none of it."""
    from convonet.domains.crm.http import application

    return http_application("crm", application)


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class CrmIntegration(HttpReplica):
    """One replica."""

    component = "crm"


def build(args: dict[str, str]) -> Application:
    """Build the Serve application; `serve_config.yaml` sets the number of replicas."""
    crm: Deployment = CrmIntegration  # type: ignore[assignment]
    return crm.bind()
