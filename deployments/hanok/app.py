"""The restaurant's web application at /hanok."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray import serve
from ray.serve import Application, Deployment

from deployments.http_replica import HttpReplica, http_application

if TYPE_CHECKING:
    from fastapi import FastAPI

MAX_ONGOING = 100
"""A request takes milliseconds; the proxy queues the others."""


def build_http() -> FastAPI:
    """Make the replica's application. Imported here, since the process that builds the Serve app needs none of it."""
    from convonet.domains.hanok.http import application

    return http_application("hanok", application)


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class Hanok(HttpReplica):
    """One replica."""

    component = "hanok"


def build(args: dict[str, str]) -> Application:
    """Build the Serve application; `serve_config.yaml` sets the number of replicas."""
    hanok: Deployment = Hanok  # type: ignore[assignment]
    return hanok.bind()
