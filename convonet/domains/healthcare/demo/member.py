"""The demonstration member's claims and authorizations, the oldest claim first, by age in days; all of it invented."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from convonet.domains.healthcare.enums import AuthStatus, ClaimStatus, DenialReason, ServiceCategory


@dataclass(frozen=True, slots=True)
class DemoLine:
    """One service: the billed amount, and the amount that the plan would allow."""

    code: str
    description: str
    billed: Decimal
    allowed: Decimal


@dataclass(frozen=True, slots=True)
class DemoClaim:
    """`path` is how its state came about; the first is always `submitted`."""

    age_days: int
    npi: str
    service: ServiceCategory
    diagnosis: str
    place: str
    lines: tuple[DemoLine, ...]
    path: tuple[ClaimStatus, ...]
    denial: DenialReason | None = None
    denial_details: str | None = None


def _line(code: str, description: str, billed: str, allowed: str) -> DemoLine:
    return DemoLine(code, description, Decimal(billed), Decimal(allowed))


SENT = (ClaimStatus.SUBMITTED,)
IN_WORK = (*SENT, ClaimStatus.PROCESSING)
PAID = (*IN_WORK, ClaimStatus.APPROVED, ClaimStatus.PAID)
DENIED = (*IN_WORK, ClaimStatus.DENIED)

CLAIMS = (
    DemoClaim(
        262,
        "1000000101",
        ServiceCategory.OFFICE_VISIT,
        "M54.50",
        "office",
        (_line("99213", "office visit", "165.00", "104.00"),),
        DENIED,
        DenialReason.TIMELY_FILING,
        "The claim was filed more than a year after the visit that it is part of.",
    ),
    DemoClaim(
        171,
        "1000000112",
        ServiceCategory.DIAGNOSTIC_IMAGING,
        "M25.561",
        "imaging center",
        (_line("73562", "X-ray of the knee", "420.00", "235.50"),),
        PAID,
    ),
    DemoClaim(
        158,
        "1000000101",
        ServiceCategory.PREVENTIVE,
        "Z00.00",
        "office",
        (_line("99396", "annual checkup", "260.00", "185.00"), _line("90686", "flu shot", "45.00", "32.40")),
        PAID,
    ),
    DemoClaim(
        131,
        "1000000102",
        ServiceCategory.SPECIALIST_VISIT,
        "I10",
        "office",
        (_line("99204", "first visit with a cardiologist", "410.00", "248.75"),),
        PAID,
    ),
    DemoClaim(
        128,
        "1000000115",
        ServiceCategory.DIAGNOSTIC_LAB,
        "E78.5",
        "laboratory",
        (_line("80061", "cholesterol panel", "95.00", "38.20"), _line("83036", "blood sugar test", "70.00", "29.15")),
        PAID,
    ),
    DemoClaim(
        97,
        "1000000114",
        ServiceCategory.URGENT_CARE,
        "S93.401A",
        "urgent care",
        (
            _line("99203", "urgent care visit", "295.00", "180.00"),
            _line("73610", "X-ray of the ankle", "210.00", "96.30"),
        ),
        PAID,
    ),
    DemoClaim(
        74,
        "1000000104",
        ServiceCategory.HOSPITAL_OUTPATIENT,
        "M23.221",
        "outpatient clinic",
        (
            _line("20611", "guided injection into the knee", "1250.00", "640.40"),
            _line("76942", "ultrasound guidance", "310.00", "145.00"),
        ),
        PAID,
    ),
    DemoClaim(
        52,
        "1000000112",
        ServiceCategory.DIAGNOSTIC_IMAGING,
        "R51.9",
        "imaging center",
        (_line("70553", "MRI of the brain", "2600.00", "1180.00"),),
        DENIED,
        DenialReason.NO_PRIOR_AUTH,
        "An MRI of the brain needs prior authorization, and none was on file on the day of the service.",
    ),
    DemoClaim(
        46,
        "1000000113",
        ServiceCategory.PHYSICAL_THERAPY,
        "M23.221",
        "office",
        (_line("97161", "first physical therapy visit", "190.00", "112.00"),),
        (*IN_WORK, ClaimStatus.PARTIALLY_APPROVED),
    ),
    DemoClaim(
        40,
        "1000000105",
        ServiceCategory.SPECIALIST_VISIT,
        "L70.0",
        "office",
        (_line("15788", "cosmetic peel", "650.00", "0.00"),),
        (*DENIED, ClaimStatus.APPEALED),
        DenialReason.NOT_COVERED,
        "Cosmetic treatments are not covered by the plan.",
    ),
    DemoClaim(
        27,
        "1000000191",
        ServiceCategory.SPECIALIST_VISIT,
        "I10",
        "office",
        (_line("99214", "visit with a cardiologist out of the network", "340.00", "210.00"),),
        (*IN_WORK, ClaimStatus.APPROVED),
    ),
    DemoClaim(
        17,
        "1000000108",
        ServiceCategory.SPECIALIST_VISIT,
        "K21.9",
        "office",
        (_line("99203", "first visit with a stomach specialist", "320.00", "190.00"),),
        (*IN_WORK, ClaimStatus.PENDING_INFO),
    ),
    DemoClaim(
        11,
        "1000000101",
        ServiceCategory.OFFICE_VISIT,
        "J06.9",
        "office",
        (_line("99213", "office visit", "165.00", "104.00"),),
        IN_WORK,
    ),
    DemoClaim(
        4,
        "1000000115",
        ServiceCategory.DIAGNOSTIC_LAB,
        "E78.5",
        "laboratory",
        (_line("80061", "cholesterol panel", "95.00", "38.20"),),
        SENT,
    ),
)


@dataclass(frozen=True, slots=True)
class DemoAuthorization:
    """`valid_days` from today to its last day; negative when it has run out."""

    age_days: int
    code: str
    description: str
    npi: str
    diagnosis: str
    path: tuple[AuthStatus, ...]
    reason: str | None = None
    valid_days: int | None = None
    units: int | None = None
    is_urgent: bool = False


PENDING = (AuthStatus.PENDING,)
APPROVED = (*PENDING, AuthStatus.APPROVED)

AUTHORIZATIONS = (
    DemoAuthorization(
        140,
        "20611",
        "guided injection into the knee",
        "1000000104",
        "M23.221",
        APPROVED,
        "The medical need is shown.",
        valid_days=-20,
        units=1,
    ),
    DemoAuthorization(
        60,
        "97110",
        "physical therapy exercises",
        "1000000113",
        "M23.221",
        APPROVED,
        "Twelve visits after the injection.",
        valid_days=75,
        units=12,
    ),
    DemoAuthorization(
        45,
        "95810",
        "sleep study",
        "1000000110",
        "G47.33",
        (*PENDING, AuthStatus.DENIED),
        "A sleep test at home has to come first.",
    ),
    DemoAuthorization(
        9,
        "71250",
        "CT scan of the chest",
        "1000000112",
        "R91.1",
        (*PENDING, AuthStatus.ADDITIONAL_INFO_NEEDED),
        "Please send the report of the last X-ray.",
    ),
    DemoAuthorization(1, "70553", "MRI of the brain", "1000000112", "R51.9", PENDING, is_urgent=True),
)
