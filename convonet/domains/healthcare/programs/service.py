"""The service of care programs: list them, enroll."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.errors import DomainError
from convonet.core.owner import Owner
from convonet.domains.healthcare.cost_sharing import NOTHING
from convonet.domains.healthcare.coverage.service import coverage_on
from convonet.domains.healthcare.models import EnrollmentRow, MemberRow, ProgramRow
from convonet.domains.healthcare.programs.repository import ProgramRepository
from convonet.domains.healthcare.programs.schemas import Program
from convonet.domains.healthcare.repository import membership
from convonet.storage.database import Database
from convonet.storage.effects import run_once


class ProgramService:
    """Care programs for the calling member. Raises `NotAMember`, `NotFound`, `DomainError` with words to say."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, owner: Owner) -> list[Program]:
        async with self._database.reading() as session:
            member, _ = await membership(session, owner.user_id)
            found = await ProgramRepository(session).programs(member)
        return [program_of(program, enrollment, owner) for program, enrollment in found]

    async def enroll(self, owner: Owner, reference: str) -> Program:
        """Join a program. Raises `DomainError` when the member is in it already or is not covered."""

        async def work(session: AsyncSession) -> dict[str, Any]:
            member, plan = await membership(session, owner.user_id, lock=True)
            if not coverage_on(owner.today(), member, plan).is_covered:
                raise DomainError("not covered", spoken="Your coverage is not active today, so I can't enroll you.")
            repository = ProgramRepository(session)
            program = await repository.program(reference)
            enrollment = await repository.enrollment(member, program)
            if enrollment is None:
                enrollment = _new_enrollment(member, program)
                repository.add_enrollment(enrollment)
            elif enrollment.is_active is not False:
                raise DomainError("enrolled", spoken=f"You are already enrolled in {program.program_name}.")
            else:
                _come_back(enrollment)
            return program_of(program, enrollment, owner).model_dump(mode="json")

        return Program.model_validate(await run_once(self._database, owner.user_id, owner.idempotency_key, work))


def program_of(row: ProgramRow, enrollment: EnrollmentRow | None, owner: Owner) -> Program:
    """A program, and since when the caller is in it."""
    current = enrollment if enrollment is not None and enrollment.is_active is not False else None
    since = current.enrolled_date if current is not None else None
    return Program(
        program_id=str(row.id),
        program_code=row.program_code,
        name=row.program_name,
        kind=row.program_type,
        description=row.description,
        for_whom=row.eligibility_criteria,
        conditions=row.target_conditions or [],
        coaching=bool(row.includes_coaching),
        monitoring=bool(row.includes_monitoring),
        rewards=bool(row.includes_rewards),
        enrolled_on=since.astimezone(owner.zone).date() if since is not None else None,
        completion_percentage=current.completion_percentage if current is not None else None,
    )


def _new_enrollment(member: MemberRow, program: ProgramRow) -> EnrollmentRow:
    now = datetime.now(UTC)
    return EnrollmentRow(
        id=uuid.uuid4(),
        member_id=member.id,
        program_id=program.id,
        enrolled_date=now,
        is_active=True,
        completion_percentage=NOTHING,
        created_at=now,
        updated_at=now,
    )


def _come_back(enrollment: EnrollmentRow) -> None:
    now = datetime.now(UTC)
    enrollment.is_active = True
    enrollment.enrolled_date = enrollment.updated_at = now
    enrollment.disenrolled_date = None
    enrollment.completion_percentage = NOTHING
