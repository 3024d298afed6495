"""Demo patients of the demo caller, in our own tables, relative to today."""

from __future__ import annotations

import uuid
from datetime import date, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from convonet.domains.crm.backends.base import CrmName, Priority
from convonet.domains.crm.models import CaseRow, ContactRow, MeetingRow, NoteRow
from convonet.domains.crm.repository import OwnerRepository, RecordRepository
from convonet.domains.crm.rules import RECORDS

PHONE = "+14155550142"
FAMILY = (("Dana", "Caller", date(1984, 3, 9)), ("Robin", "Caller", date(2015, 11, 2)))


async def seed(session: AsyncSession, user_id: uuid.UUID, now: datetime) -> None:
    """Two patients who share a number, with a case, an appointment and a note; does nothing the second time."""
    contacts = [
        ContactRow(
            id=_id(user_id, first), first_name=first, last_name=last, phone=PHONE, birthdate=born, created_at=now
        )
        for first, last, born in FAMILY
    ]
    owners = OwnerRepository(session, CrmName.OWN)
    if await owners.owners(str(contact.id) for contact in contacts):
        return
    records = RecordRepository(session)
    for contact in contacts:
        await records.add_once(contact)
        owners.bind(str(contact.id), user_id)
    # the tables refer to each other and the models do not: what is referred to goes in first
    await session.flush()
    parent, child = (contact.id for contact in contacts)
    case = _case(user_id, child, now)
    await records.add_once(case)
    await session.flush()
    await records.add_once(_meeting(user_id, child, case.id, now))
    await records.add_once(_note(user_id, parent, now))


def _case(user_id: uuid.UUID, contact_id: uuid.UUID, now: datetime) -> CaseRow:
    return CaseRow(
        id=_id(user_id, "case"),
        contact_id=contact_id,
        subject="Clinical intake: cough and a mild fever for three days",
        description="Symptoms: cough and a mild fever for three days\n\nTriage notes: drinks and breathes well",
        priority=Priority.P3,
        created_at=now - timedelta(days=2),
    )


def _meeting(user_id: uuid.UUID, contact_id: uuid.UUID, case_id: uuid.UUID, now: datetime) -> MeetingRow:
    return MeetingRow(
        id=_id(user_id, "meeting"),
        contact_id=contact_id,
        case_id=case_id,
        subject="Pediatric check",
        starts_at=(now + timedelta(days=3)).replace(hour=17, minute=30, second=0, microsecond=0),
        duration_minutes=30,
        created_at=now - timedelta(days=2),
    )


def _note(user_id: uuid.UUID, contact_id: uuid.UUID, now: datetime) -> NoteRow:
    return NoteRow(
        id=_id(user_id, "note"),
        contact_id=contact_id,
        subject="Call summary: appointment",
        content="Asked how to prepare for the annual physical; told to come fasting and bring the list of medicines.",
        created_at=now - timedelta(days=20),
    )


def _id(user_id: uuid.UUID, name: str) -> uuid.UUID:
    return uuid.uuid5(RECORDS, f"demo:{user_id}:{name}")
