"""The tables of teams, as they existed before."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from convonet.storage.database import Base
from convonet.storage.types import Moment


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
    """A team's member; `role` is a `Role`, though the deployment that this one replaces did not check that."""

    __tablename__ = "team_memberships_anthropic"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    team_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID]
    role: Mapped[str] = mapped_column(String(20))
    joined_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
