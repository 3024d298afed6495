"""What a replica of the restaurant is made of: its web application."""

from functools import cache

from fastapi import FastAPI

from convonet.auth.throttle import throttle
from convonet.domains.hanok.application import application
from convonet.domains.hanok.visits import Visits
from convonet.settings import get_settings
from convonet.storage.database import Database
from convonet.storage.database_watch import DatabaseWatch
from deployments.load import counted
from deployments.measuring import measure


def hanok_http() -> FastAPI:
    """The HTTP application."""
    settings = get_settings()
    measure("hanok")
    return counted(application(_database(), settings, throttle(settings, "staff"), Visits.of(settings)))


@cache
def database_watch() -> DatabaseWatch:
    """Return the watch of this process on its database."""
    return DatabaseWatch(_database())


@cache
def _database() -> Database:
    return Database(get_settings().database_url)
