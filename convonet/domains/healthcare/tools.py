"""The healthcare payer's tools, served over MCP: a member sees only their own data."""

from __future__ import annotations

from convonet.domains.healthcare.authorizations.service import AuthorizationService
from convonet.domains.healthcare.authorizations.tools import add_authorization_tools
from convonet.domains.healthcare.claims.service import ClaimService
from convonet.domains.healthcare.claims.tools import add_claim_tools
from convonet.domains.healthcare.coverage.service import CoverageService
from convonet.domains.healthcare.coverage.tools import add_coverage_tools
from convonet.domains.healthcare.programs.service import ProgramService
from convonet.domains.healthcare.programs.tools import add_program_tools
from convonet.domains.healthcare.providers.service import ProviderService
from convonet.domains.healthcare.providers.tools import add_provider_tools
from convonet.mcp.server import DomainServer
from convonet.settings import Settings
from convonet.storage.database import Database


def server(database: Database, _settings: Settings) -> DomainServer:
    """The MCP server of the healthcare domain."""
    mcp = DomainServer("healthcare", "The caller's own health plan: coverage, claims, authorizations, doctors, care.")
    add_coverage_tools(mcp, CoverageService(database))
    add_claim_tools(mcp, ClaimService(database))
    add_authorization_tools(mcp, AuthorizationService(database))
    add_provider_tools(mcp, ProviderService(database))
    add_program_tools(mcp, ProgramService(database))
    return mcp
