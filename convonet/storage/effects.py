"""What tools have done, by idempotency key, so that a repeated turn repeats no effect.

The result is written in the transaction of the effect itself: both are there or neither.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, String, delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from convonet.storage.database import Base, Database
from convonet.storage.types import Moment

KEPT = timedelta(days=1)
"""A turn is repeated within the minutes in which its session may be resumed."""


class EffectRow(Base):
    """One effect; `key` is the idempotency key, bound to the user it was for."""

    __tablename__ = "tool_effects"

    user_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    result: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(Moment, index=True)


async def once(
    database: Database,
    user_id: uuid.UUID,
    key: str | None,
    work: Callable[[AsyncSession], Awaitable[dict[str, Any]]],
) -> dict[str, Any]:
    """Do `work` in a transaction, unless its key is known: then return what it returned the first time."""
    try:
        async with database.transaction() as session:
            if key is not None and (known := await session.get(EffectRow, (user_id, key))) is not None:
                return known.result
            result = await work(session)
            if key is not None:
                session.add(EffectRow(user_id=user_id, key=key, result=result, created_at=datetime.now(UTC)))
            return result
    except IntegrityError:
        # the same call ran twice at once and the other one was first
        async with database.reading() as session:
            known = await session.get(EffectRow, (user_id, key)) if key is not None else None
        if known is None:
            raise
        return known.result


async def forget_old_effects(database: Database, now: datetime) -> None:
    """Delete what no repeated turn can ask for any more."""
    async with database.transaction() as session:
        await session.execute(delete(EffectRow).where(EffectRow.created_at < now - KEPT))
