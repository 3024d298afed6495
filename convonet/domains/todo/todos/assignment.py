"""The team and the assignee of a todo."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.errors import DomainError, NotFound
from convonet.core.ids import id_of
from convonet.core.owner import Owner
from convonet.domains.todo.teams.permissions import RIGHTS, Right
from convonet.domains.todo.teams.repository import TeamRepository

NOBODY = "nobody"
"""Given in place of an id, it unassigns the todo."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A todo's team and assignee with their names; empty for a todo of the caller's own."""

    team_id: uuid.UUID | None = None
    team: str | None = None
    assignee_id: uuid.UUID | None = None
    assignee: str | None = None


async def new_assignment(
    session: AsyncSession, owner: Owner, team_id: str | None, assignee_id: str | None
) -> Assignment:
    """Assign a new todo. Raises `NotFound` for a team that the caller is not in, `DomainError` for a viewer."""
    place = Assignment()
    if team_id is not None:
        teams = TeamRepository(session, owner.user_id)
        team = await teams.hold(id_of(team_id))
        if Right.ADD_TODOS not in RIGHTS[team.role]:
            raise DomainError("may not add", spoken=f"You may look at what {team.name} does, but not add to it.")
        place = Assignment(team.id, team.name)
    return place if assignee_id is None else await reassigned(session, owner, place, assignee_id)


async def reassigned(session: AsyncSession, owner: Owner, place: Assignment, assignee_id: str) -> Assignment:
    """Return the assignment to another member of the team, who must have the right to do todos."""
    if assignee_id.strip().lower() == NOBODY:
        return replace(place, assignee_id=None, assignee=None)
    if place.team_id is None:
        raise DomainError("no team", spoken="Only a team's todo can be given to somebody.")
    teams = TeamRepository(session, owner.user_id)
    await teams.hold(place.team_id)
    member = await teams.member(place.team_id, user_id=id_of(assignee_id))
    if member is None or member.role is None or not member.is_active:
        raise NotFound("assignee", spoken=f"I can't find that person in {place.team}.")
    if Right.CHANGE_OWN_TODOS not in RIGHTS[member.role]:
        raise DomainError("viewer", spoken=f"{member.name} only looks on in {place.team}, and can't be given a todo.")
    return replace(place, assignee_id=member.id, assignee=member.name)
