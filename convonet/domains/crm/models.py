"""The CRM's own tables, and the table that binds a contact to one caller."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from convonet.storage.database import Base
from convonet.storage.types import Moment


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
    """The caller to whom a contact is bound; `crm` names the CRM that holds the contact (`CrmName`)."""

    __tablename__ = "crm_contact_owners"

    crm: Mapped[str] = mapped_column(String(20), primary_key=True)
    contact_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
