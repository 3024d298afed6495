"""The SQL of what is the same for all members: providers and care programs."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence

from sqlalchemy import String, case, cast, func, nulls_last, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.errors import NotFound
from convonet.domains.healthcare.models import EnrollmentRow, MemberRow, ProgramRow, ProviderRow

ZIP_DIGITS = 5
"""Rows may hold ZIP+4."""

MOST_PROGRAMS = 50


class DirectoryRepository:
    """The directory within one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def providers(
        self, specialty: str, distances: Mapping[str, float] | None, limit: int
    ) -> Sequence[ProviderRow]:
        """Providers of a specialty, the nearest first, then by network and rating; only within `distances` if given."""
        area = func.substr(ProviderRow.zip_code, 1, ZIP_DIGITS)
        query = select(ProviderRow).where(
            or_(
                ProviderRow.primary_specialty.icontains(specialty, autoescape=True),
                cast(ProviderRow.secondary_specialties, String).icontains(specialty, autoescape=True),
            )
        )
        if distances is not None:
            query = query.where(area.in_(distances)).order_by(case(dict(distances), value=area))
        query = query.order_by(ProviderRow.network_tier, nulls_last(ProviderRow.quality_rating.desc()), ProviderRow.npi)
        return (await self._session.scalars(query.limit(limit))).all()

    async def provider(self, npi: str) -> ProviderRow:
        """A provider by NPI. Raises `NotFound`."""
        row = await self._session.scalar(select(ProviderRow).where(ProviderRow.npi == npi))
        if row is None:
            raise NotFound("provider", spoken="I can't find a provider with that number in our directory.")
        return row

    async def programs(self, member: MemberRow) -> Sequence[tuple[ProgramRow, EnrollmentRow | None]]:
        """All programs on offer by name, with the member's enrollment if there is one."""
        query = (
            select(ProgramRow, EnrollmentRow)
            .outerjoin(
                EnrollmentRow,
                (EnrollmentRow.program_id == ProgramRow.id) & (EnrollmentRow.member_id == member.id),
            )
            .where(ProgramRow.is_active.is_not(False))
            .order_by(ProgramRow.program_name)
        )
        return [
            (program, enrollment) for program, enrollment in await self._session.execute(query.limit(MOST_PROGRAMS))
        ]

    async def program(self, reference: str) -> ProgramRow:
        """A program on offer by id or code. Raises `NotFound`."""
        try:
            wanted = uuid.UUID(reference)
        except ValueError:
            wanted = uuid.UUID(int=0)
        query = select(ProgramRow).where(
            ProgramRow.is_active.is_not(False),
            or_(ProgramRow.id == wanted, func.upper(ProgramRow.program_code) == reference.strip().upper()),
        )
        row = await self._session.scalar(query)
        if row is None:
            raise NotFound("program", spoken="I can't find a care program with that name. Ask me which ones there are.")
        return row

    async def enrollment(self, member: MemberRow, program: ProgramRow) -> EnrollmentRow | None:
        """The member's enrollment in a program, also one that has ended."""
        query = select(EnrollmentRow).where(
            EnrollmentRow.member_id == member.id, EnrollmentRow.program_id == program.id
        )
        return (await self._session.scalars(query)).first()

    def add_enrollment(self, row: EnrollmentRow) -> None:
        """Add an enrollment."""
        self._session.add(row)
