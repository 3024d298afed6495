"""Claims as their tools show them: ISO days, exact decimals."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import BaseModel

from convonet.domains.healthcare.enums import ClaimStatus, DenialReason, NetworkTier


class ClaimLine(BaseModel):
    line_number: int
    procedure_code: str
    description: str | None
    units: int
    billed: Decimal
    allowed: Decimal | None
    paid: Decimal | None


class Claim(BaseModel):
    """A claim. All amounts but `billed` are None until it is decided."""

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
    """A claim with its services, codes and the member's share."""

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
    """The division of a claim: billed = not_allowed + allowed, allowed = paid + member_responsibility."""

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
