"""The division of an allowed amount between member and plan."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from convonet.storage.types import CENT

NOTHING = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Terms:
    """The member's terms for a service. With a copay the deductible does not apply; `coinsurance` is in percent."""

    copay: Decimal | None
    coinsurance: Decimal | None


@dataclass(frozen=True, slots=True)
class Room:
    """The remaining deductible and out-of-pocket maximum of the plan year."""

    deductible: Decimal
    out_of_pocket: Decimal


@dataclass(frozen=True, slots=True)
class Share:
    """The member's share of an allowed amount, and the plan's."""

    deductible: Decimal
    copay: Decimal
    coinsurance: Decimal
    paid: Decimal

    @property
    def responsibility(self) -> Decimal:
        return self.deductible + self.copay + self.coinsurance


def share(allowed: Decimal, terms: Terms, room: Room) -> Share:
    """Divide `allowed`: deductible first, then copay, then coinsurance, never beyond the rest of the limits."""
    left, ceiling = allowed, room.out_of_pocket
    deductible = min(left, room.deductible, ceiling) if terms.copay is None else NOTHING
    left, ceiling = left - deductible, ceiling - deductible
    copay = min(terms.copay or NOTHING, left, ceiling)
    left, ceiling = left - copay, ceiling - copay
    rate = (terms.coinsurance or NOTHING) / 100
    coinsurance = min((left * rate).quantize(CENT, ROUND_HALF_UP), ceiling)
    return Share(deductible, copay, coinsurance, left - coinsurance)
