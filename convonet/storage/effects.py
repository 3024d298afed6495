"""What tools have done, by idempotency key, so that a repeated turn repeats no effect.

The result is written in the transaction of the effect itself: both are there or neither.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import JSON, String, delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from convonet.core.owner import Owner
from convonet.storage.database import Base, Database
from convonet.storage.types import Moment

Result = TypeVar("Result", bound=BaseModel)

RETENTION = timedelta(days=1)
"""A turn is repeated within the minutes in which its session may be resumed."""


class EffectRow(Base):
    """One effect; `key` is the idempotency key, bound to the user it was for."""

    __tablename__ = "tool_effects"

    user_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    result: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(Moment, index=True)


async def run_once(
    database: Database,
    user_id: uuid.UUID,
    key: str | None,
    work: Callable[[AsyncSession], Awaitable[dict[str, Any]]],
) -> dict[str, Any]:
    """Do `work` in a transaction, unless its key is known: then return what it returned the first time."""
    if key is None:
        async with database.transaction() as session:
            return await work(session)
    try:
        async with database.transaction() as session:
            if (known := await session.get(EffectRow, (user_id, key))) is not None:
                return known.result
            row = EffectRow(user_id=user_id, key=key, result={}, created_at=datetime.now(UTC))
            session.add(row)
            # whoever comes with the same key now waits here until this transaction is over
            await session.flush()
            row.result = await work(session)
            return row.result
    except IntegrityError:
        # the same call ran twice at once and the other one was first
        async with database.reading() as session:
            known = await session.get(EffectRow, (user_id, key))
        if known is None:
            raise
        return known.result


async def run_effect(
    database: Database, owner: Owner, result: type[Result], work: Callable[[AsyncSession], Awaitable[Result]]
) -> Result:
    """Do `work` in one transaction, once per idempotency key; a repeated call gets the first one's result."""

    async def dumped(session: AsyncSession) -> dict[str, Any]:
        return (await work(session)).model_dump(mode="json")

    return result.model_validate(await run_once(database, owner.user_id, owner.idempotency_key, dumped))


async def delete_old_effects(database: Database, now: datetime) -> None:
    """Delete what no repeated turn can ask for any more."""
    async with database.transaction() as session:
        await session.execute(delete(EffectRow).where(EffectRow.created_at < now - RETENTION))
