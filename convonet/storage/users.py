"""The table of callers, `users_anthropic`, and the demo caller of the embedded setup."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sqlalchemy import String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from convonet.core.ids import DEMO_USER_ID
from convonet.storage.database import Base
from convonet.storage.types import Moment

DEMO_EMAIL = "demo@example.com"


class UserRow(Base):
    """A caller; the columns are those of the replaced deployment."""

    __tablename__ = "users_anthropic"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(255), unique=True)
    username: Mapped[str] = mapped_column(String(100), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    voice_pin: Mapped[str | None] = mapped_column(String(10), unique=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    is_verified: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
    last_login_at: Mapped[datetime | None] = mapped_column(Moment)
    llm_provider: Mapped[str | None] = mapped_column(String(20), default=None)
    """The hosted model to try first for this caller, if it is set up."""


async def add_demo_user(session: AsyncSession) -> None:
    """Add the demo caller, without PIN and password, if it is not there."""
    if await session.get(UserRow, uuid.UUID(DEMO_USER_ID)) is None:
        session.add(_demo_user())
        await session.flush()


def _demo_user() -> UserRow:
    now = datetime.now(UTC)
    return UserRow(
        id=uuid.UUID(DEMO_USER_ID),
        email=DEMO_EMAIL,
        username="demo",
        password_hash="!",  # noqa: S106 -- no hash: nobody can log in with a password
        first_name="Demo",
        last_name="Caller",
        voice_pin=None,
        is_active=True,
        is_verified=False,
        created_at=now,
        updated_at=now,
        last_login_at=None,
    )
