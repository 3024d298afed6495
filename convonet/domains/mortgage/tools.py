"""The tools of mortgage applications, served over MCP as one server."""

from __future__ import annotations

from convonet.domains.mortgage.applications.service import MortgageService
from convonet.domains.mortgage.applications.tools import add_application_tools
from convonet.domains.mortgage.debts.service import DebtService
from convonet.domains.mortgage.debts.tools import add_debt_tools
from convonet.domains.mortgage.documents.service import DocumentService
from convonet.domains.mortgage.documents.tools import add_document_tools
from convonet.domains.mortgage.estimates.tools import add_estimate_tools
from convonet.mcp.server import DomainServer
from convonet.settings import Settings
from convonet.storage.database import Database


def server(database: Database, _settings: Settings) -> DomainServer:
    """The MCP server of the mortgage domain."""
    mcp = DomainServer("mortgage", "The caller's mortgage applications: figures, debts, documents, and estimates.")
    service = MortgageService(database)
    add_application_tools(mcp, service)
    add_debt_tools(mcp, DebtService(database))
    add_document_tools(mcp, DocumentService(database))
    add_estimate_tools(mcp, service)
    return mcp
