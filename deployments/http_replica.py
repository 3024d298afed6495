"""The replica of an HTTP service: the CRM and the restaurant differ in their application only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from convonet.settings import Settings, get_settings
from convonet.storage.database import Database
from deployments.load import counted, load
from deployments.logs import log_to_own_stderr

if TYPE_CHECKING:
    from fastapi import FastAPI


class HttpReplica:
    """One replica; it reports its load as that of `component`."""

    component: ClassVar[str]

    async def __init__(self) -> None:  # type: ignore[misc]
        from deployments.reporting import reporting

        self._reporter = reporting(self.component, load().figures)

    async def __del__(self) -> None:  # Serve awaits it
        await self._reporter.close()


def http_application(component: str, make: Callable[[Database, Settings], FastAPI]) -> FastAPI:
    """Make the application of this process's replica, with its logs, metrics and load."""
    from deployments.measuring import measure

    settings = get_settings()
    log_to_own_stderr(settings)
    measure(component)
    return counted(make(Database(settings.database_url), settings))
