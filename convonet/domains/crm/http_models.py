"""Requests and answers of the CRM API. Requests are strict: a number in a text field is a mistake, not a text."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from convonet.domains.crm.contract import CrmName, Priority
from convonet.domains.crm.models import Label, Name, Patient, Subject, Words

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
    """What all requests keep to."""

    model_config = ConfigDict(strict=True, extra="forbid")


class PatientSearch(Request):
    phone: PhoneText


class AdditionalAttributes(Request):
    """What else can be kept of a patient."""

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


class Answer(BaseModel):
    """What all answers say."""

    success: Literal[True] = True


class Found(Answer):
    """`patient_id` is there when exactly one patient has the number."""

    exists: bool
    patient_id: str | None
    patients: list[Patient]


class PatientAnswer(Answer):
    """`created` is false when a patient with this name and number was there."""

    patient_id: str
    created: bool


class MeetingAnswer(Answer):
    meeting_id: str


class CaseAnswer(Answer):
    case_id: str


class NoteAnswer(Answer):
    note_id: str


class Health(BaseModel):
    status: Literal["ok", "degraded"]
    service: Literal["crm-integration-service"] = "crm-integration-service"
    crm: CrmName
    crm_auth: Literal["ok", "failed", "not_needed"]
