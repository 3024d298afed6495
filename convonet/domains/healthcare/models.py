"""The existing tables of the healthcare payer. Calendar days are stored as midnight UTC."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from convonet.storage.database import Base
from convonet.storage.types import Moment, Money

Percent = Money
"""Percentages and ratings have two exact decimals too."""
Names = JSON(none_as_null=True)


class MemberRow(Base):
    """A member of a plan: at most one per caller."""

    __tablename__ = "healthcare_members"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(unique=True)
    member_number: Mapped[str] = mapped_column(String(50), unique=True)
    group_number: Mapped[str | None] = mapped_column(String(50))
    subscriber_id: Mapped[uuid.UUID | None]
    plan_id: Mapped[uuid.UUID]
    plan_name: Mapped[str | None] = mapped_column(String(255))
    eligibility_status: Mapped[str] = mapped_column(String(50))
    coverage_start_date: Mapped[datetime] = mapped_column(Moment)
    coverage_end_date: Mapped[datetime | None] = mapped_column(Moment)
    date_of_birth: Mapped[datetime | None] = mapped_column(Moment)
    relationship_to_subscriber: Mapped[str | None] = mapped_column(String(50))
    preferred_contact_method: Mapped[str | None] = mapped_column(String(50))
    preferred_language: Mapped[str | None] = mapped_column(String(10))
    member_metadata: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)


class PlanRow(Base):
    """A plan and its limits. `plan_year_start` names the day on which every plan year begins, not one certain year."""

    __tablename__ = "healthcare_plans"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    plan_code: Mapped[str] = mapped_column(String(50), unique=True)
    plan_name: Mapped[str] = mapped_column(String(255))
    plan_type: Mapped[str] = mapped_column(String(50))
    plan_year_start: Mapped[datetime] = mapped_column(Moment)
    plan_year_end: Mapped[datetime] = mapped_column(Moment)
    individual_deductible_in_network: Mapped[Decimal] = mapped_column(Money)
    individual_deductible_out_of_network: Mapped[Decimal | None] = mapped_column(Money)
    family_deductible_in_network: Mapped[Decimal | None] = mapped_column(Money)
    family_deductible_out_of_network: Mapped[Decimal | None] = mapped_column(Money)
    individual_oop_max_in_network: Mapped[Decimal] = mapped_column(Money)
    individual_oop_max_out_of_network: Mapped[Decimal | None] = mapped_column(Money)
    family_oop_max_in_network: Mapped[Decimal | None] = mapped_column(Money)
    family_oop_max_out_of_network: Mapped[Decimal | None] = mapped_column(Money)
    default_copay: Mapped[Decimal | None] = mapped_column(Money)
    default_coinsurance: Mapped[Decimal | None] = mapped_column(Percent)
    requires_referral: Mapped[bool | None]
    has_pharmacy_benefit: Mapped[bool | None]
    has_mental_health_parity: Mapped[bool | None]
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)


class BenefitRow(Base):
    """A plan's terms for one kind of service; `annual_limit` counts visits."""

    __tablename__ = "plan_benefits"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    plan_id: Mapped[uuid.UUID]
    service_category: Mapped[str] = mapped_column(String(50))
    is_covered: Mapped[bool]
    requires_prior_auth: Mapped[bool | None]
    requires_referral: Mapped[bool | None]
    copay_in_network: Mapped[Decimal | None] = mapped_column(Money)
    coinsurance_in_network: Mapped[Decimal | None] = mapped_column(Percent)
    copay_out_of_network: Mapped[Decimal | None] = mapped_column(Money)
    coinsurance_out_of_network: Mapped[Decimal | None] = mapped_column(Percent)
    annual_limit: Mapped[int | None]
    lifetime_limit: Mapped[Decimal | None] = mapped_column(Money)
    coverage_notes: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)


