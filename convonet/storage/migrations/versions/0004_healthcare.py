"""Create the healthcare tables of the replaced deployment; existing ones stay unchanged."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
MONEY = sa.Numeric(12, 2).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Create missing tables, those that others refer to first."""
    present = sa.inspect(op.get_bind()).get_table_names()
    for name, columns in TABLES.items():
        if name not in present:
            op.create_table(name, *columns())
            for fields, unique in INDEXES.get(name, ()):
                op.create_index(f"ix_{name}_{'_'.join(fields)}", name, list(fields), unique=unique)


def _key() -> sa.Column[Any]:
    return sa.Column("id", sa.Uuid, primary_key=True)


def _link(name: str, to: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Uuid, sa.ForeignKey(f"{to}.id"), nullable=nullable, index=True)


def _texts(**sizes: int) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.String(size)) for name, size in sizes.items()]


def _all(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind) for name in names]


def _times() -> list[sa.Column[Any]]:
    return [sa.Column("created_at", TIME, nullable=False), sa.Column("updated_at", TIME, nullable=False)]


def _required(name: str, kind: Any, *, unique: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, unique=unique)


def _plans() -> list[sa.Column[Any]]:
    return [
        _key(),
        _required("plan_code", sa.String(50), unique=True),
        _required("plan_name", sa.String(255)),
        _required("plan_type", sa.String(50)),
        _required("plan_year_start", TIME),
        _required("plan_year_end", TIME),
        _required("individual_deductible_in_network", MONEY),
        _required("individual_oop_max_in_network", MONEY),
        *_all(
            MONEY,
            "individual_deductible_out_of_network",
            "family_deductible_in_network",
            "family_deductible_out_of_network",
            "individual_oop_max_out_of_network",
            "family_oop_max_in_network",
            "family_oop_max_out_of_network",
            "default_copay",
            "default_coinsurance",
        ),
        *_all(sa.Boolean, "requires_referral", "has_pharmacy_benefit", "has_mental_health_parity"),
        sa.Column("plan_metadata", sa.JSON),
        *_times(),
    ]


def _members() -> list[sa.Column[Any]]:
    return [
        _key(),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users_anthropic.id"), nullable=False, unique=True),
        _required("member_number", sa.String(50), unique=True),
        *_texts(group_number=50),
        sa.Column("subscriber_id", sa.Uuid),
        _link("plan_id", "healthcare_plans"),
        *_texts(plan_name=255),
        _required("eligibility_status", sa.String(50)),
        _required("coverage_start_date", TIME),
        *_all(TIME, "coverage_end_date", "date_of_birth"),
        *_texts(relationship_to_subscriber=50, preferred_contact_method=50, preferred_language=10),
        sa.Column("member_metadata", sa.JSON),
        *_times(),
    ]


def _benefits() -> list[sa.Column[Any]]:
    return [
        _key(),
        _link("plan_id", "healthcare_plans"),
        _required("service_category", sa.String(50)),
        _required("is_covered", sa.Boolean),
        *_all(sa.Boolean, "requires_prior_auth", "requires_referral"),
        *_all(
            MONEY,
            "copay_in_network",
            "coinsurance_in_network",
            "copay_out_of_network",
            "coinsurance_out_of_network",
            "lifetime_limit",
        ),
        sa.Column("annual_limit", sa.Integer),
        sa.Column("coverage_notes", sa.Text),
        *_times(),
    ]


def _authorizations() -> list[sa.Column[Any]]:
    return [
        _key(),
        _link("member_id", "healthcare_members"),
        _required("auth_number", sa.String(50), unique=True),
        _required("procedure_code", sa.String(20)),
        *_texts(procedure_description=500, requesting_provider_npi=10, requesting_provider_name=255),
        *_texts(servicing_provider_npi=10, servicing_provider_name=255),
        *_all(sa.JSON, "diagnosis_codes", "supporting_documents", "auth_metadata"),
        *_all(sa.Text, "clinical_notes", "decision_reason", "reviewer_notes"),
        _required("status", sa.String(50)),
        sa.Column("approved_units", sa.Integer),
        *_all(TIME, "approved_from_date", "approved_to_date", "requested_date", "decision_date", "expiration_date"),
        sa.Column("is_urgent", sa.Boolean),
        *_times(),
    ]


