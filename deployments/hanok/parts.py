"""What a replica of the restaurant is made of: its web application."""

from fastapi import FastAPI

from convonet.auth.throttle import throttle
from convonet.domains.hanok.application import application
from convonet.domains.hanok.visits import Visits
from convonet.settings import get_settings
from convonet.storage.database import Database
from deployments.load import counted
from deployments.measuring import measure


def hanok_http() -> FastAPI:
    """The HTTP application."""
    settings = get_settings()
    measure("hanok")
    return counted(
        application(
            Database(settings.storage.database_url), settings, throttle(settings, "staff"), Visits.of(settings.hanok)
        )
    )
