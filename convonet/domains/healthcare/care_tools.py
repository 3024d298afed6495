"""The tools of the provider directory and of care programs."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field, StringConstraints

from convonet.domains.healthcare import claim_sentences, sentences
from convonet.domains.healthcare.arguments import Call, Npi
from convonet.domains.healthcare.codes import npi_of, zip_code_of
from convonet.domains.healthcare.programs import ProgramService
from convonet.domains.healthcare.providers import ProviderService
from convonet.mcp.server import DomainServer, owner_of, tool_result

Specialty = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=2, max_length=100),
    Field(description="Specialty or kind of doctor, such as cardiology or dermatologist."),
]
ZipCode = Annotated[
    str, Field(description="Five-digit ZIP code to search around; default: the caller's home.", max_length=10)
]
ProgramId = Annotated[
    str, Field(description="Id or code of a care program, from get_care_programs.", min_length=1, max_length=64)
]


def add_care_tools(mcp: DomainServer, directory: ProviderService, programs: ProgramService) -> None:
    """Add them to the server."""

    @mcp.tool()
    async def search_providers(
        context: Call,
        specialty: Specialty,
        zip_code: ZipCode | None = None,
        radius_miles: Annotated[int, Field(ge=1, le=100)] = 25,
        limit: Annotated[int, Field(ge=1, le=50)] = 10,
    ) -> CallToolResult:
        """Find doctors and clinics by specialty near a ZIP code, nearest first, with their network status."""

        around = zip_code_of(zip_code) if zip_code else None
        found = await directory.search(
            owner_of(context), specialty, zip_code=around, radius_miles=radius_miles, limit=limit
        )
        return tool_result(claim_sentences.of_providers(found), found.model_dump(mode="json"))

    @mcp.tool()
    async def check_provider_network(context: Call, npi: Npi) -> CallToolResult:
        """Say whether a provider is in the caller's network and takes new patients."""

        provider = await directory.details(owner_of(context), npi_of(npi))
        return tool_result(claim_sentences.of_network(provider), {"provider": provider.model_dump(mode="json")})

    @mcp.tool()
    async def get_provider_details(context: Call, npi: Npi) -> CallToolResult:
        """Give a provider's address, phone, languages, hospitals and rating."""

        provider = await directory.details(owner_of(context), npi_of(npi))
        return tool_result(claim_sentences.of_provider(provider), {"provider": provider.model_dump(mode="json")})

    @mcp.tool()
    async def get_care_programs(context: Call) -> CallToolResult:
        """List care programs (diabetes, heart, maternity and others) and which ones the caller is enrolled in."""

        found = await programs.find(owner_of(context))
        return tool_result(
            sentences.of_programs(found), {"programs": [program.model_dump(mode="json") for program in found]}
        )

    @mcp.tool()
    async def enroll_care_program(context: Call, program_id: ProgramId) -> CallToolResult:
        """Enroll the caller in a care program. Ask the caller to confirm first."""

        program = await programs.enroll(owner_of(context), program_id)
        return tool_result(f"You are now enrolled in {program.name}.", {"program": program.model_dump(mode="json")})
