"""Writes the notes about a call to the CRM, at every contact that belongs to the caller. The desks' routes use it."""

from __future__ import annotations

import uuid

import structlog
from sqlalchemy import select

from convonet.core.errors import ConvonetError
from convonet.domains.crm.backends.base import Note
from convonet.domains.crm.backends.choice import configured_crm
from convonet.domains.crm.models import ContactOwnerRow
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.telephony.call_log import HandOverRow

log = structlog.get_logger(__name__)

_NAMESPACE = uuid.UUID("8a1c9f6e-54f0-4a07-9c36-4e3f0f6f6d11")
MAX_CONTACTS = 5


class CrmNotes:
    """The notes in the configured CRM."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._crm = configured_crm(database, settings)

    async def add_note(self, row: HandOverRow, author: str) -> bool:
        """Add the notes of a hand-over. Returns whether a contact got them; the call log has them in any case."""
        try:
            user_id = uuid.UUID(row.user_id)
        except ValueError:
            return False
        async with self._database.reading() as session:
            contacts = await session.scalars(
                select(ContactOwnerRow.contact_id)
                .where(ContactOwnerRow.crm == self._crm.name, ContactOwnerRow.user_id == user_id)
                .limit(MAX_CONTACTS)
            )
            found = list(contacts)
        added = False
        for contact_id in found:
            # the id follows from the content, so that a repeated note is written once
            note_id = str(uuid.uuid5(_NAMESPACE, f"{row.id}/{contact_id}/{row.notes}"))
            note = Note(note_id, contact_id, f"Call with {author}", row.notes or "")
            try:
                await self._crm.add_note(note)
                added = True
            except ConvonetError as error:
                log.warning("note_not_in_crm", transfer_id=row.id, reason=type(error).__name__)
        return added

    async def close(self) -> None:
        """Close the CRM's connections."""
        await self._crm.close()
