"""The tools of eligibility, benefits and limits."""

from __future__ import annotations

from mcp_types import CallToolResult

from convonet.domains.healthcare.coverage import speech
from convonet.domains.healthcare.coverage.service import CoverageService
from convonet.domains.healthcare.schemas import Call, Service
from convonet.mcp.server import DomainServer, owner_of, tool_result


def add_coverage_tools(mcp: DomainServer, service: CoverageService) -> None:
    """Add the tools to the domain's server."""

    @mcp.tool()
    async def check_eligibility(context: Call) -> CallToolResult:
        """Say whether the caller's health insurance is active today. Use it for "am I covered", "is my plan active"."""
        coverage = await service.coverage(owner_of(context))
        return tool_result(speech.of_coverage(coverage), {"coverage": coverage.model_dump(mode="json")})

    @mcp.tool()
    async def get_coverage_dates(context: Call) -> CallToolResult:
        """Say since when and until when the caller's health insurance runs, and the dates of the plan year."""
        coverage = await service.coverage(owner_of(context))
        return tool_result(speech.of_dates(coverage), {"coverage": coverage.model_dump(mode="json")})

    @mcp.tool()
    async def get_benefits_summary(context: Call) -> CallToolResult:
        """List all benefits of the caller's health plan. For one kind of service use check_benefit_coverage."""
        benefits = await service.benefits(owner_of(context))
        return tool_result(speech.of_benefits(benefits), benefits.model_dump(mode="json"))

    @mcp.tool()
    async def check_benefit_coverage(context: Call, service_type: Service) -> CallToolResult:
        """Say whether the caller's plan covers one kind of service, on what terms, with what needed first."""
        benefit = await service.benefit(owner_of(context), service_type)
        return tool_result(speech.of_benefit(benefit), {"benefit": benefit.model_dump(mode="json")})

    @mcp.tool()
    async def get_copay_info(context: Call, service_type: Service) -> CallToolResult:
        """Say what the caller pays for one kind of service: copay and coinsurance in and out of the network."""
        benefit = await service.benefit(owner_of(context), service_type)
        return tool_result(speech.of_copay(benefit), {"benefit": benefit.model_dump(mode="json")})

    @mcp.tool()
    async def get_deductible_status(context: Call) -> CallToolResult:
        """Say how much of the deductible the caller has met in the current plan year and how much is left."""
        limits = await service.limits(owner_of(context), "deductible")
        return tool_result(speech.of_limits(limits), {"deductible": limits.model_dump(mode="json")})

    @mcp.tool()
    async def get_out_of_pocket_status(context: Call) -> CallToolResult:
        """Say how far the caller is towards the out-of-pocket maximum of the current plan year."""
        limits = await service.limits(owner_of(context), "out_of_pocket")
        return tool_result(speech.of_limits(limits), {"out_of_pocket": limits.model_dump(mode="json")})

    @mcp.tool()
    async def get_preventive_care(context: Call) -> CallToolResult:
        """List checkups, screenings and vaccines recommended at the caller's age, and whether they are free."""
        care = await service.preventive_care(owner_of(context))
        return tool_result(speech.of_preventive(care), {"preventive_care": care.model_dump(mode="json")})
