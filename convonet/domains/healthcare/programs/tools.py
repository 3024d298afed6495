"""The tools of care programs."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from convonet.domains.healthcare.programs import speech
from convonet.domains.healthcare.programs.service import ProgramService
from convonet.domains.healthcare.schemas import Call
from convonet.mcp.server import DomainServer, owner_of, tool_result

ProgramId = Annotated[
    str, Field(description="Id or code of a care program, from get_care_programs.", min_length=1, max_length=64)
]


def add_program_tools(mcp: DomainServer, service: ProgramService) -> None:
    """Add the tools to the domain's server."""

    @mcp.tool()
    async def get_care_programs(context: Call) -> CallToolResult:
        """List care programs (diabetes, heart, maternity and others) and which ones the caller is enrolled in."""
        found = await service.find(owner_of(context))
        return tool_result(
            speech.of_programs(found), {"programs": [program.model_dump(mode="json") for program in found]}
        )

    @mcp.tool()
    async def enroll_care_program(context: Call, program_id: ProgramId) -> CallToolResult:
        """Enroll the caller in a care program. Ask the caller to confirm first."""
        program = await service.enroll(owner_of(context), program_id)
        return tool_result(f"You are now enrolled in {program.name}.", {"program": program.model_dump(mode="json")})
