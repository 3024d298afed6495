"""SuiteCRM as the CRM, through its V8 API: Contacts, Cases, Meetings, Notes and the links between them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, date
from typing import Annotated

from pydantic import BaseModel, BeforeValidator

from convonet.core.errors import NotFound
from convonet.domains.crm.backends.base import Case, Contact, CrmName, Meeting, Note
from convonet.domains.crm.backends.suitecrm_client import Page, SuiteCrmClient
from convonet.domains.crm.errors import CrmRefused
from convonet.domains.crm.rules import RECORD_ID
from convonet.language.phones import normalize_if_valid, spellings

MAX_FOUND = "20"

MAX_MEETING_NAME = 50
"""Length of a meeting's name in SuiteCRM (modules/Meetings/vardefs.php); its database refuses or cuts longer ones."""
CONTACT_FIELDS = "first_name,last_name,phone_mobile,birthdate"


def _day(value: object) -> date | None:
    """SuiteCRM writes "" for no date, and some databases 0000-00-00."""
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


Text = Annotated[str, BeforeValidator(lambda value: value or "")]


class _Attributes(BaseModel):
    first_name: Text = ""
    last_name: Text = ""
    phone_mobile: Text = ""
    birthdate: Annotated[date | None, BeforeValidator(_day)] = None


class _Resource(BaseModel):
    id: str


class _ContactResource(_Resource):
    attributes: _Attributes


class _OneContact(BaseModel):
    data: _ContactResource


class _Contacts(BaseModel):
    data: list[_ContactResource] = []


class _Linked(BaseModel):
    """V8 leaves `data` out when there is no link."""

    data: list[_Resource] = []


class SuiteCrm:
    """`Crm` over SuiteCRM V8. `region` is the country of numbers that were stored without one."""

    name = CrmName.SUITECRM

    def __init__(self, client: SuiteCrmClient, region: str) -> None:
        self._client = client
        self._region = region

    async def find_contacts(self, phone: str) -> list[Contact]:
        """See `Crm`. SuiteCRM compares text, so each usual way to write the number is asked for.

        One request for each, side by side: `filter[operator]=or` would be one, but V8 adds `deleted = 0` to the list
        of conditions that it then joins by OR (JsonApi/Repository/Filter.php), which finds every contact there is.
        """
        try:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(self._with_number(spelling)) for spelling in spellings(phone)]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        found = {resource.id: self._contact(resource) for task in asked for resource in task.result()}
        return [contact for contact in found.values() if contact.phone == phone]

    async def contact(self, contact_id: str) -> Contact:
        page = await self._read(f"/module/Contacts/{_safe(contact_id)}", _OneContact, _fields())
        return self._contact(page.data)

    async def add_contact(self, contact: Contact) -> None:
        attributes = {
            "first_name": contact.first_name,
            "last_name": contact.last_name,
            "phone_mobile": contact.phone,
        }
        if contact.birthdate:
            attributes["birthdate"] = contact.birthdate.isoformat()
        await self._add("Contacts", contact.id, attributes)

    async def has_case(self, contact_id: str, case_id: str) -> bool:
        try:
            linked = await self._read(f"/module/Cases/{_safe(case_id)}/relationships/contacts", _Linked)
        except NotFound:
            return False
        return any(contact.id == contact_id for contact in linked.data)

    async def add_meeting(self, meeting: Meeting) -> None:
        """See `Crm`. The meeting's parent is its case if it has one, else the contact, who is invited in any case."""
        parent = ("Cases", meeting.case_id) if meeting.case_id else ("Contacts", meeting.contact_id)
        hours, minutes = divmod(meeting.duration_minutes, 60)
        attributes = {
            "name": meeting.subject[:MAX_MEETING_NAME],
            "description": meeting.subject,
            "status": "Planned",
            # the form of its database, which is in UTC; any other would be read in the format of the user's profile
            "date_start": meeting.starts_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "duration_hours": str(hours),
            "duration_minutes": str(minutes),
            "parent_type": parent[0],
            "parent_id": parent[1],
        }
        await self._add("Meetings", meeting.id, attributes)
        await self._link("Meetings", meeting.id, "contacts", "Contacts", meeting.contact_id)

    async def add_case(self, case: Case) -> None:
        attributes = {
            "name": case.subject,
            "description": case.description,
            "priority": case.priority.value,
            "state": "Open",
            "status": "Open_New",
            # so that a case without its link still names its contact
            "contact_created_by_id": case.contact_id,
        }
        await self._add("Cases", case.id, attributes)
        await self._link("Contacts", case.contact_id, "cases", "Cases", case.id)

    async def add_note(self, note: Note) -> None:
        attributes = {
            "name": note.subject,
            "description": note.content,
            "parent_type": "Contacts",
            "parent_id": note.contact_id,
            "contact_id": note.contact_id,
        }
        await self._add("Notes", note.id, attributes)

    async def check(self) -> None:
        await self._client.check()

    async def close(self) -> None:
        await self._client.close()

    async def _with_number(self, spelling: str) -> list[_ContactResource]:
        query = _fields() | {
            "filter[phone_mobile][eq]": spelling,
            "sort": "date_entered",
            "page[size]": MAX_FOUND,
            "page[number]": "1",
        }
        return (await self._client.read("/module/Contacts", _Contacts, query)).data

    def _contact(self, found: _ContactResource) -> Contact:
        known = found.attributes
        phone = normalize_if_valid(known.phone_mobile, self._region)
        return Contact(found.id, known.first_name, known.last_name, phone, known.birthdate)

    async def _read(self, path: str, shape: type[Page], query: dict[str, str] | None = None) -> Page:
        try:
            return await self._client.read(path, shape, query)
        except CrmRefused as error:
            raise _not_found(error) from None

    async def _add(self, module: str, record_id: str, attributes: Mapping[str, str | None]) -> None:
        try:
            await self._client.write("/module", {"type": module, "id": record_id, "attributes": attributes})
        except CrmRefused as error:
            # the record exists: an earlier attempt succeeded and its answer was lost
            if f"{record_id} is already exist" not in str(error):
                raise

    async def _link(self, module: str, record_id: str, link: str, other: str, other_id: str) -> None:
        path = f"/module/{module}/{_safe(record_id)}/relationships/{link}"
        try:
            await self._client.write(path, {"type": other, "id": other_id})
        except CrmRefused as error:
            raise _not_found(error) from None


def _fields() -> dict[str, str]:
    return {"fields[Contacts]": CONTACT_FIELDS}


def _safe(record_id: str) -> str:
    if not RECORD_ID.fullmatch(record_id):
        raise NotFound("not an id of SuiteCRM")
    return record_id


def _not_found(error: CrmRefused) -> NotFound | CrmRefused:
    return NotFound(str(error)) if "is not found" in str(error) else error
