"""Results of the tools' effects by idempotency key, so that a repeated turn repeats no effect.

The result is written in the same transaction as the effect.
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
"""A turn is repeated within minutes, while its session may be resumed."""


class EffectRow(Base):
    """One effect; `key` is the idempotency key, unique per user."""

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
    """Do `work` in a transaction and return its result, or the first result when the key is known."""
    if key is None:
        async with database.transaction() as session:
            return await work(session)
    try:
        async with database.transaction() as session:
            if (known := await session.get(EffectRow, (user_id, key))) is not None:
                return known.result
            row = EffectRow(user_id=user_id, key=key, result={}, created_at=datetime.now(UTC))
            session.add(row)
            # a concurrent call with the same key waits here until this transaction ends
            await session.flush()
            row.result = await work(session)
            return row.result
    except IntegrityError:
        # the same call ran concurrently and was first
        async with database.reading() as session:
            known = await session.get(EffectRow, (user_id, key))
        if known is None:
            raise
        return known.result


async def run_effect(
    database: Database, owner: Owner, result: type[Result], work: Callable[[AsyncSession], Awaitable[Result]]
) -> Result:
    """Do `work` like `run_once`, with the owner's idempotency key and a model as its result."""

    async def dumped(session: AsyncSession) -> dict[str, Any]:
        return (await work(session)).model_dump(mode="json")

    return result.model_validate(await run_once(database, owner.user_id, owner.idempotency_key, dumped))


async def delete_old_effects(database: Database, now: datetime) -> None:
    """Delete effects older than `RETENTION`."""
    async with database.transaction() as session:
        await session.execute(delete(EffectRow).where(EffectRow.created_at < now - RETENTION))
