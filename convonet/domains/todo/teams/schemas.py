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
    """The data of another user that a caller may see."""

    name: str
    email: str


class Member(Person):
    """A member of one of the caller's teams; todos are assigned by `id`."""

    id: str
    role: Role


class Membership(BaseModel):
    """The result of a change in a team; `role` is None for a member who was removed."""

    team: str
    member: Person
    role: Role | None
    by_themselves: bool = False
