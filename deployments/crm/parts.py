"""What a replica of the CRM is made of: its web application."""

from functools import cache

from fastapi import FastAPI

from convonet.domains.crm.application import application
from convonet.settings import get_settings
from convonet.storage.database import Database
from convonet.storage.database_watch import DatabaseWatch
from deployments.load import counted
from deployments.measuring import measure


def crm_http() -> FastAPI:
    """The HTTP application."""
    settings = get_settings()
    measure("crm")
    return counted(application(_database(), settings))


@cache
def database_watch() -> DatabaseWatch:
    """Return the watch of this process on its database."""
    return DatabaseWatch(_database())


@cache
def _database() -> Database:
    return Database(get_settings().database_url)
