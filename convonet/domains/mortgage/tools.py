"""The tools of mortgage applications, served over MCP as one server."""

from __future__ import annotations

from convonet.domains.mortgage.application_tools import add_application_tools
from convonet.domains.mortgage.estimate_tools import add_estimate_tools
from convonet.domains.mortgage.paper_tools import add_paper_tools
from convonet.domains.mortgage.papers import PaperService
from convonet.domains.mortgage.service import MortgageService
from convonet.mcp.server import DomainServer
from convonet.settings import Settings
from convonet.storage.database import Database


def server(database: Database, _settings: Settings) -> DomainServer:
    """The MCP server of the mortgage domain."""
    mcp = DomainServer("mortgage", "The caller's mortgage applications: figures, debts, documents, and estimates.")
    service = MortgageService(database)
    add_application_tools(mcp, service)
    add_paper_tools(mcp, PaperService(database))
    add_estimate_tools(mcp, service)
    return mcp
