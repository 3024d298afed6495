"""Demo data of the healthcare payer: a plan, a directory, and a member with half a year of claims before `now`.

A later run adds what is missing, also the claims of a plan year that has begun since. So the member's progress towards
the limits is never that of a past year.
"""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.domains.healthcare.authorizations.service import DECISION, OPEN, URGENT_DECISION
from convonet.domains.healthcare.coverage.service import booked_figures
from convonet.domains.healthcare.demo.adjudication import Adjudicator, last_of
from convonet.domains.healthcare.demo.member import AUTHORIZATIONS, CLAIMS, DemoAuthorization, DemoClaim
from convonet.domains.healthcare.demo.plan import BENEFITS, PLAN, PLAN_CODE, PROGRAMS, PROVIDERS, DemoBenefit
from convonet.domains.healthcare.enums import AUTH_TRANSITIONS, AuthStatus, EligibilityStatus
from convonet.domains.healthcare.models import (
    AccumulationRow,
    AuthorizationRow,
    BenefitRow,
    ClaimRow,
    EnrollmentRow,
    MemberRow,
    PlanRow,
    ProgramRow,
    ProviderRow,
    day,
    midnight,
)
from convonet.domains.healthcare.plan_year import PlanYear, plan_year_on
from convonet.domains.healthcare.repository import MemberRepository

NAMESPACE = uuid.UUID("5b0c8a52-6f0a-4a3e-9f4b-8d9b8a6f2c10")
"""Ids of the demonstration's rows are names in it: the same row has the same id on every run."""

MONTHS_INTO_PLAN_YEAR = 6
HOME_ZIP = "94110"
AGE_YEARS = 47
JOINED_CODE = "CVN-HEART"


async def seed(session: AsyncSession, user_id: uuid.UUID, now: datetime) -> None:
    """Add missing rows for one caller; the member of another plan is left alone."""
    plan = await _plan(session, now)
    await _directory(session, now)
    member = await session.scalar(select(MemberRow).where(MemberRow.user_id == user_id))
    if member is None:
        member = _member(user_id, plan, now)
        session.add(member)
        await session.flush()
    if member.id != _id("member", user_id):
        return
    await _history(session, member, plan, now)


def _id(*names: object) -> uuid.UUID:
    return uuid.uuid5(NAMESPACE, "/".join(str(name) for name in names))


async def _plan(session: AsyncSession, now: datetime) -> PlanRow:
    plan = await session.scalar(select(PlanRow).where(PlanRow.plan_code == PLAN_CODE))
    if plan is not None:
        return plan
    start = _months_before(now.date(), MONTHS_INTO_PLAN_YEAR)
    year = plan_year_on(now.date(), start)
    plan = PlanRow(
        id=_id("plan"),
        plan_year_start=midnight(year.start),
        plan_year_end=midnight(year.end),
        created_at=now,
        updated_at=now,
        **PLAN,
    )
    session.add(plan)
    await session.flush()
    session.add_all(_benefit(benefit, plan, now) for benefit in BENEFITS)
    return plan


def _benefit(benefit: DemoBenefit, plan: PlanRow, now: datetime) -> BenefitRow:
    return BenefitRow(
        id=_id("benefit", benefit.service),
        plan_id=plan.id,
        service_category=benefit.service,
        is_covered=True,
        requires_prior_auth=benefit.prior_auth,
        requires_referral=False,
        copay_in_network=_exact(benefit.copay),
        coinsurance_in_network=_exact(benefit.coinsurance),
        copay_out_of_network=_exact(benefit.copay) if benefit.outside == 0 else None,
        coinsurance_out_of_network=_exact(benefit.outside or None),
        annual_limit=benefit.visits,
        coverage_notes=benefit.notes,
        created_at=now,
        updated_at=now,
    )


async def _directory(session: AsyncSession, now: datetime) -> None:
    known = set(await session.scalars(select(ProviderRow.npi).where(ProviderRow.npi.in_([p.npi for p in PROVIDERS]))))
    for number, provider in enumerate(PROVIDERS, 1):
        if provider.npi in known:
            continue
        session.add(
            ProviderRow(
                id=_id("provider", provider.npi),
                npi=provider.npi,
                first_name=provider.first_name,
                last_name=provider.last_name,
                organization_name=provider.organization,
                primary_specialty=provider.specialty,
                secondary_specialties=list(provider.also),
                phone=f"415-555-01{number:02d}",
                email=f"office{number}@example.com",
                address_line_1=f"{number}00 Example Street",
                city=provider.city,
                state="CA",
                zip_code=provider.zip_code,
                network_tier=provider.tier,
                is_accepting_patients=provider.accepting,
                quality_rating=Decimal(provider.rating),
                patient_reviews_count=20 + 7 * number,
                languages=list(provider.languages),
                hospital_affiliations=["Demo General Hospital"],
                created_at=now,
                updated_at=now,
            )
        )
    codes = [program.code for program in PROGRAMS]
    offered = set(await session.scalars(select(ProgramRow.program_code).where(ProgramRow.program_code.in_(codes))))
    session.add_all(
        ProgramRow(
            id=_id("program", program.code),
            program_code=program.code,
            program_name=program.name,
            program_type=program.kind,
            description=program.description,
            eligibility_criteria=program.for_whom,
            target_conditions=list(program.conditions),
            includes_coaching=True,
            includes_monitoring=program.monitoring,
            includes_rewards=program.rewards,
            is_active=True,
            created_at=now,
            updated_at=now,
        )
        for program in PROGRAMS
        if program.code not in offered
    )
    await session.flush()


