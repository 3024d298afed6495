"""The call log in the database: hand-overs that are over, and callbacks. The host writes it, desks read it."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import BaseModel
from sqlalchemy import String, Text, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from convonet.storage.database import Base, Database
from convonet.storage.types import Moment

MAX_LISTED = 50


class HandOverRow(Base):
    """A hand-over that is over, or the talk of a desk that passed the caller on.

    `desk` is the username of the person who talked or was called last.
    """

    __tablename__ = "hand_overs"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[str] = mapped_column(String(64))
    caller_name: Mapped[str] = mapped_column(String(200))
    department: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(String(255))
    summary: Mapped[str] = mapped_column(Text)
    desk: Mapped[str | None] = mapped_column(String(64), index=True)
    asked_at: Mapped[datetime] = mapped_column(Moment)
    connected_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime] = mapped_column(Moment)
    outcome: Mapped[str] = mapped_column(String(20))
    why: Mapped[str | None] = mapped_column(String(40))
    notes: Mapped[str | None] = mapped_column(Text)
    talk: Mapped[str | None] = mapped_column(Text)


class CallBackRow(Base):
    """A callback that a caller was promised."""

    __tablename__ = "call_backs"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    transfer_id: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[str] = mapped_column(String(64))
    caller_name: Mapped[str] = mapped_column(String(200))
    phone: Mapped[str] = mapped_column(String(40))
    department: Mapped[str] = mapped_column(String(40), index=True)
    reason: Mapped[str] = mapped_column(String(255))
    asked_at: Mapped[datetime] = mapped_column(Moment)
    done_at: Mapped[datetime | None] = mapped_column(Moment)
    done_by: Mapped[str | None] = mapped_column(String(64))


class PastCall(BaseModel):
    """A hand-over in the history of its desk."""

    id: str
    caller_name: str
    department: str
    reason: str
    asked_at: datetime
    connected_at: datetime | None
    ended_at: datetime
    outcome: str
    why: str | None
    summary: str
    """Summary of the talk, or of the conversation before when there was no talk."""
    notes: str | None


class CallBack(BaseModel):
    """An open call-back."""

    id: uuid.UUID
    caller_name: str
    phone: str
    department: str
    reason: str
    asked_at: datetime


class CallLog:
    """Reads and writes the call log. Every method raises `StorageError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_hand_over(self, row: HandOverRow) -> None:
        """Write a hand-over, unless it was written before."""
        await self._add_once(row)

    async def hand_overs_of(self, desk: str) -> list[PastCall]:
        """Return the newest hand-overs of a desk."""
        async with self._database.reading() as session:
            rows = await session.scalars(
                select(HandOverRow)
                .where(HandOverRow.desk == desk)
                .order_by(HandOverRow.ended_at.desc())
                .limit(MAX_LISTED)
            )
            return [PastCall.model_validate(row, from_attributes=True) for row in rows]

    async def set_notes(self, desk: str, transfer_id: str, notes: str) -> HandOverRow | None:
        """Write the notes of the person at the desk. Returns None when the hand-over was not theirs."""
        async with self._database.transaction() as session:
            row: HandOverRow | None = await session.get(HandOverRow, transfer_id)
            if row is None or row.desk != desk:
                return None
            row.notes = notes
            return row

    async def add_call_back(self, row: CallBackRow) -> None:
        """Write a callback, unless this hand-over has one."""
        await self._add_once(row)

    async def open_call_backs(self, departments: Sequence[str] | None = None) -> list[CallBack]:
        """Return the oldest open callbacks, of these departments or of all."""
        query = select(CallBackRow).where(CallBackRow.done_at.is_(None))
        if departments is not None:
            query = query.where(CallBackRow.department.in_(list(departments)))
        async with self._database.reading() as session:
            rows = await session.scalars(query.order_by(CallBackRow.asked_at).limit(MAX_LISTED))
            return [CallBack.model_validate(row, from_attributes=True) for row in rows]

    async def complete_call_back(self, call_back_id: uuid.UUID, by: str) -> bool:
        """Mark a callback as done. Returns False when it was marked before."""
        async with self._database.transaction() as session:
            done = await session.execute(
                update(CallBackRow)
                .where(CallBackRow.id == call_back_id, CallBackRow.done_at.is_(None))
                .values(done_at=datetime.now(UTC), done_by=by)
                .returning(CallBackRow.id)
            )
            return done.scalar_one_or_none() is not None

    async def _add_once(self, row: Base) -> None:
        with contextlib.suppress(IntegrityError):
            async with self._database.transaction() as session:
                session.add(row)
