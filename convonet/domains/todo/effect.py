"""What the services of this domain share: an effect that happens once, the clock, and ids that were given as text."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.auth.owner import Owner
from convonet.storage.database import Database
from convonet.storage.effects import once

Result = TypeVar("Result", bound=BaseModel)
Clock = Callable[[], datetime]

MAX_LISTED = 100


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


async def effect(
    database: Database, owner: Owner, result: type[Result], work: Callable[[AsyncSession], Awaitable[Result]]
) -> Result:
    """Do `work` in one transaction, once per idempotency key; a repeated call gets the first one's result."""

    async def dumped(session: AsyncSession) -> dict[str, Any]:
        return (await work(session)).model_dump(mode="json")

    return result.model_validate(await once(database, owner.user_id, owner.idempotency_key, dumped))


def id_of(text: str) -> uuid.UUID:
    """The id; one that no row has when `text` is none, so that it is as unknown as any other."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)
