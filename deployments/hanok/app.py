"""The restaurant at /hanok."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ray import serve
from ray.serve import Application, Deployment

from convonet.settings import get_settings
from deployments.health_checks import check_event_loop
from deployments.load import load
from deployments.logs import log_to_own_stderr

if TYPE_CHECKING:
    from fastapi import FastAPI

MAX_ONGOING = 100
"""A request takes milliseconds; what comes on top waits in the proxy."""


def build_http() -> FastAPI:
    """The replica's application.

    What only a replica needs is imported here: to build the Serve application is a process's work of its own.
    """
    from deployments.hanok.parts import hanok_http

    log_to_own_stderr(get_settings())
    return hanok_http()


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class Hanok:
    """One replica."""

    async def __init__(self) -> None:  # type: ignore[misc]
        from deployments.reporting import start_reports

        self._reporter = start_reports("hanok", load().gauges)

    async def __del__(self) -> None:  # Serve awaits it
        from deployments.hanok.parts import database_watch

        await self._reporter.close()
        await database_watch().close()

    async def check_health(self) -> None:
        """Raise when the event loop is late or the database does not answer this process."""
        from deployments.hanok.parts import database_watch

        await check_event_loop()
        database_watch().check()


def build(args: dict[str, str]) -> Application:
    """The Serve application; `serve_config.yaml` sets the number of replicas."""
    hanok: Deployment = Hanok  # type: ignore[assignment]
    return hanok.bind()
