"""The healthcare payer's tools, served over MCP: a member sees only their own data."""

from __future__ import annotations

from convonet.domains.healthcare.authorization_tools import add_authorization_tools
from convonet.domains.healthcare.authorizations import AuthorizationService
from convonet.domains.healthcare.care_tools import add_care_tools
from convonet.domains.healthcare.claim_tools import add_claim_tools
from convonet.domains.healthcare.claims import ClaimService
from convonet.domains.healthcare.coverage_tools import add_coverage_tools
from convonet.domains.healthcare.programs import ProgramService
from convonet.domains.healthcare.providers import ProviderService
from convonet.domains.healthcare.service import CoverageService
from convonet.mcp.server import DomainServer
from convonet.settings import Settings
from convonet.storage.database import Database


def server(database: Database, _settings: Settings) -> DomainServer:
    """The MCP server of the healthcare domain."""
    mcp = DomainServer("healthcare", "The caller's own health plan: coverage, claims, authorizations, doctors, care.")
    add_coverage_tools(mcp, CoverageService(database))
    add_claim_tools(mcp, ClaimService(database))
    add_authorization_tools(mcp, AuthorizationService(database))
    add_care_tools(mcp, ProviderService(database), ProgramService(database))
    return mcp
