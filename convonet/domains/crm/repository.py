"""The SQL of the CRM: our own records, and which caller a contact is bound to."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.domains.crm.backends.base import CrmName
from convonet.domains.crm.models import CaseRow, ContactOwnerRow, ContactRow, MeetingRow, NoteRow
from convonet.storage.effects import EffectRow

Row = ContactRow | CaseRow | MeetingRow | NoteRow


async def remembered(session: AsyncSession, user_id: uuid.UUID, key: str | None) -> dict[str, Any] | None:
    """The stored result of the caller's effect with this key, so that a repeated call need not ask the CRM again."""
    row = await session.get(EffectRow, (user_id, key)) if key is not None else None
    return None if row is None else row.result


class OwnerRepository:
    """The callers to whom the contacts of one CRM are bound, within one transaction."""

    def __init__(self, session: AsyncSession, crm: CrmName) -> None:
        self._session = session
        self._crm = crm

    async def owners(self, contact_ids: Iterable[str]) -> dict[str, uuid.UUID]:
        """The callers to whom these contacts are bound; an unbound contact is left out."""
        rows = await self._session.scalars(
            select(ContactOwnerRow).where(
                ContactOwnerRow.crm == self._crm, ContactOwnerRow.contact_id.in_(list(contact_ids))
            )
        )
        return {row.contact_id: row.user_id for row in rows}

    async def count(self, user_id: uuid.UUID) -> int:
        """The number of contacts that are bound to the caller."""
        query = select(func.count()).where(ContactOwnerRow.crm == self._crm, ContactOwnerRow.user_id == user_id)
        return await self._session.scalar(query) or 0

    def bind(self, contact_id: str, user_id: uuid.UUID) -> None:
        """Bind a contact to the caller. The commit fails (IntegrityError) if it is bound by then."""
        self._session.add(
            ContactOwnerRow(crm=self._crm, contact_id=contact_id, user_id=user_id, created_at=datetime.now(UTC))
        )


class RecordRepository:
    """Our own contacts, cases, meetings and notes, within one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_contacts(self, phone: str, limit: int) -> Sequence[ContactRow]:
        """All contacts with this number, the oldest first."""
        query = select(ContactRow).where(ContactRow.phone == phone)
        return (await self._session.scalars(query.order_by(ContactRow.created_at, ContactRow.id).limit(limit))).all()

    async def contact(self, contact_id: str) -> ContactRow | None:
        wanted = _uuid(contact_id)
        return None if wanted is None else await self._session.get(ContactRow, wanted)

    async def case_contact(self, case_id: str) -> str | None:
        """The contact of a case, or None when there is no such case."""
        wanted = _uuid(case_id)
        row = None if wanted is None else await self._session.get(CaseRow, wanted)
        return str(row.contact_id) if row else None

    async def add_once(self, row: Row) -> None:
        """Add the row unless its id is there."""
        if await self._session.get(type(row), row.id) is None:
            self._session.add(row)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
