"""The demo caller's team, reminder and event. The colleagues are invented."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from convonet.domains.todo.enums import Priority
from convonet.domains.todo.events.models import EventRow
from convonet.domains.todo.reminders.models import ReminderRow
from convonet.domains.todo.teams.models import MembershipRow, TeamRow
from convonet.domains.todo.teams.permissions import Role
from convonet.storage.users import UserRow

COLLEAGUES = (("Robin", "Sample", Role.ADMIN), ("Kim", "Placeholder", Role.MEMBER))


async def seed(session: AsyncSession, user_id: uuid.UUID, now: datetime) -> None:
    """Add missing rows. Rows that the caller deleted are not added again while the team exists."""
    team_id = uuid.uuid5(user_id, "todo/team")
    if await session.get(TeamRow, team_id) is not None:
        return
    session.add(
        TeamRow(
            id=team_id,
            name="Office Party",
            description="Gets the office party going",
            is_active=True,
            created_at=now,
            updated_at=now,
        )
    )
    colleagues = [(await _colleague(session, first, last, now), role) for first, last, role in COLLEAGUES]
    await session.flush()
    session.add_all(_membership(team_id, person, role, now) for person, role in ((user_id, Role.OWNER), *colleagues))
    session.add(_reminder(user_id, now))
    session.add(_event(user_id, now))


async def _colleague(session: AsyncSession, first: str, last: str, now: datetime) -> uuid.UUID:
    email = f"{first}.{last}@example.com".lower()
    person = uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{email}")
    if await session.get(UserRow, person) is None:
        session.add(
            UserRow(
                id=person,
                email=email,
                username=f"{first}-{last}".lower(),
                password_hash="!",  # noqa: S106 -- no hash: nobody can log in with a password
                first_name=first,
                last_name=last,
                voice_pin=None,
                is_active=True,
                is_verified=False,
                created_at=now,
                updated_at=now,
                last_login_at=None,
            )
        )
    return person


def _membership(team: uuid.UUID, person: uuid.UUID, role: Role, now: datetime) -> MembershipRow:
    return MembershipRow(
        id=uuid.uuid5(team, str(person)), team_id=team, user_id=person, role=role, joined_at=now, updated_at=now
    )


def _reminder(user_id: uuid.UUID, now: datetime) -> ReminderRow:
    return ReminderRow(
        id=uuid.uuid5(user_id, "todo/reminder"),
        created_at=now,
        updated_at=now,
        reminder_text="Water the plants in the office",
        importance=Priority.MEDIUM,
        reminder_date=_at(now, days=1, hour=17),
        user_id=user_id,
    )


def _event(user_id: uuid.UUID, now: datetime) -> EventRow:
    begins = _at(now, days=2, hour=18)
    return EventRow(
        id=uuid.uuid5(user_id, "todo/event"),
        created_at=now,
        updated_at=now,
        title="Office party planning with Robin and Kim",
        description="Pick a date and a place",
        event_from=begins,
        event_to=begins + timedelta(hours=1),
        user_id=user_id,
    )


def _at(now: datetime, *, days: int, hour: int) -> datetime:
    return now.replace(hour=hour, minute=0, second=0, microsecond=0) + timedelta(days=days)
