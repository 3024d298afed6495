"""The crm-integration-service: the CRM over HTTP, for services and staff tools that have its token.

They see every contact. A request with an `Idempotency-Key` header may be repeated within a day: it adds its record
once, and gets the same answer again.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, FastAPI, Header, Security
from fastapi.security import HTTPBearer

from convonet.core.errors import ConvonetError, NotFound
from convonet.domains.crm.backends.base import Case, Contact, Crm, CrmName, Meeting, Note, plain_name
from convonet.domains.crm.backends.choice import configured_crm
from convonet.domains.crm.idempotency import KeptAnswers, KeyedRequest
from convonet.domains.crm.rules import appointment_start, require_birthdate
from convonet.domains.crm.schemas import (
    CaseAnswer,
    CaseCreate,
    Health,
    MeetingAnswer,
    MeetingCreate,
    NoteAnswer,
    NoteCreate,
    Patient,
    PatientAnswer,
    PatientCreate,
    PatientSearch,
    PatientsFound,
)
from convonet.language.phones import normalize
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.web.refusals import refusal_responses
from convonet.web.service import closing, http_service
from convonet.web.service_token import ServiceToken
from convonet.web.tracing import TracingMiddleware


def application(database: Database, settings: Settings) -> FastAPI:
    """Make the application; it closes the CRM and the database when it stops."""
    crm = configured_crm(database, settings)
    app = http_service("crm-integration-service", closing(crm, database))
    token = ServiceToken(settings.crm.service_token, "CRM_SERVICE_TOKEN")
    app.include_router(router(crm, database, token, settings.callers.phone_region))
    app.add_middleware(TracingMiddleware, trusts=token.is_given)
    return app


UTC_ZONE = ZoneInfo("UTC")

FAILED_CHECK_HOLDS_S = 10.0
"""`/health` is open to all, so a CRM that refuses us must not be asked for a token each time."""
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=128)]


def router(crm: Crm, database: Database, token: ServiceToken, region: str = "US") -> APIRouter:
    """Make the API. Answers are stored in `database`; `region` is the country of numbers without a country code."""
    bearer = HTTPBearer(auto_error=False, description="The value of CRM_SERVICE_TOKEN.")
    api = APIRouter(
        responses=refusal_responses(401, 404, 409, 413, 422, 503),
        dependencies=[Security(bearer), Depends(token.require)],
    )
    desk = _Routes(crm, KeptAnswers(database), region)
    for path, endpoint in (
        ("/patient/search", desk.search_patients),
        ("/patient/create", desk.create_patient),
        ("/meeting/create", desk.create_meeting),
        ("/case/create", desk.create_case),
        ("/note/create", desk.create_note),
    ):
        api.add_api_route(path, endpoint, methods=["POST"])
    open_to_all = APIRouter()
    open_to_all.add_api_route("/health", _HealthCheck(crm).health, methods=["GET"])
    both = APIRouter(tags=["crm"])
    both.include_router(api)
    both.include_router(open_to_all)
    return both


class _Routes:
    def __init__(self, crm: Crm, answers: KeptAnswers, region: str) -> None:
        self._crm = crm
        self._answers = answers
        self._region = region

    async def search_patients(self, wanted: PatientSearch) -> PatientsFound:
        """All patients with a phone number, however it is written."""
        contacts = await self._crm.find_contacts(normalize(wanted.phone, self._region))
        return PatientsFound(
            exists=bool(contacts),
            patient_id=contacts[0].id if len(contacts) == 1 else None,
            patients=[Patient.of(contact) for contact in contacts],
        )

    async def create_patient(self, new: PatientCreate, idempotency_key: Key = None) -> PatientAnswer:
        """Find the patient with this name and phone number, or add one."""

        async def find_or_add() -> PatientAnswer:
            birthdate = new.additional_attributes.birthdate if new.additional_attributes else None
            require_birthdate(birthdate, datetime.now(UTC).date())
            phone = normalize(new.phone, self._region)
            async with self._answers.shared_id(f"{phone} {plain_name(f'{new.first_name} {new.last_name}')}") as new_id:
                for contact in await self._crm.find_contacts(phone):
                    if contact.is_called(new.first_name, new.last_name):
                        return PatientAnswer(patient_id=contact.id, created=False)
                await self._crm.add_contact(Contact(new_id, new.first_name, new.last_name, phone, birthdate))
            return PatientAnswer(patient_id=new_id, created=True)

        request = KeyedRequest("/patient/create", new, idempotency_key)
        return await self._answers.once(request, PatientAnswer, find_or_add)

    async def create_meeting(self, new: MeetingCreate, idempotency_key: Key = None) -> MeetingAnswer:
        """Add a meeting to a patient, and to a case of theirs if one is named."""
        request = KeyedRequest("/meeting/create", new, idempotency_key)

        async def add() -> MeetingAnswer:
            start = appointment_start(new.date_start, UTC_ZONE, datetime.now(UTC))
            patient = await self._crm.contact(new.patient_id)
            if new.case_id is not None and not await self._crm.has_case(patient.id, new.case_id):
                raise NotFound("case", spoken="This patient has no such case.")
            meeting_id = request.record_id()
            await self._crm.add_meeting(
                Meeting(meeting_id, patient.id, new.subject, start, new.duration_minutes, new.case_id)
            )
            return MeetingAnswer(meeting_id=meeting_id)

        return await self._answers.once(request, MeetingAnswer, add)

    async def create_case(self, new: CaseCreate, idempotency_key: Key = None) -> CaseAnswer:
        """Open a case for a patient."""
        request = KeyedRequest("/case/create", new, idempotency_key)

        async def add() -> CaseAnswer:
            patient = await self._crm.contact(new.patient_id)
            case_id = request.record_id()
            await self._crm.add_case(Case(case_id, patient.id, new.subject, new.description, new.priority))
            return CaseAnswer(case_id=case_id)

        return await self._answers.once(request, CaseAnswer, add)

    async def create_note(self, new: NoteCreate, idempotency_key: Key = None) -> NoteAnswer:
        """Add a note to a patient."""
        request = KeyedRequest("/note/create", new, idempotency_key)

        async def add() -> NoteAnswer:
            patient = await self._crm.contact(new.patient_id)
            note_id = request.record_id()
            await self._crm.add_note(Note(note_id, patient.id, new.subject, new.content))
            return NoteAnswer(note_id=note_id)

        return await self._answers.once(request, NoteAnswer, add)


class _HealthCheck:
    def __init__(self, crm: Crm) -> None:
        self._crm = crm
        self._failed_until = 0.0

    async def health(self) -> Health:
        """Say whether the CRM takes our credentials; never fails itself."""
        failing = time.monotonic() < self._failed_until or not await self._passes()
        own = self._crm.name == CrmName.OWN
        return Health(
            status="degraded" if failing else "ok",
            crm=self._crm.name,
            crm_auth="not_needed" if own else "failed" if failing else "ok",
        )

    async def _passes(self) -> bool:
        try:
            await self._crm.check()
        except ConvonetError:
            self._failed_until = time.monotonic() + FAILED_CHECK_HOLDS_S
            return False
        return True
