"""What may be asked of the restaurant, and who asks: the one place that says who may see and change a reservation.

A confirmation code of four letters can be guessed, so it proves nothing by itself: guests show the code and the phone
number of the reservation. A caller on the voice line may name their own reservations by id, others with that proof.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from convonet.domains.hanok.menu import OrderLine
from convonet.domains.hanok.models import ReservationRow
from convonet.domains.hanok.phone import same
from convonet.domains.hanok.seating import STAY_MINUTES
from convonet.domains.hanok.vocabulary import SourceChannel


@dataclass(frozen=True, slots=True)
class Proof:
    """Confirmation code and phone number of a reservation."""

    code: str
    phone: str

    def fits(self, row: ReservationRow) -> bool:
        """Whether both are the reservation's."""
        return row.confirmation_code == self.code and same(row.guest_phone, self.phone)


@dataclass(frozen=True, slots=True)
class ByCode:
    """Somebody who names a code: on the web with the phone number, on the voice line as its caller or with it."""

    code: str
    phone: str | None
    caller: uuid.UUID | None = None

    def may_see(self, row: ReservationRow) -> bool:
        """The caller's own, or what the proof fits."""
        is_own = self.caller is not None and row.owner_id == self.caller
        return is_own or (self.phone is not None and Proof(self.code, self.phone).fits(row))


@dataclass(frozen=True, slots=True)
class ByCaller:
    """A caller on the voice line, known by their token."""

    caller: uuid.UUID
    reservation_id: int
    proof: Proof | None = None

    def may_see(self, row: ReservationRow) -> bool:
        """Their own, or what they have a proof for."""
        return row.owner_id == self.caller or (self.proof is not None and self.proof.fits(row))


@dataclass(frozen=True, slots=True)
class ByStaff:
    """Somebody of the staff who has logged in."""

    reservation_id: int

    def may_see(self, row: ReservationRow) -> bool:
        """Everything."""
        return True


Asker = ByCode | ByCaller | ByStaff


@dataclass(frozen=True, slots=True)
class Booking:
    """A reservation to be made. `starts_at` is ISO 8601; without an offset it is the restaurant's own time."""

    guest_name: str
    guest_phone: str
    party_size: int
    starts_at: str
    special_requests: str | None = None
    preorder: Sequence[OrderLine] = ()
    source_channel: SourceChannel = SourceChannel.ONLINE
    duration_minutes: int = STAY_MINUTES
    waitlist_if_full: bool = True
    preferred_locale: str = "en"


@dataclass(frozen=True, slots=True)
class Amendment:
    """What to change; None leaves a field as it is. An empty `preorder` takes the pre-order away."""

    guest_name: str | None = None
    guest_phone: str | None = None
    party_size: int | None = None
    starts_at: str | None = None
    special_requests: str | None = None
    preorder: Sequence[OrderLine] | None = None
    duration_minutes: int | None = None
    preferred_locale: str | None = None


def cleaned(text: str) -> str:
    """The text without what can't be printed, which no database or page needs; line breaks stay."""
    return "".join(char for char in text if char.isprintable() or char == "\n").strip()
