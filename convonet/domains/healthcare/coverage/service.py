"""The service of eligibility, benefits and limits. The day is the caller's own."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from convonet.core.owner import Owner
from convonet.domains.healthcare.cost_sharing import NOTHING
from convonet.domains.healthcare.coverage.prevention import recommended
from convonet.domains.healthcare.coverage.schemas import Benefit, Benefits, Coverage, Limits, PreventiveCare, Progress
from convonet.domains.healthcare.enums import EligibilityStatus, ServiceCategory
from convonet.domains.healthcare.models import AccumulationRow, BenefitRow, MemberRow, PlanRow, day, day_or_none
from convonet.domains.healthcare.plan_year import PlanYear, plan_year_on
from convonet.domains.healthcare.repository import Counted, MemberRepository, membership
from convonet.domains.healthcare.synonyms import service_category
from convonet.storage.database import Database

COVERED = frozenset({EligibilityStatus.ACTIVE, EligibilityStatus.COBRA})
"""With COBRA a former employee keeps the same coverage at their own cost."""
Kind = Literal["deductible", "out_of_pocket"]


class CoverageService:
    """Eligibility, benefits and limits of the calling member. Raises `NotAMember`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def coverage(self, owner: Owner) -> Coverage:
        async with self._database.reading() as session:
            member, plan = await membership(session, owner.user_id)
        return coverage_on(owner.today(), member, plan)

    async def benefits(self, owner: Owner) -> Benefits:
        async with self._database.reading() as session:
            member, plan = await membership(session, owner.user_id)
            rows = await MemberRepository(session, member).benefits()
        known = set(ServiceCategory)
        return Benefits(
            plan_name=plan.plan_name,
            plan_type=plan.plan_type,
            requires_referral=bool(plan.requires_referral),
            benefits=[benefit_of(row) for row in rows if row.service_category in known],
        )

    async def benefit(self, owner: Owner, service_type: str) -> Benefit:
        """The terms for one kind of service in the caller's words. Raises `DomainError` for unknown words."""
        category = service_category(service_type)
        async with self._database.reading() as session:
            member, _ = await membership(session, owner.user_id)
            row = await MemberRepository(session, member).benefit(category)
        return Benefit(service=category, is_covered=False) if row is None else benefit_of(row)

    async def limits(self, owner: Owner, kind: Kind) -> Limits:
        """Progress towards the deductible or the out-of-pocket maximum of the current plan year."""
        async with self._database.reading() as session:
            member, plan = await membership(session, owner.user_id)
            repository = MemberRepository(session, member)
            year = plan_year_on(owner.today(), day(plan.plan_year_start))
            booked = await repository.accumulation(year)
            # early in a plan year nothing is booked, though its first claims are decided
            counted = await repository.counted(year) if booked is None else None
        return limits_of(kind, plan, year, booked or AccumulationRow(**booked_figures(counted or Counted())))

    async def preventive_care(self, owner: Owner) -> PreventiveCare:
        """The services recommended at the caller's age, and whether the plan pays all of it."""
        async with self._database.reading() as session:
            member, _ = await membership(session, owner.user_id)
            row = await MemberRepository(session, member).benefit(ServiceCategory.PREVENTIVE)
        born = day_or_none(member.date_of_birth)
        age = None if born is None else age_on(owner.today(), born)
        free = row is not None and row.is_covered and not row.copay_in_network and not row.coinsurance_in_network
        return PreventiveCare(age=age, free_in_network=free, services=recommended(age))


def coverage_on(today: date, member: MemberRow, plan: PlanRow) -> Coverage:
    """A member's coverage on a day: the stored status counts only between the first and the last day."""
    status = EligibilityStatus(member.eligibility_status)
    start, end = day(member.coverage_start_date), day_or_none(member.coverage_end_date)
    is_covered = status in COVERED and start <= today and (end is None or today <= end)
    year = plan_year_on(today, day(plan.plan_year_start))
    return Coverage(
        is_covered=is_covered,
        status=status,
        member_number=member.member_number,
        group_number=member.group_number,
        plan_name=plan.plan_name,
        plan_type=plan.plan_type,
        relationship_to_subscriber=member.relationship_to_subscriber,
        coverage_start=start,
        coverage_end=end,
        days_remaining=(end - today).days if is_covered and end is not None else None,
        plan_year_start=year.start,
        plan_year_end=year.end,
        as_of=today,
    )


def benefit_of(row: BenefitRow) -> Benefit:
    """A row's terms."""
    return Benefit(
        service=ServiceCategory(row.service_category),
        is_covered=row.is_covered,
        requires_prior_auth=bool(row.requires_prior_auth),
        requires_referral=bool(row.requires_referral),
        copay_in_network=row.copay_in_network,
        coinsurance_in_network=row.coinsurance_in_network,
        copay_out_of_network=row.copay_out_of_network,
        coinsurance_out_of_network=row.coinsurance_out_of_network,
        visits_per_year=row.annual_limit,
        notes=row.coverage_notes,
    )


def limits_of(kind: Kind, plan: PlanRow, year: PlanYear, booked: AccumulationRow) -> Limits:
    """The booked amounts against the plan's limits of one kind."""
    ceiling, met = ("deductible", "deductible_met") if kind == "deductible" else ("oop_max", "oop_met")

    def progress(who: str, where: str) -> Progress | None:
        limit: Decimal | None = getattr(plan, f"{who}_{ceiling}_{where}")
        counted: Decimal | None = getattr(booked, f"{who}_{met}_{where}")
        return None if limit is None else Progress.towards(limit, counted or NOTHING)

    own = progress("individual", "in_network")
    return Limits(
        kind=kind,
        plan_year_start=year.start,
        plan_year_end=year.end,
        individual_in_network=own or Progress.towards(NOTHING, NOTHING),
        individual_out_of_network=progress("individual", "out_of_network"),
        family_in_network=progress("family", "in_network"),
        family_out_of_network=progress("family", "out_of_network"),
    )


def age_on(today: date, born: date) -> int:
    """Whole years."""
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def booked_figures(counted: Counted) -> dict[str, Decimal]:
    """The columns of `member_accumulations` for a member without relatives on the plan."""
    return {
        f"{who}_{column}": amount
        for who in ("individual", "family")
        for column, amount in (
            ("deductible_met_in_network", counted.deductible_in_network),
            ("deductible_met_out_of_network", counted.deductible_out_of_network),
            ("oop_met_in_network", counted.oop_in_network),
            ("oop_met_out_of_network", counted.oop_out_of_network),
        )
    }
