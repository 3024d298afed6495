"""The tools of the provider directory."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field, StringConstraints

from convonet.domains.healthcare.codes import npi_of, zip_code_of
from convonet.domains.healthcare.providers import speech
from convonet.domains.healthcare.providers.service import ProviderService
from convonet.domains.healthcare.schemas import Call, Npi
from convonet.mcp.server import DomainServer, owner_of, tool_result

Specialty = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=2, max_length=100),
    Field(description="Specialty or kind of doctor, such as cardiology or dermatologist."),
]

ZipCode = Annotated[
    str, Field(description="Five-digit ZIP code to search around; default: the caller's home.", max_length=10)
]


def add_provider_tools(mcp: DomainServer, service: ProviderService) -> None:
    """Add the tools to the domain's server."""

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
        found = await service.search(
            owner_of(context), specialty, zip_code=around, radius_miles=radius_miles, limit=limit
        )
        return tool_result(speech.of_providers(found), found.model_dump(mode="json"))

    @mcp.tool()
    async def check_provider_network(context: Call, npi: Npi) -> CallToolResult:
        """Say whether a provider is in the caller's network and takes new patients."""
        provider = await service.details(owner_of(context), npi_of(npi))
        return tool_result(speech.of_network(provider), {"provider": provider.model_dump(mode="json")})

    @mcp.tool()
    async def get_provider_details(context: Call, npi: Npi) -> CallToolResult:
        """Give a provider's address, phone, languages, hospitals and rating."""
        provider = await service.details(owner_of(context), npi_of(npi))
        return tool_result(speech.of_provider(provider), {"provider": provider.model_dump(mode="json")})
