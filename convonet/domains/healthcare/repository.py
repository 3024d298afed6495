"""The SQL of members, their plans, claims and authorizations. Each query is bound to one member."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from convonet.core.errors import NotFound
from convonet.domains.healthcare.cost_sharing import NOTHING
from convonet.domains.healthcare.enums import ADJUDICATED, AuthStatus, ClaimStatus, NetworkTier
from convonet.domains.healthcare.errors import NotAMember
from convonet.domains.healthcare.models import (
    AccumulationRow,
    AuthorizationRow,
    BenefitRow,
    ClaimLineRow,
    ClaimRow,
    MemberRow,
    PlanRow,
    midnight,
)
from convonet.domains.healthcare.plan_year import PlanYear

MAX_AUTHORIZATIONS = 50
"""A member has a handful; the bound is for rare exceptions."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The amounts that count towards the limits of one plan year, as booked or as the claims add up."""

    deductible_in_network: Decimal = NOTHING
    deductible_out_of_network: Decimal = NOTHING
    oop_in_network: Decimal = NOTHING
    oop_out_of_network: Decimal = NOTHING


async def membership(session: AsyncSession, user_id: uuid.UUID, *, lock: bool = False) -> tuple[MemberRow, PlanRow]:
    """A caller's membership and plan; `lock` lets one change of theirs at a time go on. Raises `NotAMember`."""
    if lock:
        # a write that changes nothing: SQLite has no other way to make a second writer wait
        own = update(MemberRow).where(MemberRow.user_id == user_id)
        await session.execute(own.values(updated_at=MemberRow.updated_at))
    query = select(MemberRow, PlanRow).join(PlanRow, PlanRow.id == MemberRow.plan_id)
    found = (await session.execute(query.where(MemberRow.user_id == user_id))).first()
    if found is None:
        raise NotAMember("no member")
    return found[0], found[1]