def _claims() -> list[sa.Column[Any]]:
    return [
        _key(),
        _link("member_id", "healthcare_members"),
        _required("claim_number", sa.String(50), unique=True),
        _required("service_date", TIME),
        sa.Column("service_date_end", TIME),
        *_texts(place_of_service=100, provider_npi=10, provider_name=255, provider_network_tier=50),
        *_all(sa.JSON, "diagnosis_codes", "procedure_codes", "claim_metadata"),
        _required("billed_amount", MONEY),
        *_all(MONEY, "allowed_amount", "paid_amount", "member_responsibility"),
        *_all(MONEY, "deductible_applied", "copay_applied", "coinsurance_applied"),
        _required("status", sa.String(50)),
        *_texts(denial_reason=50, appeal_decision=50),
        *_all(sa.Text, "denial_details", "appeal_reason"),
        _link("prior_auth_id", "prior_authorizations", nullable=True),
        *_all(TIME, "received_date", "processed_date", "paid_date", "appeal_date", "appeal_decision_date"),
        sa.Column("is_appealed", sa.Boolean),
        *_times(),
    ]


def _lines() -> list[sa.Column[Any]]:
    return [
        _key(),
        _link("claim_id", "healthcare_claims"),
        _required("line_number", sa.Integer),
        _required("procedure_code", sa.String(20)),
        *_texts(procedure_description=500, denial_reason=100),
        sa.Column("modifier_codes", sa.JSON),
        *_all(sa.Integer, "diagnosis_pointer", "units"),
        _required("billed_amount", MONEY),
        *_all(MONEY, "allowed_amount", "paid_amount"),
        sa.Column("is_covered", sa.Boolean),
        sa.Column("created_at", TIME, nullable=False),
    ]


def _accumulations() -> list[sa.Column[Any]]:
    figures = [
        f"{who}_{what}_met_{where}_network"
        for who in ("individual", "family")
        for what in ("deductible", "oop")
        for where in ("in", "out_of")
    ]
    return [
        _key(),
        _link("member_id", "healthcare_members"),
        _required("plan_year", sa.Integer),
        *_all(MONEY, *figures),
        sa.Column("last_updated", TIME),
        sa.Column("created_at", TIME, nullable=False),
    ]


def _providers() -> list[sa.Column[Any]]:
    return [
        _key(),
        _required("npi", sa.String(10), unique=True),
        *_texts(tax_id=20, first_name=100, last_name=100, organization_name=255, primary_specialty=100),
        *_texts(phone=20, fax=20, email=255, website=255),
        *_texts(address_line_1=255, address_line_2=255, city=100, state=2, zip_code=10),
        _required("network_tier", sa.String(50)),
        sa.Column("is_accepting_patients", sa.Boolean),
        sa.Column("quality_rating", MONEY),
        sa.Column("patient_reviews_count", sa.Integer),
        *_all(sa.JSON, "secondary_specialties", "languages", "hospital_affiliations", "provider_metadata"),
        *_times(),
    ]


def _programs() -> list[sa.Column[Any]]:
    return [
        _key(),
        _required("program_code", sa.String(50), unique=True),
        _required("program_name", sa.String(255)),
        _required("program_type", sa.String(100)),
        *_all(sa.Text, "description", "eligibility_criteria"),
        sa.Column("target_conditions", sa.JSON),
        *_all(sa.Boolean, "includes_coaching", "includes_monitoring", "includes_rewards", "is_active"),
        *_times(),
    ]


def _enrollments() -> list[sa.Column[Any]]:
    return [
        _key(),
        _link("member_id", "healthcare_members"),
        _link("program_id", "care_programs"),
        *_all(TIME, "enrolled_date", "disenrolled_date", "last_activity_date"),
        sa.Column("is_active", sa.Boolean),
        sa.Column("completion_percentage", MONEY),
        sa.Column("enrollment_notes", sa.Text),
        *_times(),
    ]


TABLES = {
    "healthcare_plans": _plans,
    "healthcare_members": _members,
    "plan_benefits": _benefits,
    "prior_authorizations": _authorizations,
    "healthcare_claims": _claims,
    "claim_line_items": _lines,
    "member_accumulations": _accumulations,
    "healthcare_providers": _providers,
    "care_programs": _programs,
    "member_care_programs": _enrollments,
}

INDEXES = {
    "healthcare_claims": ((("member_id", "service_date"), False),),
    "member_accumulations": ((("member_id", "plan_year"), True),),
    "healthcare_providers": ((("primary_specialty", "zip_code"), False),),
    "member_care_programs": ((("member_id", "program_id"), True),),
}
