"""How the services of this domain get at an application: to read it, or to change it once per idempotency key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.owner import Owner
from convonet.domains.mortgage.file import MortgageFile
from convonet.domains.mortgage.repository import MortgageRepository
from convonet.storage.database import Database
from convonet.storage.effects import run_effect

Result = TypeVar("Result", bound=BaseModel)


async def read_file(database: Database, owner: Owner, application_id: str | None) -> MortgageFile:
    """The caller's application. Raises `NotFound`."""
    async with database.reading() as session:
        return await MortgageFile.load(MortgageRepository(session, owner.user_id), application_id)


async def change_file(
    database: Database,
    owner: Owner,
    application_id: str | None,
    result: type[Result],
    change: Callable[[MortgageRepository, MortgageFile], Awaitable[Result]],
) -> Result:
    """What `change` makes of the caller's application, locked. Raises `NotFound`, `DomainError` when it is closed."""

    async def work(session: AsyncSession) -> Result:
        repository = MortgageRepository(session, owner.user_id)
        file = await MortgageFile.load(repository, application_id, lock=True)
        file.require_changeable()
        return await change(repository, file)

    return await run_effect(database, owner, result, work)
