"""The CRM in our own tables, used when SuiteCRM is not set up."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sqlalchemy.exc import IntegrityError

from convonet.core.errors import NotFound
from convonet.domains.crm.backends.base import Case, Contact, CrmName, Meeting, Note
from convonet.domains.crm.models import CaseRow, ContactRow, MeetingRow, NoteRow
from convonet.domains.crm.repository import RecordRepository, Row
from convonet.storage.database import Database

MAX_FOUND = 20


class OwnCrm:
    """`Crm` over our own tables."""

    name = CrmName.OWN

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_contacts(self, phone: str) -> list[Contact]:
        async with self._database.reading() as session:
            rows = await RecordRepository(session).find_contacts(phone, MAX_FOUND)
        return [_contact(row) for row in rows]

    async def contact(self, contact_id: str) -> Contact:
        async with self._database.reading() as session:
            row = await RecordRepository(session).contact(contact_id)
        if row is None:
            raise NotFound("contact")
        return _contact(row)

    async def add_contact(self, contact: Contact) -> None:
        await self._add(
            ContactRow(
                id=uuid.UUID(contact.id),
                first_name=contact.first_name,
                last_name=contact.last_name,
                phone=contact.phone,
                birthdate=contact.birthdate,
                created_at=datetime.now(UTC),
            )
        )

    async def has_case(self, contact_id: str, case_id: str) -> bool:
        async with self._database.reading() as session:
            return await RecordRepository(session).case_contact(case_id) == contact_id

    async def add_meeting(self, meeting: Meeting) -> None:
        await self.contact(meeting.contact_id)
        await self._add(
            MeetingRow(
                id=uuid.UUID(meeting.id),
                contact_id=uuid.UUID(meeting.contact_id),
                case_id=uuid.UUID(meeting.case_id) if meeting.case_id else None,
                subject=meeting.subject,
                starts_at=meeting.starts_at,
                duration_minutes=meeting.duration_minutes,
                created_at=datetime.now(UTC),
            )
        )

    async def add_case(self, case: Case) -> None:
        await self.contact(case.contact_id)
        await self._add(
            CaseRow(
                id=uuid.UUID(case.id),
                contact_id=uuid.UUID(case.contact_id),
                subject=case.subject,
                description=case.description,
                priority=case.priority,
                created_at=datetime.now(UTC),
            )
        )

    async def add_note(self, note: Note) -> None:
        await self.contact(note.contact_id)
        await self._add(
            NoteRow(
                id=uuid.UUID(note.id),
                contact_id=uuid.UUID(note.contact_id),
                subject=note.subject,
                content=note.content,
                created_at=datetime.now(UTC),
            )
        )

    async def check(self) -> None:
        await self.find_contacts("")

    async def close(self) -> None:
        """See `Crm`; the database belongs to its maker."""

    async def _add(self, row: Row) -> None:
        try:
            async with self._database.transaction() as session:
                await RecordRepository(session).add_once(row)
        except IntegrityError:
            # the same record was added twice at once and the other one was first; any other cause fails again
            async with self._database.transaction() as session:
                await RecordRepository(session).add_once(row)


def _contact(row: ContactRow) -> Contact:
    return Contact(str(row.id), row.first_name, row.last_name, row.phone, row.birthdate)
