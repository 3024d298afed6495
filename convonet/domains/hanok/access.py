"""The identity of those who ask about a reservation, and their right to see and change it.

A confirmation code of four letters can be guessed, so it proves nothing by itself: guests give the code and the phone
number of the reservation. A caller on the voice line may name their own reservations by id, others with that proof.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from convonet.domains.hanok.models import ReservationRow
from convonet.domains.hanok.phones import same


@dataclass(frozen=True, slots=True)
class Proof:
    """Confirmation code and phone number of a reservation."""

    code: str
    phone: str

    def fits(self, row: ReservationRow) -> bool:
        """Say whether both are the reservation's."""
        return row.confirmation_code == self.code and same(row.guest_phone, self.phone)


@dataclass(frozen=True, slots=True)
class ByCode:
    """A confirmation code: on the web with the phone number, on the voice line with it or from its own caller."""

    code: str
    phone: str | None
    caller: uuid.UUID | None = None

    def may_see(self, row: ReservationRow) -> bool:
        """Allow the caller's own reservation, or one that the code and phone number prove."""
        is_own = self.caller is not None and row.owner_id == self.caller
        return is_own or (self.phone is not None and Proof(self.code, self.phone).fits(row))


@dataclass(frozen=True, slots=True)
class ByCaller:
    """A caller on the voice line, known by their token."""

    caller: uuid.UUID
    reservation_id: int
    proof: Proof | None = None

    def may_see(self, row: ReservationRow) -> bool:
        """Allow the caller's own reservation, or one with a proof."""
        return row.owner_id == self.caller or (self.proof is not None and self.proof.fits(row))


@dataclass(frozen=True, slots=True)
class ByStaff:
    """A member of the staff who has logged in."""

    reservation_id: int

    def may_see(self, row: ReservationRow) -> bool:
        return True


Requester = ByCode | ByCaller | ByStaff
