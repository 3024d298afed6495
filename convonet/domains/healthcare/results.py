"""What healthcare tools answer with: days as ISO dates, amounts as exact decimals, percentages from 0 to 100."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel

from convonet.domains.healthcare.cost_sharing import Progress
from convonet.domains.healthcare.vocabulary import (
    AuthStatus,
    ClaimStatus,
    DenialReason,
    EligibilityStatus,
    NetworkTier,
    ServiceCategory,
)


def day(moment: datetime) -> date:
    """The calendar day of a stored day."""
    return moment.date()


def day_or_none(moment: datetime | None) -> date | None:
    """The calendar day of a stored day, if there is one."""
    return None if moment is None else moment.date()


class Coverage(BaseModel):
    """Whether a member is covered on the day `as_of`, and since and until when."""

    is_covered: bool
    status: EligibilityStatus
    member_number: str
    group_number: str | None
    plan_name: str
    plan_type: str
    relationship_to_subscriber: str | None
    coverage_start: date
    coverage_end: date | None
    days_remaining: int | None
    plan_year_start: date
    plan_year_end: date
    as_of: date


class Benefit(BaseModel):
    """A plan's terms for one kind of service; a copay or coinsurance of None has not been agreed."""

    service: ServiceCategory
    is_covered: bool
    requires_prior_auth: bool = False
    requires_referral: bool = False
    copay_in_network: Decimal | None = None
    coinsurance_in_network: Decimal | None = None
    copay_out_of_network: Decimal | None = None
    coinsurance_out_of_network: Decimal | None = None
    visits_per_year: int | None = None
    notes: str | None = None


class Benefits(BaseModel):
    """All terms of a member's plan."""

    plan_name: str
    plan_type: str
    requires_referral: bool
    benefits: list[Benefit]


class Limits(BaseModel):
    """Progress towards one yearly limit; None where the plan has no such limit."""

    kind: Literal["deductible", "out_of_pocket"]
    plan_year_start: date
    plan_year_end: date
    individual_in_network: Progress
    individual_out_of_network: Progress | None
    family_in_network: Progress | None
    family_out_of_network: Progress | None


class ClaimLine(BaseModel):
    line_number: int
    procedure_code: str
    description: str | None
    units: int
    billed: Decimal
    allowed: Decimal | None
    paid: Decimal | None


class Claim(BaseModel):
    """A claim. Amounts but `billed` are None until it is decided."""

    claim_number: str
    status: ClaimStatus
    service_date: date
    provider_name: str | None
    provider_network: NetworkTier | None
    billed: Decimal
    allowed: Decimal | None
    paid: Decimal | None
    member_responsibility: Decimal | None
    denial_reason: DenialReason | None
    received_date: date | None
    processed_date: date | None
    can_be_appealed: bool
    appeal_until: date | None


class ClaimDetails(Claim):
    """A claim with its services, codes and the parts of what the member owes."""

    deductible_applied: Decimal | None
    copay_applied: Decimal | None
    coinsurance_applied: Decimal | None
    diagnosis_codes: list[str]
    procedure_codes: list[str]
    denial_details: str | None
    appeal_date: date | None
    appeal_decision_expected: date | None
    lines: list[ClaimLine]


class ExplanationOfBenefits(BaseModel):
    """Who pays what: billed = not_allowed + allowed, allowed = paid + member_responsibility."""

    claim_number: str
    status: ClaimStatus
    service_date: date
    provider_name: str | None
    billed: Decimal
    not_allowed: Decimal
    allowed: Decimal
    paid: Decimal
    deductible_applied: Decimal
    copay_applied: Decimal
    coinsurance_applied: Decimal
    member_responsibility: Decimal
    denial_reason: DenialReason | None
    denial_details: str | None
    lines: list[ClaimLine]


class Appeal(BaseModel):
    claim_number: str
    status: ClaimStatus
    filed_on: date
    decision_expected: date


class AuthRule(BaseModel):
    """Whether prior authorization is needed; None when there is no rule for what was asked."""

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


class Provider(BaseModel):
    """A doctor or organization; `miles` only when it was searched by distance."""

    npi: str
    name: str
    specialty: str | None
    network: NetworkTier
    in_network: bool
    accepting_patients: bool
    phone: str | None
    address: str | None
    city: str | None
    zip_code: str | None
    miles: float | None = None
    rating: Decimal | None = None
    languages: list[str] = []


class ProviderDetails(Provider):
    """A provider with everything that the directory knows."""

    other_specialties: list[str]
    hospital_affiliations: list[str]
    reviews: int
    email: str | None
    website: str | None


class ProvidersFound(BaseModel):
    """Found providers, around which ZIP code if the search was by distance, and whether there are more."""

    specialty: str
    zip_code: str | None
    radius_miles: int | None
    providers: list[Provider]
    more: bool


class Program(BaseModel):
    """A care program, and whether the member is in it."""

    program_id: str
    program_code: str
    name: str
    kind: str
    description: str | None
    for_whom: str | None
    conditions: list[str]
    coaching: bool
    monitoring: bool
    rewards: bool
    enrolled_on: date | None
    completion_percentage: Decimal | None


class PreventiveService(BaseModel):
    name: str
    how_often: str
    condition: str | None


class PreventiveCare(BaseModel):
    """Preventive services recommended at a member's age, and whether they cost nothing in the network."""

    age: int | None
    free_in_network: bool
    services: list[PreventiveService]
