"""The CRM's data as its tools show it and its HTTP API takes it. HTTP requests are strict: 5 is no text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from convonet.domains.crm.backends.base import Contact, CrmName, Priority

WRITTEN = r"^[^\x00]*[^\s\x00][^\x00]*$"
"""Text that is more than blanks; PostgreSQL stores no NUL."""
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=WRITTEN)]
Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50, pattern=WRITTEN)]
Subject = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=WRITTEN)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000, pattern=WRITTEN)]


class Patient(BaseModel):
    """A contact as a tool shows it."""

    patient_id: str
    first_name: str
    last_name: str
    phone: str
    dob: date | None

    @classmethod
    def of(cls, contact: Contact) -> Patient:
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


PhoneText = Annotated[str, Field(min_length=3, max_length=40, examples=["415-555-0142"])]
RecordId = Annotated[str, Field(min_length=1, max_length=64)]


def _only_a_day(value: object) -> object:
    """Pydantic would take a timestamp for a date too."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError("should be a date such as 1980-05-31")
    if value is not None and not isinstance(value, str):
        raise ValueError("should be a text")
    return value


def _whole(value: object) -> object:
    """To JSON, 30.0 is an integer."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Day = Annotated[date, BeforeValidator(_only_a_day), Field(strict=False)]


class Request(BaseModel):
    """The base of all requests."""

    model_config = ConfigDict(strict=True, extra="forbid")


class PatientSearch(Request):
    phone: PhoneText


class AdditionalAttributes(Request):
    """More facts about a patient."""

    birthdate: Day | None = None


class PatientCreate(Request):
    first_name: Name
    last_name: Name
    phone: PhoneText
    additional_attributes: AdditionalAttributes | None = None


class MeetingCreate(Request):
    """`date_start` is ISO 8601 with a time of day; without an offset it is UTC."""

    patient_id: RecordId
    subject: Label
    date_start: Annotated[str, Field(max_length=40, examples=["2026-12-01T17:00:00+00:00"])]
    duration_minutes: Annotated[int, Field(ge=5, le=480), BeforeValidator(_whole)] = 30
    case_id: RecordId | None = None


class CaseCreate(Request):
    patient_id: RecordId
    subject: Subject
    description: Words
    priority: Annotated[Priority, Field(strict=False)] = Priority.P3


class NoteCreate(Request):
    patient_id: RecordId
    subject: Subject
    content: Words


class Success(BaseModel):
    """The base of all answers."""

    success: Literal[True] = True


class PatientsFound(Success):
    """`patient_id` is there when exactly one patient has the number."""

    exists: bool
    patient_id: str | None
    patients: list[Patient]


class PatientAnswer(Success):
    """`created` is false when a patient with this name and number was there."""

    patient_id: str
    created: bool


class MeetingAnswer(Success):
    meeting_id: str


class CaseAnswer(Success):
    case_id: str


class NoteAnswer(Success):
    note_id: str


class Health(BaseModel):
    status: Literal["ok", "degraded"]
    service: Literal["crm-integration-service"] = "crm-integration-service"
    crm: CrmName
    crm_auth: Literal["ok", "failed", "not_needed"]


@dataclass(frozen=True, slots=True)
class NewPatient:
    """A patient to register, as the caller names them."""

    first_name: str
    last_name: str
    phone: str
    birthdate: date | None = None

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class NewAppointment:
    """An appointment as the caller says it; `date_start` is ISO 8601."""

    appointment_type: str
    date_start: str
    duration_minutes: int
    case_id: str | None = None
