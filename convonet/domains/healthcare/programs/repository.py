"""The SQL of care programs and their members."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.errors import NotFound
from convonet.domains.healthcare.models import EnrollmentRow, MemberRow, ProgramRow

MAX_PROGRAMS = 50


class ProgramRepository:
    """Care programs within one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

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
        return [(program, enrollment) for program, enrollment in await self._session.execute(query.limit(MAX_PROGRAMS))]

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
        self._session.add(row)
