"""The SQL for teams. Each query is bound to the caller: a team that they are not in does not exist for them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BindParameter, Row, Select, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.errors import NotFound
from convonet.domains.todo.teams.models import MembershipRow, TeamRow
from convonet.domains.todo.teams.permissions import Role
from convonet.domains.todo.todos.models import TodoRow
from convonet.storage.users import UserRow

MAX_TEAMS = 50
MAX_MEMBERS = 100

_PERSON = (UserRow.id, UserRow.first_name, UserRow.last_name, UserRow.email, UserRow.is_active)
"""The only columns of other users that are ever read."""


@dataclass(frozen=True, slots=True)
class KnownUser:
    """A user, with their role in the team that was asked about."""

    id: uuid.UUID
    name: str
    email: str
    is_active: bool
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class LockedTeam:
    """A team that is locked until the end of the transaction; `role` is the caller's."""

    id: uuid.UUID
    name: str
    role: Role


class TeamRepository:
    """Teams as one caller sees them, within one transaction."""

    def __init__(self, session: AsyncSession, caller: uuid.UUID) -> None:
        self._session = session
        self._caller = caller

    async def teams(self) -> Sequence[tuple[TeamRow, Role, int]]:
        """Return the caller's teams by name, with the caller's role and the number of members."""
        count = (
            select(func.count())
            .select_from(MembershipRow)
            .join(UserRow, UserRow.id == MembershipRow.user_id)
            .where(MembershipRow.team_id == TeamRow.id, UserRow.is_active)
        )
        query = (
            select(TeamRow, MembershipRow.role, count.scalar_subquery())
            .join(MembershipRow, MembershipRow.team_id == TeamRow.id)
            .where(MembershipRow.user_id == self._caller, TeamRow.is_active)
            .order_by(func.lower(TeamRow.name), TeamRow.id)
            .limit(MAX_TEAMS)
        )
        return [(team, Role.of(role), size) for team, role, size in await self._session.execute(query)]

    async def role_in(self, team: uuid.UUID) -> Role:
        """Return the caller's role in a team. Raises `NotFound` when they are not in it."""
        role = await self._session.scalar(role_of(self._caller).where(MembershipRow.team_id == team))
        if role is None:
            raise NotFound("team", spoken="I can't find that team among yours.")
        return Role.of(role)

    async def hold(self, team: uuid.UUID) -> LockedTeam:
        """Lock a team until the end of the transaction, so that concurrent changes can't break its rules.

        The lock is a write, since SQLite has no other. Raises `NotFound` as `role_in` does.
        """
        mine = exists().where(MembershipRow.team_id == team, MembershipRow.user_id == self._caller)
        await self._session.execute(
            update(TeamRow)
            .where(TeamRow.id == team, mine)
            .values(updated_at=datetime.now(UTC))
            .execution_options(synchronize_session=False)
        )
        role = await self.role_in(team)
        name = await self._session.scalar(select(TeamRow.name).where(TeamRow.id == team))
        return LockedTeam(team, name or "", role)

    async def members(self, team: uuid.UUID) -> list[KnownUser]:
        """Return a team's active members, the highest role first."""
        query = (
            _members(team).where(UserRow.is_active).order_by(UserRow.first_name, UserRow.last_name).limit(MAX_MEMBERS)
        )
        found = [_known(row) for row in await self._session.execute(query)]
        return sorted(found, key=lambda member: list(Role).index(member.role or Role.VIEWER))

    async def member(
        self, team: uuid.UUID, *, email: str | None = None, user_id: uuid.UUID | None = None
    ) -> KnownUser | None:
        """Return a member of a team, by email or id."""
        wanted = UserRow.id == user_id if email is None else func.lower(UserRow.email) == func.lower(email)
        row = (await self._session.execute(_members(team).where(wanted).limit(1))).first()
        return _known(row) if row else None

    async def user(self, email: str) -> KnownUser | None:
        query = select(*_PERSON).where(func.lower(UserRow.email) == func.lower(email), UserRow.is_active).limit(1)
        row = (await self._session.execute(query)).first()
        return _known(row) if row else None

    async def search(self, term: str, limit: int) -> list[KnownUser]:
        """Return active users whose name or email contains `term` literally."""
        whole_name = func.coalesce(UserRow.first_name, "") + " " + func.coalesce(UserRow.last_name, "")
        query = (
            select(*_PERSON)
            .where(
                UserRow.is_active,
                or_(whole_name.icontains(term, autoescape=True), UserRow.email.icontains(term, autoescape=True)),
            )
            .order_by(UserRow.first_name, UserRow.last_name, UserRow.email)
            .limit(limit)
        )
        return [_known(row) for row in await self._session.execute(query)]

    async def active_owners(self, team: uuid.UUID) -> int:
        """Count the owners who can still manage a team."""
        owners = _members(team).where(MembershipRow.role == Role.OWNER, UserRow.is_active).subquery()
        return await self._session.scalar(select(func.count()).select_from(owners)) or 0

    async def add_team(self, team: TeamRow, owner: MembershipRow) -> None:
        """Add a team with its first member."""
        self._session.add(team)
        await self._session.flush()
        self._session.add(owner)

    def add_member(self, membership: MembershipRow) -> None:
        self._session.add(membership)

    async def change_role(self, team: uuid.UUID, user_id: uuid.UUID, role: Role) -> None:
        await self._session.execute(
            update(MembershipRow)
            .where(MembershipRow.team_id == team, MembershipRow.user_id == user_id)
            .values(role=role, updated_at=datetime.now(UTC))
        )

    async def remove(self, team: uuid.UUID, user_id: uuid.UUID) -> None:
        await self._session.execute(
            delete(MembershipRow).where(MembershipRow.team_id == team, MembershipRow.user_id == user_id)
        )

    async def unassign(self, team: uuid.UUID, user_id: uuid.UUID) -> None:
        """Unassign a team's todos from a member who can't do them any more."""
        await self._session.execute(
            update(TodoRow)
            .where(TodoRow.team_id == team, TodoRow.assignee_id == user_id)
            .values(assignee_id=None, updated_at=datetime.now(UTC))
        )


def role_of(caller: uuid.UUID | BindParameter[uuid.UUID]) -> Select[str]:
    """Select the caller's role in an active team, the newest of several; the query still has to name the team."""
    return (
        select(MembershipRow.role)
        .join(TeamRow, TeamRow.id == MembershipRow.team_id)
        .where(MembershipRow.user_id == caller, TeamRow.is_active)
        .order_by(MembershipRow.joined_at.desc())
        .limit(1)
    )


def full_name(first: str | None, last: str | None, email: str | None) -> str:
    """Return a user's name, or their email; old rows may lack a name."""
    return " ".join(part for part in (first, last) if part) or email or "somebody"


def _members(team: uuid.UUID) -> Select[*tuple[Any, ...]]:
    return (
        select(*_PERSON, MembershipRow.role)
        .join(MembershipRow, MembershipRow.user_id == UserRow.id)
        .where(MembershipRow.team_id == team)
    )


def _known(row: Row[*tuple[Any, ...]]) -> KnownUser:
    user_id, first, last, email, is_active, *role = row
    return KnownUser(user_id, full_name(first, last, email), email, bool(is_active), Role.of(role[0]) if role else None)
