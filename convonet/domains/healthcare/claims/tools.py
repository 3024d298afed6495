"""The tools of claims."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field, StringConstraints

from convonet.domains.healthcare.claims import speech
from convonet.domains.healthcare.claims.service import ClaimService
from convonet.domains.healthcare.enums import ClaimStatus
from convonet.domains.healthcare.schemas import Call, ClaimId
from convonet.mcp.server import DomainServer, owner_of, tool_result

Day = Annotated[date | None, Field(description="ISO 8601 date of the service, such as 2026-01-31; included.")]

Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=2000),
    Field(description="Why the denial is wrong, in the caller's words."),
]


def add_claim_tools(mcp: DomainServer, service: ClaimService) -> None:
    """Add the tools to the domain's server."""

    @mcp.tool()
    async def search_claims(
        context: Call,
        date_from: Day = None,
        date_to: Day = None,
        status: ClaimStatus | None = None,
        limit: Annotated[int, Field(ge=1, le=50)] = 10,
    ) -> CallToolResult:
        """List the caller's insurance claims, newest first. Use it also to find a claim's number."""
        owner = owner_of(context)
        claims, more = await service.search(owner, since=date_from, until=date_to, status=status, limit=limit)
        data = {"claims": [claim.model_dump(mode="json") for claim in claims], "more": more}
        return tool_result(speech.of_claims(claims, owner.today(), more=more), data)

    @mcp.tool()
    async def get_claim_status(context: Call, claim_id: ClaimId) -> CallToolResult:
        """Say how one of the caller's claims stands, why it was denied, and whether it can be appealed."""
        owner = owner_of(context)
        claim = await service.status(owner, claim_id)
        return tool_result(speech.of_claim(claim, owner.today()), {"claim": claim.model_dump(mode="json")})

    @mcp.tool()
    async def get_claim_details(context: Call, claim_id: ClaimId) -> CallToolResult:
        """Give everything about one of the caller's claims: services, codes, amounts, appeal."""
        owner = owner_of(context)
        claim = await service.details(owner, claim_id)
        return tool_result(speech.of_details(claim, owner.today()), {"claim": claim.model_dump(mode="json")})

    @mcp.tool()
    async def get_eob(context: Call, claim_id: ClaimId) -> CallToolResult:
        """Give the explanation of benefits of a decided claim: billed, allowed, paid by the plan, owed by caller."""
        explanation = await service.explanation(owner_of(context), claim_id)
        return tool_result(speech.of_explanation(explanation), {"eob": explanation.model_dump(mode="json")})

    @mcp.tool()
    async def file_claim_appeal(context: Call, claim_id: ClaimId, reason: Reason) -> CallToolResult:
        """Appeal one of the caller's denied claims, once. Ask the caller for the reason and to confirm first."""
        appeal = await service.appeal(owner_of(context), claim_id, reason)
        return tool_result(speech.of_appeal(appeal), {"appeal": appeal.model_dump(mode="json")})
