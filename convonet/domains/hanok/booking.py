"""New reservations: checked, priced, seated or put on the waitlist, and not made twice."""

from __future__ import annotations

import uuid

from convonet.core.owner import Owner
from convonet.domains.hanok.confirmation_codes import new_code
from convonet.domains.hanok.enums import GuestPriority, SeatingStatus, SourceChannel, Status
from convonet.domains.hanok.errors import Reason, ReservationRefused
from convonet.domains.hanok.menu import VIP_CENTS, Order, priced, to_store
from convonet.domains.hanok.models import ReservationRow
from convonet.domains.hanok.phones import normalized
from convonet.domains.hanok.schemas import Booked, Booking, Reservation
from convonet.domains.hanok.seating.floor import Floor


def printable(text: str) -> str:
    """Remove characters that can't be printed; line breaks stay."""
    return "".join(char for char in text if char.isprintable() or char == "\n").strip()


MAX_AHEAD = 10
"""Reservations under one phone number that are still to come."""


async def book(floor: Floor, booking: Booking, owner: Owner | None) -> Booked:
    """Make the reservation, for the caller on the voice line if there is one.

    Raises `ReservationRefused` when the time can't be booked or neither a table nor a place to wait is left.
    """
    row = _row(floor, booking, owner.user_id if owner else None)
    floor.house.require_bookable(row.starts_at, floor.now)
    if booking.source_channel is SourceChannel.VOICE and (earlier := await _same_order(floor, row)):
        return await _booked(floor, earlier, deduplicated=True)
    if len(await floor.reservations.by_phone(row.guest_phone, floor.now)) >= MAX_AHEAD:
        words = f"There are {MAX_AHEAD} reservations under this phone number already. Please call us for more."
        raise ReservationRefused(Reason.TOO_MANY, words)
    await floor.seat_or_queue(row, may_wait=booking.waitlist_if_full)
    row.confirmation_code = await _free_code(floor)
    await floor.reservations.add_reservation(row)
    return await _booked(floor, row, deduplicated=False)


def reprice(row: ReservationRow, order: Order) -> None:
    """Put the order, its amounts and the resulting priority into the row."""
    row.preorder_json = to_store(order.items)
    row.food_subtotal_cents = order.subtotal_cents
    row.preorder_discount_cents = order.discount_cents
    row.food_total_cents = order.total_cents
    set_priority(row)


def set_priority(row: ReservationRow) -> None:
    """Set VIP by the staff's decision; without one, by an order of 500 dollars or more."""
    is_vip = row.food_total_cents >= VIP_CENTS if row.vip_by_staff is None else row.vip_by_staff
    row.guest_priority = GuestPriority.VIP if is_vip else GuestPriority.NORMAL


def guest_name(said: str) -> str:
    """Clean the name for storage. Raises `ReservationRefused` when nothing is left of it."""
    name = printable(said)
    if not name:
        raise ReservationRefused(Reason.BAD_NAME, "Please tell me the name for the reservation.")
    return name


def _row(floor: Floor, booking: Booking, owner_id: uuid.UUID | None) -> ReservationRow:
    row = ReservationRow(
        guest_name=guest_name(booking.guest_name),
        guest_phone=normalized(booking.guest_phone),
        party_size=booking.party_size,
        starts_at=floor.house.moment_of(booking.starts_at),
        status=Status.PENDING,
        special_requests=printable(booking.special_requests or "") or None,
        source_channel=booking.source_channel,
        preferred_locale=booking.preferred_locale,
        duration_minutes=booking.duration_minutes,
        seating_status=SeatingStatus.NOT_APPLICABLE,
        created_at=floor.now,
        updated_at=floor.now,
        owner_id=owner_id,
    )
    reprice(row, priced(booking.preorder))
    return row


async def _booked(floor: Floor, row: ReservationRow, *, deduplicated: bool) -> Booked:
    shown = Reservation.of(row, floor.house, await floor.place_of(row))
    return Booked(reservation=shown, deduplicated=deduplicated)


async def _same_order(floor: Floor, row: ReservationRow) -> ReservationRow | None:
    """Find what the same order made a moment ago: the caller's own, or on the web under the same name."""
    for earlier in await floor.reservations.same_orders(row, floor.now):
        same_person = earlier.guest_name.casefold() == row.guest_name.casefold()
        if earlier.owner_id == row.owner_id and (row.owner_id is not None or same_person):
            return earlier
    return None


async def _free_code(floor: Floor) -> str:
    while await floor.reservations.code_is_taken(code := new_code()):
        pass
    return code
