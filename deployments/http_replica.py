"""The replica of an HTTP service: for the CRM and the restaurant, which differ only in their application."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from convonet.settings import Settings, get_settings
from convonet.storage.database import Database
from convonet.storage.database_watch import DatabaseWatch
from deployments.health_checks import check_event_loop
from deployments.load import counted, load
from deployments.logs import log_to_own_stderr

if TYPE_CHECKING:
    from fastapi import FastAPI

    from convonet.monitor.messages import ComponentName


class HttpReplica:
    """One replica; it reports its load under the name `component`."""

    component: ClassVar[ComponentName]

    async def __init__(self) -> None:  # type: ignore[misc]
        from deployments.reporting import start_reports

        self._reporter = start_reports(self.component, load().gauges)

    async def __del__(self) -> None:  # Serve awaits it
        await self._reporter.close()
        await _database_watch().close()

    async def check_health(self) -> None:
        """Raise when the event loop is late or the database does not answer this process."""
        await check_event_loop()
        _database_watch().check()


def http_application(component: ComponentName, make: Callable[[Database, Settings], FastAPI]) -> FastAPI:
    """Make the application of this process's replica, with its logs, metrics and load."""
    from deployments.measuring import measure

    settings = get_settings()
    log_to_own_stderr(settings)
    measure(component)
    return counted(make(_database(), settings))


@cache
def _database_watch() -> DatabaseWatch:
    return DatabaseWatch(_database())


@cache
def _database() -> Database:
    return Database(get_settings().storage.database_url)
