"""What a replica of the CRM is made of: its web application."""

from fastapi import FastAPI

from convonet.domains.crm.application import application
from convonet.settings import get_settings
from convonet.storage.database import Database
from deployments.load import counted
from deployments.measuring import measure


def crm_http() -> FastAPI:
    """The HTTP application."""
    settings = get_settings()
    measure("crm")
    return counted(application(Database(settings.storage.database_url), settings))
