"""The sentences of the restaurant's tools, and its amounts and codes as they are said aloud."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from convonet.domains.hanok.enums import Status
from convonet.domains.hanok.menu import MENU
from convonet.domains.hanok.schemas import Availability, Booked, Changed, Reservation
from convonet.domains.speech import spoken_amount, spoken_clock, spoken_moment
from convonet.language.sentences import enumerated


def spoken_money(cents: int) -> str:
    """ "47 dollars and 50 cents"."""
    return spoken_amount(Decimal(cents) / 100)


def spoken_code(code: str) -> str:
    """ "H N K, 7 K 2 M": letter by letter, or a voice reads a word."""
    return ", ".join(" ".join(part) for part in code.split("-"))


def spoken_party(size: int) -> str:
    """ "one person", "4 people"."""
    return "one person" if size == 1 else f"{size} people"


MAX_SPOKEN = 4
"""Times or reservations that a caller can follow in one breath."""


def menu() -> str:
    """Name the dishes with their prices, and the discount for ordering ahead."""
    dishes = [f"{item.name_en} for {spoken_money(item.price_cents)}" for item in MENU]
    return f"We have {enumerated(dishes)}. Ordering ahead takes seven percent off."


def about(reservation: Reservation) -> str:
    """Name time, party and guest, and the seating status."""
    return f"{_party(reservation)}, under {reservation.guest_name}.{_standing(reservation)}"


def list_of(found: Sequence[Reservation]) -> str:
    """Name the coming reservations, the next one first."""
    if len(found) == 1:
        return f"You have a reservation: {about(found[0])}"
    named = [_party(one) for one in found[:MAX_SPOKEN]]
    rest = f", and {len(found) - len(named)} more" if len(found) > len(named) else ""
    return f"You have {len(found)} reservations: {enumerated(named)}{rest}."


def booked(result: Booked) -> str:
    """Describe a booking, with the code to write down."""
    one = result.reservation
    code = f" The confirmation code is {spoken_code(one.confirmation_code)}."
    if result.deduplicated:
        return f"That is booked already: {_party(one)}.{code}"
    if one.guest_waitlist_position is not None:
        return f"We are full then, so I put you on the waitlist for {_party(one)}.{_standing(one)}{code}"
    return f"Your table is booked: {_party(one)}.{_food(one)}{code}"


def amended(change: Changed) -> str:
    """Describe the reservation after a change."""
    if not change.changed:
        return f"Nothing changed: {about(change.reservation)}"
    return f"I changed it: {about(change.reservation)}{_food(change.reservation)}"


def stepped(change: Changed) -> str:
    """Say the reservation's status after a change."""
    one = change.reservation
    if one.status is Status.CANCELLED:
        return f"I cancelled your table for {_party(one)}." if change.changed else "That was cancelled already."
    return f"It is {one.status}: {_party(one)}."


def availability(day: Availability) -> str:
    """Say when a table is free, if at all."""
    named = f"{day.date:%A, %B} {day.date.day}"
    if day.opens_at is None:
        return f"We are closed on {named}."
    free = [slot for slot in day.slots if slot.available]
    if not free:
        return f"On {named} there is no free table for {spoken_party(day.party_size)}."
    if len(free) <= MAX_SPOKEN:
        return f"On {named} you can come at {enumerated([spoken_clock(slot.starts_at) for slot in free])}."
    full = [spoken_clock(slot.starts_at) for slot in day.slots if not slot.available]
    first, last = spoken_clock(free[0].starts_at), spoken_clock(free[-1].starts_at)
    except_for = f", except at {enumerated(full[:MAX_SPOKEN])}" if full and len(full) <= MAX_SPOKEN else ""
    sometimes = "at some times " if len(full) > MAX_SPOKEN else ""
    return f"On {named} there are tables {sometimes}from {first} to {last}{except_for}."


def _party(one: Reservation) -> str:
    return f"{spoken_party(one.party_size)} on {spoken_moment(one.starts_at)}"


def _standing(one: Reservation) -> str:
    if one.status is Status.CONFIRMED:
        return ""
    return f" {one.assistant_seating_opening_hint}"


def _food(one: Reservation) -> str:
    if not one.food_total_cents:
        return ""
    return f" Your pre-order comes to {spoken_money(one.food_total_cents)} after the discount."
