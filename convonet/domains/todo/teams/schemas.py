"""Teams as their tools show them. Nothing of a user but name and email is ever shown."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, StringConstraints

from convonet.domains.todo.teams.permissions import Role

SearchTerm = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)]


class Team(BaseModel):
    """A team of the caller's, with the caller's own role."""

    id: str
    name: str
    description: str | None
    role: Role
    members: int


class Person(BaseModel):
    """All that anybody learns of another user."""

    name: str
    email: str


class Member(Person):
    """Somebody in one of the caller's teams; `id` is what a todo is assigned by."""

    id: str
    role: Role


class Membership(BaseModel):
    """What became of somebody in a team; `role` is None for who is out."""

    team: str
    member: Person
    role: Role | None
    by_themselves: bool = False