class ClaimRow(Base):
    """A claim. Once decided: allowed = paid + responsibility, responsibility = deductible + copay + coinsurance."""

    __tablename__ = "healthcare_claims"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    member_id: Mapped[uuid.UUID]
    claim_number: Mapped[str] = mapped_column(String(50), unique=True)
    service_date: Mapped[datetime] = mapped_column(Moment)
    service_date_end: Mapped[datetime | None] = mapped_column(Moment)
    place_of_service: Mapped[str | None] = mapped_column(String(100))
    provider_npi: Mapped[str | None] = mapped_column(String(10))
    provider_name: Mapped[str | None] = mapped_column(String(255))
    provider_network_tier: Mapped[str | None] = mapped_column(String(50))
    diagnosis_codes: Mapped[list[str] | None] = mapped_column(Names)
    procedure_codes: Mapped[list[str] | None] = mapped_column(Names)
    billed_amount: Mapped[Decimal] = mapped_column(Money)
    allowed_amount: Mapped[Decimal | None] = mapped_column(Money)
    paid_amount: Mapped[Decimal | None] = mapped_column(Money)
    member_responsibility: Mapped[Decimal | None] = mapped_column(Money)
    deductible_applied: Mapped[Decimal | None] = mapped_column(Money)
    copay_applied: Mapped[Decimal | None] = mapped_column(Money)
    coinsurance_applied: Mapped[Decimal | None] = mapped_column(Money)
    status: Mapped[str] = mapped_column(String(50))
    denial_reason: Mapped[str | None] = mapped_column(String(50))
    denial_details: Mapped[str | None]
    prior_auth_id: Mapped[uuid.UUID | None]
    received_date: Mapped[datetime | None] = mapped_column(Moment)
    processed_date: Mapped[datetime | None] = mapped_column(Moment)
    paid_date: Mapped[datetime | None] = mapped_column(Moment)
    is_appealed: Mapped[bool | None]
    appeal_date: Mapped[datetime | None] = mapped_column(Moment)
    appeal_reason: Mapped[str | None]
    appeal_decision: Mapped[str | None] = mapped_column(String(50))
    appeal_decision_date: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)


class ClaimLineRow(Base):
    """One service of a claim; the lines add up to the claim."""

    __tablename__ = "claim_line_items"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    claim_id: Mapped[uuid.UUID]
    line_number: Mapped[int]
    procedure_code: Mapped[str] = mapped_column(String(20))
    procedure_description: Mapped[str | None] = mapped_column(String(500))
    units: Mapped[int | None]
    billed_amount: Mapped[Decimal] = mapped_column(Money)
    allowed_amount: Mapped[Decimal | None] = mapped_column(Money)
    paid_amount: Mapped[Decimal | None] = mapped_column(Money)
    is_covered: Mapped[bool | None]
    denial_reason: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(Moment)


class AuthorizationRow(Base):
    """A prior authorization. `decision_date` is when it was decided, None before."""

    __tablename__ = "prior_authorizations"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    member_id: Mapped[uuid.UUID]
    auth_number: Mapped[str] = mapped_column(String(50), unique=True)
    procedure_code: Mapped[str] = mapped_column(String(20))
    procedure_description: Mapped[str | None] = mapped_column(String(500))
    diagnosis_codes: Mapped[list[str] | None] = mapped_column(Names)
    requesting_provider_npi: Mapped[str | None] = mapped_column(String(10))
    requesting_provider_name: Mapped[str | None] = mapped_column(String(255))
    servicing_provider_npi: Mapped[str | None] = mapped_column(String(10))
    servicing_provider_name: Mapped[str | None] = mapped_column(String(255))
    clinical_notes: Mapped[str | None]
    status: Mapped[str] = mapped_column(String(50))
    decision_reason: Mapped[str | None]
    approved_units: Mapped[int | None]
    approved_from_date: Mapped[datetime | None] = mapped_column(Moment)
    approved_to_date: Mapped[datetime | None] = mapped_column(Moment)
    requested_date: Mapped[datetime | None] = mapped_column(Moment)
    decision_date: Mapped[datetime | None] = mapped_column(Moment)
    expiration_date: Mapped[datetime | None] = mapped_column(Moment)
    is_urgent: Mapped[bool | None]
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)