class MemberRepository:
    """One member's rows, within one transaction."""

    def __init__(self, session: AsyncSession, member: MemberRow) -> None:
        self._session = session
        self._member = member

    async def benefits(self) -> Sequence[BenefitRow]:
        query = select(BenefitRow).where(BenefitRow.plan_id == self._member.plan_id)
        return (await self._session.scalars(query.order_by(BenefitRow.service_category))).all()

    async def benefit(self, category: str) -> BenefitRow | None:
        """The terms for one kind of service."""
        query = select(BenefitRow).where(
            BenefitRow.plan_id == self._member.plan_id, BenefitRow.service_category == category
        )
        return (await self._session.scalars(query.limit(1))).first()

    async def accumulation(self, year: PlanYear) -> AccumulationRow | None:
        """The booked amounts of a plan year."""
        query = select(AccumulationRow).where(
            AccumulationRow.member_id == self._member.id, AccumulationRow.plan_year == year.number
        )
        return (await self._session.scalars(query)).first()

    async def counted(self, year: PlanYear) -> Counted:
        """The sums of a plan year's decided claims."""
        outside = ClaimRow.provider_network_tier == NetworkTier.TIER_3
        inside = or_(ClaimRow.provider_network_tier.is_(None), ClaimRow.provider_network_tier != NetworkTier.TIER_3)
        columns = [
            func.sum(case((where, amount)))
            for amount in (ClaimRow.deductible_applied, ClaimRow.member_responsibility)
            for where in (inside, outside)
        ]
        query = select(*columns).where(
            ClaimRow.member_id == self._member.id,
            ClaimRow.status.in_(ADJUDICATED),
            ClaimRow.service_date >= midnight(year.start),
            ClaimRow.service_date < midnight(year.end + timedelta(days=1)),
        )
        return Counted(*(amount or NOTHING for amount in (await self._session.execute(query)).one()))

    async def claims(
        self, *, since: date | None, until: date | None, status: ClaimStatus | None, limit: int
    ) -> Sequence[ClaimRow]:
        """The member's claims, the newest service first; `until` is included."""
        query = select(ClaimRow).where(ClaimRow.member_id == self._member.id)
        if since is not None:
            query = query.where(ClaimRow.service_date >= midnight(since))
        if until is not None:
            query = query.where(ClaimRow.service_date < midnight(until + timedelta(days=1)))
        if status is not None:
            query = query.where(ClaimRow.status == status)
        query = query.order_by(ClaimRow.service_date.desc(), ClaimRow.claim_number.desc())
        return (await self._session.scalars(query.limit(limit))).all()

    async def claim(self, reference: str) -> ClaimRow:
        """A claim by number or id. Raises `NotFound` also for another member's."""
        wanted = or_(_spelled(ClaimRow.claim_number) == _letters(reference), ClaimRow.id == _id(reference))
        query = select(ClaimRow).where(ClaimRow.member_id == self._member.id, wanted)
        row = await self._session.scalar(query)
        if row is None:
            raise NotFound("claim", spoken="I can't find a claim with that number among yours.")
        return row

    async def lines(self, claim: ClaimRow) -> Sequence[ClaimLineRow]:
        """The services of a claim, in order."""
        query = select(ClaimLineRow).where(ClaimLineRow.claim_id == claim.id).order_by(ClaimLineRow.line_number)
        return (await self._session.scalars(query)).all()

    async def authorizations(self, status: AuthStatus | None, today: date) -> Sequence[AuthorizationRow]:
        """The member's authorizations, the newest first; an approval that has run out counts as expired."""
        query = select(AuthorizationRow).where(AuthorizationRow.member_id == self._member.id)
        run_out = _run_out(today)
        if status is AuthStatus.EXPIRED:
            query = query.where(or_(AuthorizationRow.status == status, run_out))
        elif status is not None:
            query = query.where(AuthorizationRow.status == status, ~run_out)
        query = query.order_by(AuthorizationRow.requested_date.desc(), AuthorizationRow.auth_number.desc())
        return (await self._session.scalars(query.limit(MAX_AUTHORIZATIONS))).all()

    async def authorization(self, reference: str) -> AuthorizationRow:
        """An authorization by number or id. Raises `NotFound` also for another member's."""
        wanted = or_(
            _spelled(AuthorizationRow.auth_number) == _letters(reference), AuthorizationRow.id == _id(reference)
        )
        query = select(AuthorizationRow).where(AuthorizationRow.member_id == self._member.id, wanted)
        row = await self._session.scalar(query)
        if row is None:
            raise NotFound("authorization", spoken="I can't find an authorization with that number among yours.")
        return row

    async def undecided_authorization(self, procedure_code: str) -> AuthorizationRow | None:
        """A request of the member for this procedure that is still open."""
        query = select(AuthorizationRow).where(
            AuthorizationRow.member_id == self._member.id,
            AuthorizationRow.procedure_code == procedure_code,
            AuthorizationRow.status.in_([AuthStatus.PENDING, AuthStatus.ADDITIONAL_INFO_NEEDED]),
        )
        return (await self._session.scalars(query.limit(1))).first()

    async def is_auth_number_taken(self, number: str) -> bool:
        """Say whether any member's authorization has this number."""
        query = select(AuthorizationRow.id).where(AuthorizationRow.auth_number == number)
        return await self._session.scalar(query) is not None

    def add_authorization(self, row: AuthorizationRow) -> None:
        self._session.add(row)


def _run_out(today: date) -> ColumnElement[bool]:
    until = func.coalesce(AuthorizationRow.expiration_date, AuthorizationRow.approved_to_date)
    # a missing day makes this NULL, and NOT NULL is NULL too
    return and_(AuthorizationRow.status == AuthStatus.APPROVED, until.is_not(None), until < midnight(today))


def _spelled(number: InstrumentedAttribute[str]) -> ColumnElement[str]:
    return func.replace(func.replace(func.upper(number), "-", ""), " ", "")


def _letters(reference: str) -> str:
    return reference.upper().replace("-", "").replace(" ", "")


def _id(reference: str) -> uuid.UUID:
    try:
        return uuid.UUID(reference)
    except ValueError:
        return uuid.UUID(int=0)
