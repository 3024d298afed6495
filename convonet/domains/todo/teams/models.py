"""Teams: the existing tables, and what tools show of them. Of a user nothing but name and email ever leaves."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, StringConstraints
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from convonet.domains.todo.teams.permissions import Role
from convonet.storage.database import Base
from convonet.storage.types import Moment

SearchTerm = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)]


class TeamRow(Base):
    """A team; columns as in the deployment that this one replaces."""

    __tablename__ = "teams_anthropic"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)


class MembershipRow(Base):
    """Somebody in a team; `role` is a `Role`, though nothing checked those of the replaced deployment."""

    __tablename__ = "team_memberships_anthropic"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    team_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID]
    role: Mapped[str] = mapped_column(String(20))
    joined_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)


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