class AccumulationRow(Base):
    """The amounts that count towards the limits in one plan year; `plan_year` is the year in which it began."""

    __tablename__ = "member_accumulations"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    member_id: Mapped[uuid.UUID]
    plan_year: Mapped[int]
    individual_deductible_met_in_network: Mapped[Decimal | None] = mapped_column(Money)
    individual_deductible_met_out_of_network: Mapped[Decimal | None] = mapped_column(Money)
    family_deductible_met_in_network: Mapped[Decimal | None] = mapped_column(Money)
    family_deductible_met_out_of_network: Mapped[Decimal | None] = mapped_column(Money)
    individual_oop_met_in_network: Mapped[Decimal | None] = mapped_column(Money)
    individual_oop_met_out_of_network: Mapped[Decimal | None] = mapped_column(Money)
    family_oop_met_in_network: Mapped[Decimal | None] = mapped_column(Money)
    family_oop_met_out_of_network: Mapped[Decimal | None] = mapped_column(Money)
    last_updated: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)


class ProviderRow(Base):
    """A doctor or an organization of the directory."""

    __tablename__ = "healthcare_providers"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    npi: Mapped[str] = mapped_column(String(10), unique=True)
    first_name: Mapped[str | None] = mapped_column(String(100))
    last_name: Mapped[str | None] = mapped_column(String(100))
    organization_name: Mapped[str | None] = mapped_column(String(255))
    primary_specialty: Mapped[str | None] = mapped_column(String(100))
    secondary_specialties: Mapped[list[str] | None] = mapped_column(Names)
    phone: Mapped[str | None] = mapped_column(String(20))
    email: Mapped[str | None] = mapped_column(String(255))
    website: Mapped[str | None] = mapped_column(String(255))
    address_line_1: Mapped[str | None] = mapped_column(String(255))
    address_line_2: Mapped[str | None] = mapped_column(String(255))
    city: Mapped[str | None] = mapped_column(String(100))
    state: Mapped[str | None] = mapped_column(String(2))
    zip_code: Mapped[str | None] = mapped_column(String(10))
    network_tier: Mapped[str] = mapped_column(String(50))
    is_accepting_patients: Mapped[bool | None]
    quality_rating: Mapped[Decimal | None] = mapped_column(Percent)
    patient_reviews_count: Mapped[int | None]
    languages: Mapped[list[str] | None] = mapped_column(Names)
    hospital_affiliations: Mapped[list[str] | None] = mapped_column(Names)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)


class ProgramRow(Base):
    """A care program that members may join."""

    __tablename__ = "care_programs"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    program_code: Mapped[str] = mapped_column(String(50), unique=True)
    program_name: Mapped[str] = mapped_column(String(255))
    program_type: Mapped[str] = mapped_column(String(100))
    description: Mapped[str | None]
    eligibility_criteria: Mapped[str | None]
    target_conditions: Mapped[list[str] | None] = mapped_column(Names)
    includes_coaching: Mapped[bool | None]
    includes_monitoring: Mapped[bool | None]
    includes_rewards: Mapped[bool | None]
    is_active: Mapped[bool | None]
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)


class EnrollmentRow(Base):
    """A member in a care program; one row per pair, also after leaving and coming back."""

    __tablename__ = "member_care_programs"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    member_id: Mapped[uuid.UUID]
    program_id: Mapped[uuid.UUID]
    enrolled_date: Mapped[datetime | None] = mapped_column(Moment)
    disenrolled_date: Mapped[datetime | None] = mapped_column(Moment)
    is_active: Mapped[bool | None]
    completion_percentage: Mapped[Decimal | None] = mapped_column(Percent)
    last_activity_date: Mapped[datetime | None] = mapped_column(Moment)
    enrollment_notes: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)


def midnight(day: date) -> datetime:
    """The stored form of a calendar day."""
    return datetime.combine(day, time(), UTC)


def day(moment: datetime) -> date:
    """The calendar day of a stored day."""
    return moment.date()


def day_or_none(moment: datetime | None) -> date | None:
    """The calendar day of a stored day, if there is one."""
    return None if moment is None else moment.date()
