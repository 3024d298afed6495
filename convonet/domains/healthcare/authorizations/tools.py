"""The tools of prior authorization."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field, StringConstraints

from convonet.domains.healthcare.authorizations import speech
from convonet.domains.healthcare.authorizations.schemas import NewAuthorization
from convonet.domains.healthcare.authorizations.service import AuthorizationService
from convonet.domains.healthcare.codes import diagnosis_code_of, npi_of, procedure_code_of
from convonet.domains.healthcare.enums import AuthStatus
from convonet.domains.healthcare.schemas import AuthId, Call, DiagnosisCode, Notes, Npi, ProcedureCode, Service
from convonet.mcp.server import DomainServer, owner_of, tool_result

Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
Urgent = Annotated[bool, Field(description="Whether waiting would endanger health: decided in 3 days, not 15.")]


def add_authorization_tools(mcp: DomainServer, service: AuthorizationService) -> None:
    """Add the tools to the domain's server."""

    @mcp.tool()
    async def check_prior_auth_required(
        context: Call,
        procedure_code: ProcedureCode | None = None,
        service_type: Service | None = None,
        diagnosis_code: DiagnosisCode | None = None,
    ) -> CallToolResult:
        """Say whether a procedure or kind of service needs prior authorization. Give a code or a kind of service."""
        if diagnosis_code:
            diagnosis_code_of(diagnosis_code)
        code = procedure_code_of(procedure_code) if procedure_code else None
        rule = await service.rule(owner_of(context), code, service_type)
        return tool_result(speech.of_rule(rule), {"rule": rule.model_dump(mode="json")})

    @mcp.tool()
    async def submit_prior_auth(
        context: Call,
        procedure_code: ProcedureCode,
        provider_npi: Npi,
        diagnosis_code: DiagnosisCode | None = None,
        procedure_description: Description | None = None,
        clinical_notes: Notes | None = None,
        is_urgent: Urgent = False,
    ) -> CallToolResult:
        """Ask for prior authorization of a procedure for the caller. Ask the caller to confirm first."""
        owner = owner_of(context)
        request = NewAuthorization(
            procedure_code=procedure_code_of(procedure_code),
            provider_npi=npi_of(provider_npi),
            diagnosis_code=diagnosis_code_of(diagnosis_code) if diagnosis_code else None,
            procedure_description=procedure_description or None,
            clinical_notes=clinical_notes or None,
            is_urgent=is_urgent,
        )
        made = await service.submit(owner, request)
        return tool_result(
            speech.of_submitted(made, owner.today()), {"prior_authorization": made.model_dump(mode="json")}
        )

    @mcp.tool()
    async def get_prior_auth_status(context: Call, auth_id: AuthId) -> CallToolResult:
        """Say how one of the caller's prior authorizations stands and when a decision is due."""
        owner = owner_of(context)
        found = await service.status(owner, auth_id)
        return tool_result(
            speech.of_authorization(found, owner.today()),
            {"prior_authorization": found.model_dump(mode="json")},
        )

    @mcp.tool()
    async def list_prior_auths(context: Call, status: AuthStatus | None = None) -> CallToolResult:
        """List the caller's prior authorizations, newest first. Use it also to find an authorization's number."""
        owner = owner_of(context)
        found = await service.find(owner, status)
        data = {"prior_authorizations": [one.model_dump(mode="json") for one in found]}
        return tool_result(speech.of_authorizations(found, owner.today()), data)
