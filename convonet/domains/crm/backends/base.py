"""The interface of a CRM, which our own tables (own.py) and SuiteCRM (suitecrm.py) implement.

Each record carries an id that we choose before it is sent. So each `add_*` can be repeated: if a record was stored and
our process died before it could say so, the repeated call finds the record and adds no second one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol


class CrmName(StrEnum):
    """The CRM that holds the records."""

    OWN = "own"
    SUITECRM = "suitecrm"


class Priority(StrEnum):
    """The urgency of a case, as SuiteCRM names it."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


@dataclass(frozen=True, slots=True)
class Contact:
    """A person. `phone` is E.164; SuiteCRM may hold other text there, and no first name or date of birth."""

    id: str
    first_name: str
    last_name: str
    phone: str
    birthdate: date | None = None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    def is_called(self, first_name: str, last_name: str) -> bool:
        """Say whether this is their name, regardless of case and spaces."""
        return plain_name(self.name) == plain_name(f"{first_name} {last_name}")


@dataclass(frozen=True, slots=True)
class Meeting:
    """An appointment of a contact, perhaps about one of their cases. `starts_at` is aware."""

    id: str
    contact_id: str
    subject: str
    starts_at: datetime
    duration_minutes: int
    case_id: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """Something that staff must deal with for a contact."""

    id: str
    contact_id: str
    subject: str
    description: str
    priority: Priority


@dataclass(frozen=True, slots=True)
class Note:
    """A text kept with a contact."""

    id: str
    contact_id: str
    subject: str
    content: str


class Crm(Protocol):
    """A CRM. All methods raise `CrmUnavailable`, or `StorageError` from our own tables, when it does not answer."""

    @property
    def name(self) -> CrmName:
        """The CRM behind this interface."""

    async def find_contacts(self, phone: str) -> list[Contact]:
        """All contacts with this E.164 number, always in the same order; of many, the oldest."""

    async def contact(self, contact_id: str) -> Contact:
        """A contact by id. Raises `NotFound`."""

    async def add_contact(self, contact: Contact) -> None:
        """Add a contact; does nothing when its id is there."""

    async def has_case(self, contact_id: str, case_id: str) -> bool:
        """Say whether the case exists and is this contact's."""

    async def add_meeting(self, meeting: Meeting) -> None:
        """Add a meeting with its links; does nothing when its id is there. Raises `NotFound` for no such contact."""

    async def add_case(self, case: Case) -> None:
        """Add a case; does nothing when its id is there. Raises `NotFound` for no such contact."""

    async def add_note(self, note: Note) -> None:
        """Add a note; does nothing when its id is there. Raises `NotFound` for no such contact."""

    async def check(self) -> None:
        """Raise `CrmUnavailable` if the CRM does not take our credentials."""

    async def close(self) -> None:
        """Close all connections."""


def plain_name(name: str) -> str:
    """A name as it is compared: without regard to case and spaces."""
    return " ".join(name.split()).casefold()
