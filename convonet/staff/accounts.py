"""Staff accounts in the database. `convonet staff add` makes them, the login checks them."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import ColumnElement, String, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from convonet.core.errors import AuthRefused, DomainError
from convonet.storage.database import Base, Database
from convonet.storage.types import Moment

MIN_PASSWORD = 12
MAX_PASSWORD = 200


class Role(StrEnum):
    """Role of a person. A supervisor sees everything that an agent sees."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"


class StaffRow(Base):
    """One person. Sessions that began before `sessions_from` are over; `link_number` is that of the valid link."""

    __tablename__ = "staff_accounts"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    display_name: Mapped[str] = mapped_column(String(100))
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    is_active: Mapped[bool]
    link_number: Mapped[int]
    sessions_from: Mapped[datetime] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    last_login_at: Mapped[datetime | None] = mapped_column(Moment)
    extension: Mapped[str | None] = mapped_column(String(20))
    departments: Mapped[str | None] = mapped_column(String(200))
    """Departments whose calls the person takes, comma-separated; all when empty."""
    sip_ha1: Mapped[str | None] = mapped_column(String(32))
    """Hash of the extension's SIP account; null for a desk without one."""


@dataclass(frozen=True, slots=True)
class Telephone:
    """A person's desk: an extension, with or without a SIP account at the PBX."""

    extension: str
    departments: tuple[str, ...]
    """Departments whose calls the person takes; all when empty."""
    ha1: str | None = None
    """Hash of the SIP account (`sip_ha1`); None without one, because then the page itself carries the audio."""


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A person who has logged in."""

    id: uuid.UUID
    username: str
    display_name: str
    role: Role
    telephone: Telephone | None = None


class StaffAccounts:
    """Adds people and authenticates them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_member(
        self, username: str, display_name: str, role: Role, password: str | None, *, staff_id: uuid.UUID | None = None
    ) -> StaffMember:
        """Make an account, with an id of its own by default. Without a password only one-time links log it in.

        Raises `DomainError` for a username that is taken, and for a password that is too short or too long.
        """
        if password is not None and not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise DomainError("password length", spoken=f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
        now = datetime.now(UTC)
        row = StaffRow(
            id=staff_id or uuid.uuid4(),
            username=username.strip().lower(),
            display_name=display_name.strip(),
            role=role,
            password_hash=None if password is None else await asyncio.to_thread(_hasher().hash, password),
            is_active=True,
            link_number=0,
            sessions_from=now,
            created_at=now,
        )
        try:
            async with self._database.transaction() as session:
                session.add(row)
        except IntegrityError:
            raise DomainError("username taken", spoken=f"There is a staff account {row.username} already.") from None
        return _member(row)

    async def set_telephone(self, username: str, telephone: Telephone) -> None:
        """Give a person a desk, or change theirs. Raises `DomainError` for an unknown account."""
        values = {
            "extension": telephone.extension,
            "departments": ",".join(telephone.departments) or None,
            "sip_ha1": telephone.ha1,
        }
        async with self._database.transaction() as session:
            changed = await session.execute(
                update(StaffRow)
                .where(StaffRow.username == username.strip().lower())
                .values(values)
                .returning(StaffRow.id)
            )
            if changed.scalar_one_or_none() is None:
                raise DomainError("staff account", spoken=f"There is no staff account {username}.")

    async def find_member(self, username: str) -> StaffMember | None:
        """Return the person with this name; None when there is no such account, or it is inactive."""
        row = await self._find(StaffRow.username == username.strip().lower())
        return _member(row) if row is not None and row.is_active else None

    async def is_empty(self) -> bool:
        """Return whether nobody has an account."""
        return await self._find(true()) is None

    async def verify_password(self, username: str, password: str) -> StaffMember:
        """Check a password. Raises `AuthRefused`, after the same time whatever was wrong."""
        row = await self._find(StaffRow.username == username.strip().lower())
        known = row.password_hash if row is not None else None
        try:
            await asyncio.to_thread(_verify, known, password[:MAX_PASSWORD])
        except VerifyMismatchError:
            raise AuthRefused("staff password") from None
        if row is None or not row.is_active or not row.password_hash:
            raise AuthRefused("staff account")
        await self._note_login(row.id)
        return _member(row)

    async def member_of_session(self, staff_id: uuid.UUID, session_began: datetime) -> StaffMember:
        """The person of a session. Raises `AuthRefused` if the account is inactive or the session was ended."""
        row = await self._find(StaffRow.id == staff_id)
        if row is None or not row.is_active or session_began < row.sessions_from:
            raise AuthRefused("staff session")
        return _member(row)

    async def end_sessions(self, staff_id: uuid.UUID) -> None:
        """Log a person out everywhere."""
        async with self._database.transaction() as session:
            await session.execute(
                update(StaffRow).where(StaffRow.id == staff_id).values(sessions_from=datetime.now(UTC))
            )

    async def next_link(self, username: str) -> tuple[uuid.UUID, int]:
        """Make a new one-time link valid in place of the previous one. Raises `AuthRefused`."""
        async with self._database.transaction() as session:
            row = await session.scalar(select(StaffRow).where(StaffRow.username == username.strip().lower()))
            if row is None or not row.is_active:
                raise AuthRefused("staff account")
            row.link_number += 1
            return row.id, row.link_number

    async def use_link(self, staff_id: uuid.UUID, number: int) -> StaffMember:
        """Log in by a one-time link. Raises `AuthRefused` when it was used or replaced."""
        async with self._database.transaction() as session:
            # one statement, so that only one of two simultaneous clicks gets in
            used = await session.execute(
                update(StaffRow)
                .where(StaffRow.id == staff_id, StaffRow.link_number == number, StaffRow.is_active)
                .values(link_number=number + 1, last_login_at=datetime.now(UTC))
                .returning(StaffRow)
            )
            row = used.scalar_one_or_none()
        if row is None:
            raise AuthRefused("staff link")
        return _member(row)

    async def _find(self, condition: ColumnElement[bool]) -> StaffRow | None:
        async with self._database.reading() as session:
            row: StaffRow | None = await session.scalar(select(StaffRow).where(condition).limit(1))
            return row

    async def _note_login(self, staff_id: uuid.UUID) -> None:
        async with self._database.transaction() as session:
            await session.execute(
                update(StaffRow).where(StaffRow.id == staff_id).values(last_login_at=datetime.now(UTC))
            )


def sip_ha1(extension: str, domain: str, password: str) -> str:
    """Hash a SIP account: enough to register at the PBX (RFC 2617 requires MD5), without storing the password."""
    return hashlib.md5(f"{extension}:{domain}:{password}".encode(), usedforsecurity=False).hexdigest()


@cache
def _hasher() -> PasswordHasher:
    """argon2id with the library's defaults (RFC 9106, low memory): 50 ms and 64 MB per check."""
    return PasswordHasher()


def _verify(known: str | None, password: str) -> None:
    """Raise `VerifyMismatchError` for a wrong password. It blocks for 50 ms, so it runs in a thread."""
    unknown = _unknown_hash()
    _hasher().verify(known or unknown, password)


@cache
def _unknown_hash() -> str:
    """Hash for unknown names, so that checking them takes as long as a known one."""
    return _hasher().hash(uuid.uuid4().hex)


def _member(row: StaffRow) -> StaffMember:
    telephone = None
    if row.extension:
        departments = tuple(name for name in (row.departments or "").split(",") if name)
        telephone = Telephone(row.extension, departments, row.sip_ha1)
    return StaffMember(row.id, row.username, row.display_name, Role(row.role), telephone)
