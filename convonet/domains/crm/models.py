"""The CRM's own tables, which caller a contact is bound to, and a patient as tools show one."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, StringConstraints
from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from convonet.domains.crm.contract import Contact, Priority
from convonet.storage.database import Base
from convonet.storage.types import Moment

WRITTEN = r"^[^\x00]*[^\s\x00][^\x00]*$"
"""Something that is not only blanks; PostgreSQL keeps no NUL in a text."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=WRITTEN)]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50, pattern=WRITTEN)]
Subject = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=WRITTEN)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000, pattern=WRITTEN)]


class ContactRow(Base):
    """A person; `phone` is E.164."""

    __tablename__ = "crm_contacts"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    phone: Mapped[str] = mapped_column(String(16), index=True)
    birthdate: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(Moment)


class CaseRow(Base):
    """A case of a contact."""

    __tablename__ = "crm_cases"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[uuid.UUID] = mapped_column(index=True)
    subject: Mapped[str] = mapped_column(String(255))
    description: Mapped[str] = mapped_column(Text)
    priority: Mapped[str] = mapped_column(String(2))
    created_at: Mapped[datetime] = mapped_column(Moment)


class MeetingRow(Base):
    """A meeting of a contact."""

    __tablename__ = "crm_meetings"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[uuid.UUID] = mapped_column(index=True)
    case_id: Mapped[uuid.UUID | None]
    subject: Mapped[str] = mapped_column(String(255))
    starts_at: Mapped[datetime] = mapped_column(Moment)
    duration_minutes: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(Moment)


class NoteRow(Base):
    """A note of a contact."""

    __tablename__ = "crm_notes"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    contact_id: Mapped[uuid.UUID] = mapped_column(index=True)
    subject: Mapped[str] = mapped_column(String(255))
    content: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment)


class ContactOwnerRow(Base):
    """The one caller who may touch a contact; `crm` says where the contact is (`CrmName`)."""

    __tablename__ = "crm_contact_owners"

    crm: Mapped[str] = mapped_column(String(20), primary_key=True)
    contact_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(Moment)


class Patient(BaseModel):
    """A contact as a tool shows it."""

    patient_id: str
    first_name: str
    last_name: str
    phone: str
    dob: date | None

    @classmethod
    def of(cls, contact: Contact) -> Patient:
        """The contact."""
        return cls(
            patient_id=contact.id,
            first_name=contact.first_name,
            last_name=contact.last_name,
            phone=contact.phone,
            dob=contact.birthdate,
        )


class Appointment(BaseModel):
    """A meeting as a tool shows it. `date_start` is ISO 8601 in the caller's time zone."""

    meeting_id: str
    patient_id: str
    case_id: str | None
    appointment_type: str
    date_start: str
    duration_minutes: int


class Intake(BaseModel):
    """A case as a tool shows it."""

    case_id: str
    patient_id: str
    subject: str
    priority: Priority


class CallNote(BaseModel):
    """A call summary as a tool shows it."""

    note_id: str
    patient_id: str
    call_type: str
