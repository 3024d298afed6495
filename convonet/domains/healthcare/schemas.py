"""The arguments that healthcare tools share, with their bounds."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import Field, StringConstraints

Call = Context[Any, Any]

ClaimId = Annotated[
    str,
    Field(description="Number or id of one of the caller's claims, from search_claims.", max_length=64, min_length=1),
]

AuthId = Annotated[
    str,
    Field(
        description="Number or id of one of the caller's prior authorizations, from list_prior_auths.",
        max_length=64,
        min_length=1,
    ),
]
Npi = Annotated[str, Field(description="A provider's ten-digit NPI, from search_providers.", max_length=20)]

Service = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    Field(description="Kind of service in the caller's words, such as specialist visit, MRI, emergency, prescription."),
]
ProcedureCode = Annotated[str, Field(description="CPT or HCPCS code, such as 70553.", max_length=20)]
DiagnosisCode = Annotated[str, Field(description="ICD-10 code, such as M17.11.", max_length=20)]
Notes = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
