"""What the call center keeps for good: hand-overs that are over, and callers who want to be called back."""

from __future__ import annotations

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
    """One hand-over that is over; `desk` is the account's name of who talked, or was rung last."""

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
    """A caller who wants to be called back, until somebody has done it."""

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
    """A hand-over as its desk sees it afterwards. Times are aware."""

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
    """The talk in a few words, or what led to it when there was none."""
    notes: str | None


class CallBack(BaseModel):
    """A caller to be called back."""

    id: uuid.UUID
    caller_name: str
    phone: str
    department: str
    reason: str
    asked_at: datetime


class CallLog:
    """Reads and writes both. Raises `StorageError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, row: HandOverRow) -> None:
        """Write a hand-over; one that is written already stays as it is."""
        try:
            async with self._database.transaction() as session:
                session.add(row)
        except IntegrityError:
            return

    async def history(self, desk: str) -> list[PastCall]:
        """The newest calls of a desk."""
        async with self._database.reading() as session:
            rows = await session.scalars(
                select(HandOverRow)
                .where(HandOverRow.desk == desk)
                .order_by(HandOverRow.ended_at.desc())
                .limit(MAX_LISTED)
            )
            return [PastCall.model_validate(row, from_attributes=True) for row in rows]

    async def note(self, desk: str, transfer_id: str, notes: str) -> HandOverRow | None:
        """Write down what the person at the desk says of a call of theirs; None when it was not theirs."""
        async with self._database.transaction() as session:
            row: HandOverRow | None = await session.get(HandOverRow, transfer_id)
            if row is None or row.desk != desk:
                return None
            row.notes = notes
            return row

    async def request_call_back(self, row: CallBackRow) -> None:
        """Note that a caller wants to be called back; once for each hand-over."""
        try:
            async with self._database.transaction() as session:
                session.add(row)
        except IntegrityError:
            return

    async def call_backs(self, departments: Sequence[str] | None = None) -> list[CallBack]:
        """Who waits to be called back, the first one first; None is all departments."""
        query = select(CallBackRow).where(CallBackRow.done_at.is_(None))
        if departments is not None:
            query = query.where(CallBackRow.department.in_(list(departments)))
        async with self._database.reading() as session:
            rows = await session.scalars(query.order_by(CallBackRow.asked_at).limit(MAX_LISTED))
            return [CallBack.model_validate(row, from_attributes=True) for row in rows]

    async def call_back_done(self, call_back_id: uuid.UUID, by: str) -> bool:
        """Somebody has called back; False when that was noted before."""
        async with self._database.transaction() as session:
            done = await session.execute(
                update(CallBackRow)
                .where(CallBackRow.id == call_back_id, CallBackRow.done_at.is_(None))
                .values(done_at=datetime.now(UTC), done_by=by)
                .returning(CallBackRow.id)
            )
            return done.scalar_one_or_none() is not None
