"""The service for teams. Roles decide, by the table in `permissions`, and a team always keeps an owner."""

from __future__ import annotations

import uuid

from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.clock import Clock, utc_now
from convonet.core.errors import DomainError, NotFound
from convonet.core.ids import id_of
from convonet.core.owner import Owner
from convonet.domains.todo.teams.models import MembershipRow, TeamRow
from convonet.domains.todo.teams.permissions import RIGHTS, Right, Role, may_manage
from convonet.domains.todo.teams.repository import MAX_MEMBERS, MAX_TEAMS, KnownUser, LockedTeam, TeamRepository
from convonet.domains.todo.teams.schemas import Member, Membership, Person, Team
from convonet.storage.database import Database
from convonet.storage.effects import run_effect

MAX_FOUND = 10
"""Users that one search shows: enough to pick from, but too few for copying the list of all users."""


class TeamService:
    """Teams, their members, and the search for people to add. Methods raise `DomainError` with words for the caller."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def teams(self, owner: Owner) -> list[Team]:
        async with self._database.reading() as session:
            found = await TeamRepository(session, owner.user_id).teams()
        return [_team(row, role, size) for row, role, size in found]

    async def members(self, owner: Owner, team_id: str) -> list[Member]:
        """Return the members of one of the caller's teams, the highest role first. Raises `NotFound`."""
        team = id_of(team_id)
        async with self._database.reading() as session:
            repository = TeamRepository(session, owner.user_id)
            await repository.role_in(team)
            found = await repository.members(team)
        return [
            Member(id=str(known.id), name=known.name, email=known.email, role=known.role or Role.VIEWER)
            for known in found
        ]

    async def search(self, term: str) -> list[Person]:
        """Find active users whose name or email contains `term`, at most `MAX_FOUND`."""
        async with self._database.reading() as session:
            # the result is the same for all callers
            found = await TeamRepository(session, uuid.UUID(int=0)).search(term, MAX_FOUND)
        return [_person(known) for known in found]

    async def create(self, owner: Owner, name: str, description: str | None) -> Team:
        now = self._clock()
        team = TeamRow(
            id=uuid.uuid4(), name=name, description=description, is_active=True, created_at=now, updated_at=now
        )

        async def work(session: AsyncSession) -> Team:
            repository = TeamRepository(session, owner.user_id)
            present = await repository.teams()
            if len(present) >= MAX_TEAMS:
                raise DomainError("too many teams", spoken="You are in as many teams as one person can be.")
            if any(row.name.casefold() == name.casefold() for row, _, _ in present):
                raise DomainError("name taken", spoken=f"You have a team called {name} already.")
            await repository.add_team(team, self._membership(team.id, owner.user_id, Role.OWNER))
            return _team(team, Role.OWNER, 1)

        return await run_effect(self._database, owner, Team, work)

    async def add_member(self, owner: Owner, team_name: str, email: str, role: Role) -> Membership:
        """Add a user to a team, with a role that the caller may give."""

        async def work(session: AsyncSession) -> Membership:
            repository = TeamRepository(session, owner.user_id)
            team = await _locked_team(repository, team_name)
            _require(team, role)
            user = await repository.user(email)
            if user is None:
                raise NotFound("user", spoken="I don't know anybody with that email address.")
            members = await repository.members(team.id)
            if await repository.member(team.id, user_id=user.id):
                raise DomainError("member already", spoken=f"{user.name} is in {team.name} already.")
            if len(members) >= MAX_MEMBERS:
                raise DomainError("team is full", spoken=f"{team.name} is full.")
            repository.add_member(self._membership(team.id, user.id, role))
            return Membership(team=team.name, member=_person(user), role=role)

        return await run_effect(self._database, owner, Membership, work)

    async def remove_member(self, owner: Owner, team_name: str, email: str) -> Membership:
        """Remove a member from a team, and unassign their todos. Members may remove themselves."""

        async def work(session: AsyncSession) -> Membership:
            repository = TeamRepository(session, owner.user_id)
            team = await _locked_team(repository, team_name)
            member = await _member(repository, team, email)
            leaving = member.id == owner.user_id
            if not leaving:
                _require(team, member.role or Role.VIEWER)
            await _keep_an_owner(repository, team, member)
            await repository.remove(team.id, member.id)
            await repository.unassign(team.id, member.id)
            return Membership(team=team.name, member=_person(member), role=None, by_themselves=leaving)

        return await run_effect(self._database, owner, Membership, work)

    async def change_role(self, owner: Owner, team_name: str, email: str, role: Role) -> Membership:
        """Give a member another role. A member who becomes a viewer loses the todos that were assigned to them."""

        async def work(session: AsyncSession) -> Membership:
            repository = TeamRepository(session, owner.user_id)
            team = await _locked_team(repository, team_name)
            member = await _member(repository, team, email)
            _require(team, member.role or Role.VIEWER, role)
            if role is not Role.OWNER:
                await _keep_an_owner(repository, team, member)
            await repository.change_role(team.id, member.id, role)
            if Right.CHANGE_OWN_TODOS not in RIGHTS[role]:
                await repository.unassign(team.id, member.id)
            return Membership(team=team.name, member=_person(member), role=role)

        return await run_effect(self._database, owner, Membership, work)

    def _membership(self, team: uuid.UUID, user: uuid.UUID, role: Role) -> MembershipRow:
        now = self._clock()
        return MembershipRow(id=uuid.uuid4(), team_id=team, user_id=user, role=role, joined_at=now, updated_at=now)


async def _locked_team(repository: TeamRepository, name: str) -> LockedTeam:
    """Lock and return the caller's team of that name, or the only one whose name contains it."""
    teams = [row for row, _, _ in await repository.teams()]
    said = name.casefold()
    fitting = [row for row in teams if row.name.casefold() == said] or [
        row for row in teams if said in row.name.casefold()
    ]
    if not fitting:
        raise NotFound("team", spoken=f"I can't find a team called {name} among yours.")
    if len(fitting) > 1:
        raise DomainError("several teams", spoken=f"You have several teams that {name} could mean. Which one is it?")
    return await repository.hold(fitting[0].id)


async def _member(repository: TeamRepository, team: LockedTeam, email: str) -> KnownUser:
    member = await repository.member(team.id, email=email)
    if member is None:
        raise NotFound("member", spoken=f"I can't find anybody with that email address in {team.name}.")
    return member


def _require(team: LockedTeam, *roles: Role) -> None:
    if not may_manage(team.role, *roles):
        said = f"As {team.role} of {team.name} you may not do that."
        raise DomainError(f"{team.role} may not manage {', '.join(roles)}", spoken=said)


async def _keep_an_owner(repository: TeamRepository, team: LockedTeam, member: KnownUser) -> None:
    if member.role is Role.OWNER and member.is_active and await repository.active_owners(team.id) < 2:
        said = f"{team.name} needs an owner. Make somebody else its owner first."
        raise DomainError("last owner", spoken=said)


def _team(row: TeamRow, role: Role, members: int) -> Team:
    return Team(id=str(row.id), name=row.name, description=row.description, role=role, members=members)


def _person(known: KnownUser) -> Person:
    return Person(name=known.name, email=known.email)
