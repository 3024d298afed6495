"""Changes of a reservation: details, status, priority. Tables that become free go to the waitlist."""

from __future__ import annotations

from datetime import datetime

from convonet.domains.hanok.access import ByCode, ByStaff, Requester
from convonet.domains.hanok.booking import guest_name, printable, reprice, set_priority
from convonet.domains.hanok.enums import (
    AHEAD,
    GUEST_TRANSITIONS,
    TRANSITIONS,
    GuestPriority,
    SeatingStatus,
    Status,
    known,
)
from convonet.domains.hanok.errors import Reason, ReservationRefused, no_reservation
from convonet.domains.hanok.menu import RETENTION_CENTS, priced
from convonet.domains.hanok.models import ReservationRow
from convonet.domains.hanok.phones import normalized
from convonet.domains.hanok.schemas import Amendment
from convonet.domains.hanok.seating.floor import Floor
from convonet.domains.hanok.speech import spoken_money

WATCHED_COLUMNS = (
    "guest_name", "guest_phone", "party_size", "starts_at", "status", "special_requests", "preorder_json",
    "food_total_cents", "duration_minutes", "preferred_locale", "guest_priority", "vip_by_staff",
)  # fmt: skip
"""The columns whose change counts as a change of the reservation."""


async def find_reservation(floor: Floor, requester: Requester) -> ReservationRow:
    """The reservation that the requester means. Raises `NotFound`, also when they may not see it."""
    if isinstance(requester, ByCode):
        row = await floor.reservations.by_code(requester.code)
    else:
        row = await floor.reservations.by_id(requester.reservation_id)
    if row is None or not requester.may_see(row):
        raise no_reservation()
    return row


async def amend(floor: Floor, requester: Requester, amendment: Amendment) -> tuple[ReservationRow, bool]:
    """Change details; returns the row, and whether anything is different now.

    A party that moves or grows gets new tables or keeps all it has: one with a table is refused with `no_table`, one
    that waited goes on waiting at the new time if there is room.
    """
    row = await find_reservation(floor, requester)
    before = _watched(row)
    if known(row.status, Status.CONFIRMED) not in AHEAD:
        raise ReservationRefused(Reason.ILLEGAL_STEP, f"This reservation is {row.status} and can't be changed.")
    _require_ahead(floor, requester, row)
    stay = (row.starts_at, row.party_size, row.duration_minutes)
    new_stay = _new_stay(floor, row, amendment)
    _set_details(row, amendment)
    if new_stay != stay:
        await _move(floor, row, new_stay)
    return row, _mark_changed(floor, row, before)


async def set_status(
    floor: Floor, requester: Requester, to: Status, *, acknowledged: bool
) -> tuple[ReservationRow, bool]:
    """Change the status; returns the row, and whether anything is different now."""
    row = await find_reservation(floor, requester)
    before = _watched(row)
    status = known(row.status, Status.CONFIRMED)
    if status is to:
        return row, False
    if not isinstance(requester, ByStaff) and to not in GUEST_TRANSITIONS:
        raise ReservationRefused(Reason.STAFF_ONLY, "Our staff will note that when you are here.")
    if to not in TRANSITIONS[status]:
        raise ReservationRefused(Reason.ILLEGAL_STEP, f"This reservation is {status}: it can't become {to}.")
    _require_ahead(floor, requester, row)
    if to is Status.CANCELLED:
        _require_retention_step(row, acknowledged=acknowledged)
    if to is Status.CONFIRMED and row.seating_status != SeatingStatus.ALLOCATED and not await floor.seat(row):
        raise ReservationRefused(Reason.NO_TABLE, "There is no free table yet: this party is still on the waitlist.")
    row.status = to
    if to in {Status.CANCELLED, Status.COMPLETED}:
        await floor.promote(await floor.release(row))
    return row, _mark_changed(floor, row, before)


async def decide_priority(floor: Floor, requester: ByStaff, priority: GuestPriority) -> tuple[ReservationRow, bool]:
    """Store the staff's word on VIP, which overrules the order's amount."""
    row = await find_reservation(floor, requester)
    before = _watched(row)
    row.vip_by_staff = priority is GuestPriority.VIP
    set_priority(row)
    return row, _mark_changed(floor, row, before)


def _new_stay(floor: Floor, row: ReservationRow, amendment: Amendment) -> tuple[datetime, int, int]:
    start = row.starts_at
    if amendment.starts_at is not None:
        start = floor.house.moment_of(amendment.starts_at)
        if start != row.starts_at:
            floor.house.require_bookable(start, floor.now)
    return start, amendment.party_size or row.party_size, amendment.duration_minutes or row.duration_minutes


def _set_details(row: ReservationRow, amendment: Amendment) -> None:
    if amendment.guest_name is not None:
        row.guest_name = guest_name(amendment.guest_name)
    if amendment.guest_phone is not None:
        row.guest_phone = normalized(amendment.guest_phone)
    if amendment.special_requests is not None:
        row.special_requests = printable(amendment.special_requests) or None
    if amendment.preorder is not None:
        reprice(row, priced(amendment.preorder))
    row.preferred_locale = amendment.preferred_locale or row.preferred_locale


async def _move(floor: Floor, row: ReservationRow, stay: tuple[datetime, int, int]) -> None:
    waits = row.seating_status == SeatingStatus.WAITLIST
    freed = await floor.release(row)
    row.starts_at, row.party_size, row.duration_minutes = stay
    await floor.seat_or_queue(row, may_wait=waits)
    await floor.promote(freed)


def _require_ahead(floor: Floor, requester: Requester, row: ReservationRow) -> None:
    if row.starts_at <= floor.now and not isinstance(requester, ByStaff):
        raise ReservationRefused(Reason.ALREADY_BEGUN, "That time has passed. Please talk to our staff.")


def _require_retention_step(row: ReservationRow, *, acknowledged: bool) -> None:
    if row.food_total_cents >= RETENTION_CENTS and not acknowledged:
        raise ReservationRefused(
            Reason.RETENTION_STEP,
            f"Your pre-order is {spoken_money(row.food_total_cents)}, and its discount would be lost. "
            "We would gladly move you to another day and keep it. Do you still want to cancel?",
        )


def _watched(row: ReservationRow) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in WATCHED_COLUMNS)


def _mark_changed(floor: Floor, row: ReservationRow, before: tuple[object, ...]) -> bool:
    if _watched(row) == before:
        return False
    row.updated_at = floor.now
    return True