def _member(user_id: uuid.UUID, plan: PlanRow, now: datetime) -> MemberRow:
    key = _id("member", user_id)
    return MemberRow(
        id=key,
        user_id=user_id,
        member_number=f"CVN{key.int % 10**9:09d}",
        group_number="DEMO-100",
        plan_id=plan.id,
        plan_name=plan.plan_name,
        eligibility_status=EligibilityStatus.ACTIVE,
        coverage_start_date=midnight(_months_before(now.date(), 24 + MONTHS_INTO_PLAN_YEAR)),
        date_of_birth=midnight(_months_before(now.date(), 12 * AGE_YEARS + 5)),
        relationship_to_subscriber="self",
        preferred_contact_method="phone",
        preferred_language="en",
        member_metadata={"zip_code": HOME_ZIP},
        created_at=now,
        updated_at=now,
    )


async def _history(session: AsyncSession, member: MemberRow, plan: PlanRow, now: datetime) -> None:
    year = plan_year_on(now.date(), day(plan.plan_year_start))
    claims = set(await session.scalars(select(ClaimRow.id).where(ClaimRow.member_id == member.id)))
    missing = [
        (key, claim)
        for number, claim in enumerate(CLAIMS)
        if (key := _id("claim", member.user_id, year.number, number)) not in claims
        and (not claims or now.date() - timedelta(days=claim.age_days) >= year.start)
    ]
    await _add_claims(session, member, plan, year, missing, now)
    for number, authorization in enumerate(AUTHORIZATIONS):
        key = _id("authorization", member.user_id, year.number, number)
        if await session.get(AuthorizationRow, key) is None:
            session.add(_authorization(key, member, authorization, now))
    await _join(session, member, now)
    await session.flush()


async def _add_claims(
    session: AsyncSession,
    member: MemberRow,
    plan: PlanRow,
    year: PlanYear,
    missing: list[tuple[uuid.UUID, DemoClaim]],
    now: datetime,
) -> None:
    repository = MemberRepository(session, member)
    adjudicator = Adjudicator(plan, await repository.benefits(), await repository.counted(year))
    decided = [adjudicator.decide(key, member.id, claim, now) for key, claim in missing]
    session.add_all(row for row, _ in decided)
    await session.flush()
    session.add_all(line for _, lines in decided for line in lines)
    booked = await repository.accumulation(year)
    if booked is None:
        booked = AccumulationRow(
            id=_id("accumulation", member.user_id, year.number),
            member_id=member.id,
            plan_year=year.number,
            created_at=now,
        )
        session.add(booked)
    for column, amount in booked_figures(adjudicator.counted).items():
        setattr(booked, column, amount)
    booked.last_updated = now


def _authorization(key: uuid.UUID, member: MemberRow, demo: DemoAuthorization, now: datetime) -> AuthorizationRow:
    requested = now - timedelta(days=demo.age_days)
    status = last_of(demo.path, AUTH_TRANSITIONS)
    decided = None if status in OPEN else requested + (URGENT_DECISION if demo.is_urgent else DECISION) / 2
    until = None if demo.valid_days is None else midnight(now.date() + timedelta(days=demo.valid_days))
    provider = next(provider.name for provider in PROVIDERS if provider.npi == demo.npi)
    return AuthorizationRow(
        id=key,
        member_id=member.id,
        auth_number=f"AUTH{requested:%Y%m%d}{key.int % 10**5:05d}",
        procedure_code=demo.code,
        procedure_description=demo.description,
        diagnosis_codes=[demo.diagnosis],
        requesting_provider_npi=demo.npi,
        requesting_provider_name=provider,
        status=status,
        decision_reason=demo.reason,
        approved_units=demo.units,
        approved_from_date=decided if status is AuthStatus.APPROVED else None,
        approved_to_date=until,
        requested_date=requested,
        decision_date=decided,
        expiration_date=until,
        is_urgent=demo.is_urgent,
        created_at=now,
        updated_at=now,
    )


async def _join(session: AsyncSession, member: MemberRow, now: datetime) -> None:
    program = await session.scalar(select(ProgramRow).where(ProgramRow.program_code == JOINED_CODE))
    key = _id("enrollment", member.user_id)
    if program is None or await session.get(EnrollmentRow, key) is not None:
        return
    session.add(
        EnrollmentRow(
            id=key,
            member_id=member.id,
            program_id=program.id,
            enrolled_date=now - timedelta(days=80),
            is_active=True,
            completion_percentage=Decimal(40),
            last_activity_date=now - timedelta(days=6),
            created_at=now,
            updated_at=now,
        )
    )


def _months_before(day: date, months: int) -> date:
    """The first of the month, so many months before."""
    total = day.year * 12 + day.month - 1 - months
    return date(total // 12, total % 12 + 1, 1)


def _exact(amount: int | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)
