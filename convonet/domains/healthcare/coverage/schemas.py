"""Coverage as its tools show it: ISO days, exact decimals, percentages from 0 to 100."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel

from convonet.domains.healthcare.cost_sharing import NOTHING
from convonet.domains.healthcare.enums import EligibilityStatus, ServiceCategory


class Progress(BaseModel):
    """A member's progress towards a limit: never beyond it, never below zero."""

    limit: Decimal
    met: Decimal
    remaining: Decimal

    @classmethod
    def towards(cls, limit: Decimal, counted: Decimal) -> Progress:
        """The counted amount, bounded by the limit."""
        met = min(max(counted, NOTHING), limit)
        return cls(limit=limit, met=met, remaining=limit - met)


class Coverage(BaseModel):
    """A member's coverage on the day `as_of`, with its first and last day."""

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


class PreventiveService(BaseModel):
    name: str
    how_often: str
    condition: str | None


class PreventiveCare(BaseModel):
    """Preventive services recommended at a member's age, and whether they cost nothing in the network."""

    age: int | None
    free_in_network: bool
    services: list[PreventiveService]
