"""The existing tables `reservations` and `table_slot_inventory`, with two columns of our own."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from convonet.domains.hanok.enums import GuestPriority
from convonet.storage.database import Base
from convonet.storage.types import Moment


class SlotStart(TypeDecorator[datetime]):
    """A moment, aware on the Python side; the table that exists already holds it as UTC without a zone."""

    impl = DateTime(timezone=False)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class ReservationRow(Base):
    """A reservation. `owner_id` is the caller who made it by voice, None for one made online.

    `vip_by_staff` is the staff's decision; while it is None, the pre-order decides.
    """

    __tablename__ = "reservations"

    id: Mapped[int] = mapped_column(primary_key=True)
    confirmation_code: Mapped[str] = mapped_column(String(16), unique=True)
    guest_name: Mapped[str] = mapped_column(String(255))
    guest_phone: Mapped[str] = mapped_column(String(64))
    party_size: Mapped[int]
    starts_at: Mapped[datetime] = mapped_column(Moment)
    status: Mapped[str] = mapped_column(String(32))
    special_requests: Mapped[str | None]
    preorder_json: Mapped[str | None]
    food_subtotal_cents: Mapped[int] = mapped_column(default=0)
    preorder_discount_cents: Mapped[int] = mapped_column(default=0)
    food_total_cents: Mapped[int] = mapped_column(default=0)
    source_channel: Mapped[str] = mapped_column(String(32))
    preferred_locale: Mapped[str] = mapped_column(String(16))
    reminder_call_status: Mapped[str | None] = mapped_column(String(128))
    duration_minutes: Mapped[int]
    tables_allocated_json: Mapped[str | None]
    guest_priority: Mapped[str] = mapped_column(String(16), default=GuestPriority.NORMAL)
    seating_status: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)
    owner_id: Mapped[uuid.UUID | None]
    vip_by_staff: Mapped[bool | None]

    @property
    def tables(self) -> list[int]:
        """Sizes of the tables that are held for the party."""
        return stored_tables(self.tables_allocated_json)

    @tables.setter
    def tables(self, sizes: list[int]) -> None:
        self.tables_allocated_json = json.dumps(sizes) if sizes else None


class SlotRow(Base):
    """The free tables of one size in the half hour that begins at `slot_start`."""

    __tablename__ = "table_slot_inventory"
    __table_args__ = (UniqueConstraint("slot_start", "table_size"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    slot_start: Mapped[datetime] = mapped_column(SlotStart)
    table_size: Mapped[int]
    available_count: Mapped[int]


def stored_tables(text: str | None) -> list[int]:
    """Read the sizes in a row's JSON; anything else counts as empty."""
    try:
        sizes = json.loads(text) if text else []
    except ValueError:
        return []
    return [size for size in sizes if isinstance(size, int)] if isinstance(sizes, list) else []
