"""The SQL of mortgages. Each query is bound to the caller: rows of others do not exist for them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.errors import NotFound
from convonet.core.ids import id_of
from convonet.domains.mortgage.enums import CLOSED
from convonet.domains.mortgage.errors import NO_APPLICATION, NOT_YOURS
from convonet.domains.mortgage.models import ApplicationRow, DebtRow, DocumentRow
from convonet.storage.users import UserRow


class MortgageRepository:
    """The applications of one caller, within one transaction."""

    def __init__(self, session: AsyncSession, user_id: uuid.UUID) -> None:
        self._session = session
        self._user_id = user_id

    async def application(self, application_id: str | None, *, lock: bool = False) -> ApplicationRow:
        """The named one, else the newest that is open, else the newest of all. Raises `NotFound`."""
        wanted = select(ApplicationRow).where(ApplicationRow.user_id == self._user_id)
        if application_id is not None:
            wanted = wanted.where(ApplicationRow.id == id_of(application_id))
        wanted = wanted.order_by(
            ApplicationRow.status.in_(CLOSED), ApplicationRow.created_at.desc(), ApplicationRow.id
        ).limit(1)
        row: ApplicationRow | None = await self._session.scalar(wanted.with_for_update() if lock else wanted)
        if row is None:
            raise NotFound("mortgage application", spoken=NOT_YOURS if application_id else NO_APPLICATION)
        return row

    async def count_open(self) -> int:
        """The number of open applications; no other one of this caller can be added until the transaction is over."""
        # SQLite has one writer at a time anyway
        caller = select(UserRow.id).where(UserRow.id == self._user_id)
        await self._session.execute(caller.with_for_update(key_share=True))
        wanted = select(func.count()).where(
            ApplicationRow.user_id == self._user_id, ApplicationRow.status.not_in(CLOSED)
        )
        return await self._session.scalar(wanted) or 0

    async def debts(self, application: ApplicationRow) -> Sequence[DebtRow]:
        """In the order in which they were named."""
        wanted = select(DebtRow).where(DebtRow.application_id == application.id)
        return (await self._session.scalars(wanted.order_by(DebtRow.created_at, DebtRow.id))).all()

    async def documents(self, application: ApplicationRow) -> Sequence[DocumentRow]:
        wanted = select(DocumentRow).where(DocumentRow.application_id == application.id)
        return (await self._session.scalars(wanted.order_by(DocumentRow.created_at, DocumentRow.id))).all()

    async def add_row(self, row: ApplicationRow | DebtRow | DocumentRow) -> None:
        self._session.add(row)
        await self._session.flush()
