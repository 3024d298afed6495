"""Prior authorizations as their tools show and take them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pydantic import BaseModel

from convonet.domains.healthcare.enums import AuthStatus, ServiceCategory


class AuthRule(BaseModel):
    """A rule on prior authorization; `required` is None when there is no rule."""

    required: bool | None
    procedure_code: str | None
    procedure: str | None
    service: ServiceCategory | None


class Authorization(BaseModel):
    """A prior authorization; `decision_expected` only while it is being reviewed."""

    auth_number: str
    status: AuthStatus
    procedure_code: str
    procedure: str | None
    provider_name: str | None
    is_urgent: bool
    requested_on: date | None
    decision_expected: date | None
    decided_on: date | None
    decision_reason: str | None
    approved_units: int | None
    valid_until: date | None


@dataclass(frozen=True, slots=True)
class NewAuthorization:
    """A request to make; codes are checked for their form, the provider must be in the directory."""

    procedure_code: str
    provider_npi: str
    diagnosis_code: str | None
    procedure_description: str | None
    clinical_notes: str | None
    is_urgent: bool
