"""The CRM tools, served over MCP."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from mcp_types import CallToolResult
from pydantic import BaseModel, Field

from convonet.domains.crm.backends.base import Priority
from convonet.domains.crm.backends.choice import configured_crm
from convonet.domains.crm.schemas import Label, Name, NewAppointment, NewPatient, Words
from convonet.domains.crm.service import CrmService
from convonet.domains.crm.speech import PRIORITIES
from convonet.domains.speech import spoken_moment
from convonet.language.sentences import enumerated
from convonet.mcp.server import DomainServer, owner_of, tool_result
from convonet.settings import Settings
from convonet.storage.database import Database

Call = Context[Any, Any]
Phone = Annotated[
    str, Field(min_length=3, max_length=40, description="Phone number with area code, such as 415-555-0142.")
]
PatientId = Annotated[
    str,
    Field(max_length=64, description="Id of a patient of the caller, from check_patient_exists or onboard_patient."),
]
Born = Annotated[date | None, Field(description="Date of birth, such as 1980-05-31.")]


def server(database: Database, settings: Settings) -> DomainServer:
    """The MCP server of the CRM domain."""
    crm = configured_crm(database, settings)
    service = CrmService(database, crm, settings.callers.phone_region)
    about = "Patient contacts, appointments, clinical intakes and call notes of the caller."
    mcp = DomainServer("crm", about, release=crm.close)

    @mcp.tool()
    async def check_patient_exists(context: Call, phone: Phone) -> CallToolResult:
        """Look up the caller's patients by phone number. Use it first: it gives the patient_id that other tools need.

        One number may belong to several patients of a family. None found: offer to register with onboard_patient.
        """
        patients = await service.find(owner_of(context), phone)
        data = {
            "exists": bool(patients),
            "patient_id": patients[0].patient_id if len(patients) == 1 else None,
            "patients": [_data(patient) for patient in patients],
        }
        if not patients:
            return tool_result("I have no patient of yours on file with that number.", data)
        names = [f"{patient.first_name} {patient.last_name}".strip() for patient in patients]
        return tool_result(f"{enumerated(names)} {'is' if len(names) == 1 else 'are'} on file with that number.", data)

    @mcp.tool()
    async def onboard_patient(
        context: Call, first_name: Name, last_name: Name, phone: Phone, dob: Born = None
    ) -> CallToolResult:
        """Register a patient, or find the one with the same name and phone number. Gives the patient_id.

        Ask for the date of birth: with it, a patient whom the practice has on file already is found, not added twice.
        """
        patient = await service.onboard(owner_of(context), NewPatient(first_name, last_name, phone, dob))
        return tool_result(
            f"{patient.first_name} {patient.last_name} is registered.",
            {"patient_id": patient.patient_id, "patient": _data(patient)},
        )

    @mcp.tool()
    async def book_appointment(
        context: Call,
        patient_id: PatientId,
        appointment_type: Label,
        date_start: Annotated[
            str, Field(max_length=40, description="ISO 8601 local date and time, such as 2026-01-31T17:00.")
        ],
        duration: Annotated[int, Field(ge=5, le=480, description="Minutes.")] = 30,
        case_id: Annotated[str | None, Field(max_length=64, description="Id of a case it is about.")] = None,
    ) -> CallToolResult:
        """Book an appointment for one of the caller's patients, in the practice's CRM. Confirm day and time first."""
        new = NewAppointment(appointment_type, date_start, duration, case_id)
        booked = await service.book(owner_of(context), patient_id, new)
        when = spoken_moment(datetime.fromisoformat(booked.date_start))
        return tool_result(
            f"I booked the {booked.appointment_type} appointment for {when}, {booked.duration_minutes} minutes.",
            {"meeting_id": booked.meeting_id, "appointment": _data(booked)},
        )

    @mcp.tool()
    async def log_clinical_intake(
        context: Call,
        patient_id: PatientId,
        symptoms: Words,
        triage_notes: Words,
        priority: Annotated[Priority, Field(description="P1 urgent, P2 high, P3 normal.")] = Priority.P3,
    ) -> CallToolResult:
        """Open a case for the clinical staff: what a patient of the caller suffers from, and how urgent it is."""
        intake = await service.log_intake(owner_of(context), patient_id, symptoms, triage_notes, priority)
        return tool_result(
            f"I passed this on to the clinical staff as {PRIORITIES[intake.priority]}.",
            {"case_id": intake.case_id, "intake": _data(intake)},
        )

    @mcp.tool()
    async def save_call_summary(
        context: Call, patient_id: PatientId, summary: Words, call_type: Label
    ) -> CallToolResult:
        """Keep a note of this call with one of the caller's patients. Use it at the end of a call about a patient."""
        note = await service.save_summary(owner_of(context), patient_id, summary, call_type)
        return tool_result(
            "I saved a note of this call in the patient's record.", {"note_id": note.note_id, "note": _data(note)}
        )

    return mcp


def _data(result: BaseModel) -> dict[str, Any]:
    return result.model_dump(mode="json")
