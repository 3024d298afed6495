"""The service of the CRM: a caller finds and adds patients, and adds appointments, intakes and call notes to them.

**Ownership.** A caller reads and changes only contacts that are bound to them in our table `crm_contact_owners`, also
when the contacts themselves are in SuiteCRM. A contact is bound to one caller at most, and in two ways only:

* the caller added it, or
* the caller named its phone number, its full name and its date of birth, and it was not bound yet. A phone number alone
  binds nothing, since anybody can say one. A guess at the date of birth can be made once: a wrong one adds a contact of
  the caller's own with this name and number, which each later call finds first.

A contact that is not bound to the caller looks like one that does not exist.

**Idempotency.** The CRM is not in our transaction, so each effect takes two steps. The record is added under an id made
from the caller and the idempotency key. Then `once` stores its result, together with the binding of a new contact. If
our process dies between the two, the repeated call adds the same id, which the CRM has already, and does the second
step. No transaction of ours is open while the CRM works.
"""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from convonet.core.errors import NotFound
from convonet.core.owner import Owner
from convonet.domains.crm.backends.base import Case, Contact, Crm, Meeting, Note, Priority
from convonet.domains.crm.errors import CaseNotFound, PatientNotFound
from convonet.domains.crm.repository import OwnerRepository, remembered
from convonet.domains.crm.rules import RECORD_ID, appointment_start, contact_id, record_id, require_birthdate
from convonet.domains.crm.schemas import Appointment, CallNote, Intake, NewAppointment, NewPatient, Patient
from convonet.language.phones import normalize
from convonet.storage.database import Database
from convonet.storage.effects import run_once

MAX_SUBJECT = 255
Result = TypeVar("Result", bound=BaseModel)


class CrmService:
    """One caller's contacts. Raises `DomainError` with words for the caller, or `CrmUnavailable`."""

    def __init__(self, database: Database, crm: Crm, region: str) -> None:
        self._database = database
        self._crm = crm
        self._region = region

    async def find(self, owner: Owner, phone: str) -> list[Patient]:
        """The caller's patients with this phone number."""
        contacts = await self._crm.find_contacts(normalize(phone, self._region))
        async with self._database.reading() as session:
            owners = await OwnerRepository(session, self._crm.name).owners(contact.id for contact in contacts)
        return [Patient.of(contact) for contact in contacts if owners.get(contact.id) == owner.user_id]

    async def onboard(self, owner: Owner, person: NewPatient) -> Patient:
        """The caller's patient with this name and number: found, bound, or added."""
        if known := await self._remembered(owner, Patient):
            return known
        require_birthdate(person.birthdate, owner.today())
        phone = normalize(person.phone, self._region)
        try:
            return await self._onboard(owner, person, phone)
        except IntegrityError:
            # the same person was added twice at once, or another caller has just been bound: it is visible now
            return await self._onboard(owner, person, phone)

    async def book(self, owner: Owner, patient_id: str, new: NewAppointment) -> Appointment:
        if known := await self._remembered(owner, Appointment):
            return known
        start = appointment_start(new.date_start, owner.zone, datetime.now(UTC))
        await self._require_patient(owner, patient_id)
        if new.case_id is not None and not await self._crm.has_case(patient_id, new.case_id):
            raise CaseNotFound
        meeting = Meeting(
            record_id(owner, "meeting"), patient_id, new.appointment_type, start, new.duration_minutes, new.case_id
        )
        await self._for_patient(self._crm.add_meeting(meeting))
        booked = Appointment(
            meeting_id=meeting.id,
            patient_id=patient_id,
            case_id=new.case_id,
            appointment_type=new.appointment_type,
            date_start=start.isoformat(),
            duration_minutes=new.duration_minutes,
        )
        return await self._remember(owner, booked)

    async def log_intake(
        self, owner: Owner, patient_id: str, symptoms: str, triage_notes: str, priority: Priority
    ) -> Intake:
        if known := await self._remembered(owner, Intake):
            return known
        await self._require_patient(owner, patient_id)
        subject = _cut(f"Clinical intake: {' '.join(symptoms.split())}")
        description = f"Symptoms: {symptoms}\n\nTriage notes: {triage_notes}"
        case = Case(record_id(owner, "case"), patient_id, subject, description, priority)
        await self._for_patient(self._crm.add_case(case))
        return await self._remember(
            owner, Intake(case_id=case.id, patient_id=patient_id, subject=subject, priority=priority)
        )

    async def save_summary(self, owner: Owner, patient_id: str, summary: str, call_type: str) -> CallNote:
        if known := await self._remembered(owner, CallNote):
            return known
        await self._require_patient(owner, patient_id)
        note = Note(record_id(owner, "note"), patient_id, _cut(f"Call summary: {call_type}"), summary)
        await self._for_patient(self._crm.add_note(note))
        return await self._remember(owner, CallNote(note_id=note.id, patient_id=patient_id, call_type=call_type))

    async def _onboard(self, owner: Owner, person: NewPatient, phone: str) -> Patient:
        # counted before the search: a contact bound by then is found, and one that is added meanwhile gets the same id
        async with self._database.reading() as session:
            bound = await OwnerRepository(session, self._crm.name).count(owner.user_id)
        namesakes = [
            contact
            for contact in await self._crm.find_contacts(phone)
            if contact.is_called(person.first_name, person.last_name)
        ]
        async with self._database.reading() as session:
            owners = await OwnerRepository(session, self._crm.name).owners(contact.id for contact in namesakes)
        mine = next((contact for contact in namesakes if owners.get(contact.id) == owner.user_id), None)
        if mine is not None:
            return await self._remember(owner, Patient.of(mine))
        unbound = (contact for contact in namesakes if contact.id not in owners and contact.birthdate is not None)
        contact = next((contact for contact in unbound if contact.birthdate == person.birthdate), None)
        if contact is None:
            new_id = contact_id(owner.user_id, phone, person.name, bound)
            contact = Contact(new_id, person.first_name, person.last_name, phone, person.birthdate)
            await self._crm.add_contact(contact)
        return await self._remember(owner, Patient.of(contact), bind=contact.id)

    async def _require_patient(self, owner: Owner, patient_id: str) -> None:
        if not RECORD_ID.fullmatch(patient_id):
            raise PatientNotFound("not an id")
        async with self._database.reading() as session:
            owners = await OwnerRepository(session, self._crm.name).owners([patient_id])
        if owners.get(patient_id) != owner.user_id:
            raise PatientNotFound
        await self._for_patient(self._crm.contact(patient_id))

    async def _for_patient(self, work: Awaitable[object]) -> None:
        """Raise `PatientNotFound` for a bound contact that was deleted from the CRM since."""
        try:
            await work
        except NotFound as error:
            raise PatientNotFound from error

    async def _remembered(self, owner: Owner, shape: type[Result]) -> Result | None:
        async with self._database.reading() as session:
            known = await remembered(session, owner.user_id, owner.idempotency_key)
        return None if known is None else shape.model_validate(known)

    async def _remember(self, owner: Owner, result: Result, *, bind: str | None = None) -> Result:
        async def work(session: AsyncSession) -> dict[str, Any]:
            if bind is not None:
                OwnerRepository(session, self._crm.name).bind(bind, owner.user_id)
            return result.model_dump(mode="json")

        return type(result).model_validate(await run_once(self._database, owner.user_id, owner.idempotency_key, work))


def _cut(subject: str) -> str:
    return subject if len(subject) <= MAX_SUBJECT else f"{subject[: MAX_SUBJECT - 1]}…"
