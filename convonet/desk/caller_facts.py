"""Facts about a caller from our own tables and the CRM, for the card of the desk that rings.

All sources are asked at the same time, each with a short timeout: a desk must not wait for the slowest one.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select

from convonet.core.errors import ConvonetError, DomainError
from convonet.core.owner import Owner
from convonet.domains.crm.backends.base import Contact
from convonet.domains.crm.backends.choice import configured_crm
from convonet.domains.crm.models import ContactOwnerRow
from convonet.domains.hanok.house import House
from convonet.domains.hanok.service import ReservationService
from convonet.domains.healthcare.coverage.service import CoverageService
from convonet.domains.mortgage.applications.service import MortgageService
from convonet.domains.todo.todos.service import TodoService
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.users import UserRow

log = structlog.get_logger(__name__)

TIMEOUT_S = 2.0
MAX_FACTS = 5
"""Of one source."""


class CallerFacts:
    """Looks up facts about callers, and their telephone numbers."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._zone = ZoneInfo(settings.callers.timezone)
        self._crm = configured_crm(database, settings)
        self._todos = TodoService(database)
        self._mortgage = MortgageService(database)
        self._coverage = CoverageService(database)
        self._reservations = ReservationService(database, House.of(settings.hanok))
        self._sources: dict[str, Callable[[Owner], Awaitable[list[str]]]] = {
            "Account": self._account,
            "CRM": self._contacts,
            "Mortgage": self._application,
            "Health plan": self._plan,
            "Reservations": self._tables,
            "Todos": self._open_todos,
        }

    async def facts_of(self, user_id: str) -> dict[str, list[str]]:
        """Facts by the title of their source; a source that knows nothing is left out."""
        try:
            owner = Owner(uuid.UUID(user_id), self._zone)
        except ValueError:
            return {}
        found = await asyncio.gather(*(self._ask(name, source(owner)) for name, source in self._sources.items()))
        return {name: facts[:MAX_FACTS] for name, facts in zip(self._sources, found, strict=True) if facts}

    async def phone_of(self, user_id: str) -> str:
        """The caller's number in the CRM; empty when there is none."""
        try:
            contacts = await self._own_contacts(Owner(uuid.UUID(user_id), self._zone))
        except (ValueError, ConvonetError):
            return ""
        return next((contact.phone for contact in contacts if contact.phone), "")

    async def close(self) -> None:
        """Close the CRM's connections."""
        await self._crm.close()

    async def _ask(self, name: str, answer: Awaitable[list[str]]) -> list[str]:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await answer
        except DomainError:
            return []  # the caller has nothing of the kind
        except (ConvonetError, TimeoutError) as error:
            log.warning("facts_missing", source=name, reason=type(error).__name__)
            return ["not available right now"]

    async def _account(self, owner: Owner) -> list[str]:
        async with self._database.reading() as session:
            row: UserRow | None = await session.get(UserRow, owner.user_id)
        return [] if row is None else [f"{row.first_name} {row.last_name}", row.email, f"since {row.created_at:%B %Y}"]

    async def _contacts(self, owner: Owner) -> list[str]:
        return [f"{contact.name}, {contact.phone}" for contact in await self._own_contacts(owner)]

    async def _own_contacts(self, owner: Owner) -> list[Contact]:
        async with self._database.reading() as session:
            ids = await session.scalars(
                select(ContactOwnerRow.contact_id)
                .where(ContactOwnerRow.crm == self._crm.name, ContactOwnerRow.user_id == owner.user_id)
                .limit(MAX_FACTS)
            )
        return [await self._crm.contact(contact_id) for contact_id in ids]

    async def _application(self, owner: Owner) -> list[str]:
        found = await self._mortgage.status(owner, None)
        loan = f"loan of ${found.loan_amount:,.0f}" if found.loan_amount else "no loan amount yet"
        missing = [*found.missing_figures, *found.missing_documents]
        wanted = ", ".join(missing).replace("_", " ") or "nothing"
        return [f"Application: {found.status.replace('_', ' ')}, {loan}", f"Missing: {wanted}"]

    async def _plan(self, owner: Owner) -> list[str]:
        found = await self._coverage.coverage(owner)
        return [f"{found.plan_name}, member {found.member_number}", "covered" if found.is_covered else "not covered"]

    async def _tables(self, owner: Owner) -> list[str]:
        found = await self._reservations.of_caller(owner.user_id, None, None)
        return [f"{one.starts_at:%b %d, %H:%M}, party of {one.party_size}, {one.status}" for one in found]

    async def _open_todos(self, owner: Owner) -> list[str]:
        return [todo.title for todo in await self._todos.find(owner, completed=False, limit=MAX_FACTS)]
