"""The tools of teams."""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from convonet.domains.speech import counted
from convonet.domains.todo.schemas import Call, Description, Email, TeamId, TeamName, Title
from convonet.domains.todo.speech import in_one_breath
from convonet.domains.todo.teams.permissions import Role
from convonet.domains.todo.teams.schemas import Member, Membership, Person, SearchTerm, Team
from convonet.domains.todo.teams.service import TeamService
from convonet.mcp.server import DomainServer, owner_of, tool_result

GivenRole = Annotated[Role, Field(description="Owners and admins look after members, viewers only look on.")]


def add_team_tools(mcp: DomainServer, service: TeamService) -> None:
    """Add the tools to the domain's server."""

    @mcp.tool()
    async def get_teams(context: Call) -> CallToolResult:
        """List the teams that the caller is in, with the caller's role. Use it also to find a team's id by its name."""
        teams = await service.teams(owner_of(context))
        return tool_result(_teams(teams), {"teams": [team.model_dump(mode="json") for team in teams]})

    @mcp.tool()
    async def get_team_members(context: Call, team_id: TeamId) -> CallToolResult:
        """List who is in one of the caller's teams, with roles and the ids by which todos are assigned."""
        members = await service.members(owner_of(context), team_id)
        return tool_result(_members(members), {"members": [member.model_dump(mode="json") for member in members]})

    @mcp.tool()
    async def create_team(context: Call, name: Title, description: Description | None = None) -> CallToolResult:
        """Make a new team, of which the caller is the owner."""
        team = await service.create(owner_of(context), name, description)
        return tool_result(f"I made the team {team.name}. You are its owner.", {"team": team.model_dump(mode="json")})

    @mcp.tool()
    async def add_team_member(
        context: Call, team_name: TeamName, email: Email, role: GivenRole = Role.MEMBER
    ) -> CallToolResult:
        """Add a user to one of the caller's teams by email; search_users finds the email of a name."""
        added = await service.add_member(owner_of(context), team_name, email, role)
        return _told(added, f"{added.member.name} is now {_as(role)} of {added.team}.")

    @mcp.tool()
    async def remove_team_member(context: Call, team_name: TeamName, email: Email) -> CallToolResult:
        """Take somebody out of one of the caller's teams, or the caller themselves. Ask the caller to confirm first."""
        removed = await service.remove_member(owner_of(context), team_name, email)
        who = "You are" if removed.by_themselves else f"{removed.member.name} is"
        return _told(removed, f"{who} no longer in {removed.team}.")

    @mcp.tool()
    async def change_member_role(
        context: Call, team_name: TeamName, email: Email, new_role: GivenRole
    ) -> CallToolResult:
        """Give a member of one of the caller's teams another role."""
        changed = await service.change_role(owner_of(context), team_name, email, new_role)
        return _told(changed, f"{changed.member.name} is now {_as(new_role)} of {changed.team}.")

    @mcp.tool()
    async def search_users(context: Call, search_term: SearchTerm) -> CallToolResult:
        """Find users by a part of their name or email, to add them to a team. Tells name and email only."""
        owner_of(context)
        people = await service.search(search_term)
        return tool_result(_people(people), {"users": [person.model_dump(mode="json") for person in people]})


def _told(membership: Membership, sentence: str) -> CallToolResult:
    return tool_result(sentence, {"membership": membership.model_dump(mode="json", exclude={"by_themselves"})})


def _as(role: Role) -> str:
    return f"an {role}" if role in {Role.OWNER, Role.ADMIN} else f"a {role}"


def _teams(teams: list[Team]) -> str:
    if not teams:
        return "You are not in any team."
    count = counted(len(teams), "team", "teams")
    return f"You are in {count}: {in_one_breath([f'{team.name}, as {team.role}' for team in teams], between='; ')}."


def _members(members: list[Member]) -> str:
    count = counted(len(members), "member", "members")
    said = in_one_breath([f"{member.name}, {member.role}" for member in members], between="; ")
    return f"The team has {count}: {said}."


def _people(people: list[Person]) -> str:
    if not people:
        return "I found nobody by that name."
    count = counted(len(people), "person", "people")
    return f"I found {count}: {in_one_breath([person.name for person in people])}."
