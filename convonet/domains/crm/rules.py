"""Rules of the CRM that need no database: possible appointments and birthdates, and the ids of records."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from convonet.core.errors import DomainError
from convonet.core.owner import Owner
from convonet.domains.crm.backends.base import plain_name

RECORDS = uuid.UUID("5f1b6a0e-6d0c-4f58-9f0a-1f4f5f6d2c11")
"""Namespace of the ids that we give records."""

RECORD_ID = re.compile(r"[0-9]{1,36}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
"""The form of SuiteCRM V8's ids (Param/Options/Id.php); an id never holds a slash."""

FURTHEST = timedelta(days=365)
"""Appointments are made within a year: a weekday and a date then name one day only."""

OLDEST_YEARS = 130


def appointment_start(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Read an appointment's start, in `zone`: an ISO 8601 date and time, local unless it names an offset.

    Raises `DomainError` for no time of day, for the past, for more than a year ahead, and for an hour that the change
    to daylight saving time leaves out.
    """
    try:
        moment = datetime.fromisoformat(text)
        moment.replace(tzinfo=moment.tzinfo or zone).astimezone(UTC).astimezone(zone)
    except (ValueError, OverflowError):
        raise DomainError("bad moment", spoken="I didn't understand that date and time.") from None
    if len(text) <= len("2026-01-31"):
        raise DomainError("no time of day", spoken="Please tell me the time of the appointment too.")
    local = moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        raise DomainError(
            "skipped hour", spoken="The clocks change that night, there is no such time. Please pick another."
        )
    if local <= now:
        raise DomainError("in the past", spoken="That time has passed. Please pick a later one.")
    if local > now + FURTHEST:
        raise DomainError("too far ahead", spoken="Appointments can be made up to one year ahead.")
    return local


def require_birthdate(birthdate: date | None, today: date) -> None:
    """Raise `DomainError` for a date of birth that no living person has."""
    if birthdate and (birthdate > today or birthdate.year < today.year - OLDEST_YEARS):
        raise DomainError("impossible birthdate", spoken="That date of birth can't be right. Please say it again.")


def record_id(owner: Owner, kind: str) -> str:
    """The id of a new record: the same for a repeated call, a new one each time for a call without a key."""
    if owner.idempotency_key is None:
        return str(uuid.uuid4())
    return str(uuid.uuid5(RECORDS, f"{owner.user_id}:{kind}:{owner.idempotency_key}"))


def contact_id(user_id: uuid.UUID, phone: str, name: str, bound: int) -> str:
    """The id of a contact that a caller adds, who has `bound` contacts already.

    Two calls at once that add the same person get one id, whatever their keys; when staff have deleted that person from
    the CRM, the count has moved on, and the next id is free.
    """
    return str(uuid.uuid5(RECORDS, f"{user_id}:contact:{bound}:{phone}:{plain_name(name)}"))
