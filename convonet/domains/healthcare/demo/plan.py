"""The demonstration's plan, directory and care programs. All persons are invented; numbers are from reserved ranges."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from convonet.domains.healthcare.enums import NetworkTier, ServiceCategory

PLAN_CODE = "CVN-PPO-GOLD"

PLAN = {
    "plan_code": PLAN_CODE,
    "plan_name": "Convonet Gold PPO",
    "plan_type": "PPO",
    "individual_deductible_in_network": Decimal(1500),
    "individual_deductible_out_of_network": Decimal(3000),
    "family_deductible_in_network": Decimal(3000),
    "family_deductible_out_of_network": Decimal(6000),
    "individual_oop_max_in_network": Decimal(6500),
    "individual_oop_max_out_of_network": Decimal(13000),
    "family_oop_max_in_network": Decimal(13000),
    "family_oop_max_out_of_network": Decimal(26000),
    "default_copay": Decimal(30),
    "default_coinsurance": Decimal(20),
    "requires_referral": False,
    "has_pharmacy_benefit": True,
    "has_mental_health_parity": True,
}


@dataclass(frozen=True, slots=True)
class DemoBenefit:
    """Terms in the network and out of it: a copay in dollars or a coinsurance in percent."""

    service: ServiceCategory
    copay: int | None = None
    coinsurance: int | None = None
    outside: int | None = 40
    prior_auth: bool = False
    visits: int | None = None
    notes: str | None = None


BENEFITS = (
    DemoBenefit(ServiceCategory.OFFICE_VISIT, copay=30),
    DemoBenefit(ServiceCategory.SPECIALIST_VISIT, copay=50),
    DemoBenefit(ServiceCategory.EMERGENCY, copay=250, outside=0, notes="The copay is waived when you are admitted."),
    DemoBenefit(ServiceCategory.URGENT_CARE, copay=75),
    DemoBenefit(ServiceCategory.HOSPITAL_INPATIENT, coinsurance=20, prior_auth=True),
    DemoBenefit(ServiceCategory.HOSPITAL_OUTPATIENT, coinsurance=20),
    DemoBenefit(ServiceCategory.SURGERY, coinsurance=20, prior_auth=True),
    DemoBenefit(ServiceCategory.DIAGNOSTIC_LAB, coinsurance=10),
    DemoBenefit(ServiceCategory.DIAGNOSTIC_IMAGING, coinsurance=20, prior_auth=True),
    DemoBenefit(ServiceCategory.PREVENTIVE, copay=0),
    DemoBenefit(ServiceCategory.MENTAL_HEALTH, copay=30),
    DemoBenefit(ServiceCategory.PHYSICAL_THERAPY, copay=40, prior_auth=True, visits=30),
    DemoBenefit(ServiceCategory.DURABLE_MEDICAL_EQUIPMENT, coinsurance=20, outside=50, prior_auth=True),
    DemoBenefit(ServiceCategory.PRESCRIPTION, copay=15, outside=50, notes="For generics; brands cost 45 dollars."),
)


@dataclass(frozen=True, slots=True)
class DemoProvider:
    """`npi` fails the check digit of real ones."""

    npi: str
    first_name: str | None
    last_name: str | None
    organization: str | None
    specialty: str
    city: str
    zip_code: str
    tier: NetworkTier = NetworkTier.TIER_2
    rating: str = "4.50"
    languages: tuple[str, ...] = ("English",)
    accepting: bool = True
    also: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.organization or f"Dr. {self.first_name} {self.last_name}"


T1, T2, T3 = NetworkTier

PROVIDERS = (
    DemoProvider(
        "1000000101",
        "Ada",
        "Sample",
        None,
        "Family Medicine",
        "San Francisco",
        "94110",
        T1,
        "4.80",
        ("English", "Spanish"),
    ),
    DemoProvider("1000000102", "Bruno", "Example", None, "Cardiology", "San Francisco", "94115", T1, "4.90"),
    DemoProvider(
        "1000000193",
        "Carla",
        "Placeholder",
        None,
        "Cardiology",
        "Oakland",
        "94609",
        T2,
        "4.60",
        ("English", "Mandarin"),
    ),
    DemoProvider("1000000104", "Dev", "Specimen", None, "Orthopedic Surgery", "San Francisco", "94107", T1, "4.70"),
    DemoProvider("1000000105", "Esra", "Mockup", None, "Dermatology", "San Francisco", "94108", T2, "4.40"),
    DemoProvider("1000000106", "Finn", "Template", None, "Psychiatry", "Berkeley", "94704", T1, "4.80"),
    DemoProvider(
        "1000000107", "Gita", "Fixture", None, "Obstetrics and Gynecology", "San Francisco", "94109", T1, "4.90"
    ),
    DemoProvider("1000000108", "Hugo", "Dummy", None, "Gastroenterology", "Palo Alto", "94301", T2, "4.30"),
    DemoProvider("1000000109", "Ines", "Stand-In", None, "Pediatrics", "San Francisco", "94122", T1, "4.90"),
    DemoProvider(
        "1000000110", "Jun", "Prototype", None, "Neurology", "San Mateo", "94401", T2, "4.50", accepting=False
    ),
    DemoProvider("1000000191", "Kira", "Pattern", None, "Cardiology", "San Jose", "95112", T3, "4.70"),
    DemoProvider(
        "1000000112",
        None,
        None,
        "Mission Imaging Demo Center",
        "Radiology",
        "San Francisco",
        "94103",
        T1,
        "4.60",
        also=("Mammography",),
    ),
    DemoProvider(
        "1000000113", None, None, "Bayview Demo Physical Therapy", "Physical Therapy", "San Francisco", "94124", T2
    ),
    DemoProvider("1000000114", None, None, "Golden Demo Urgent Care", "Urgent Care", "Daly City", "94014", T2, "4.10"),
    DemoProvider("1000000115", None, None, "Harbor Demo Laboratory", "Laboratory", "Oakland", "94607", T1, "4.20"),
)


@dataclass(frozen=True, slots=True)
class DemoProgram:
    """A care program."""

    code: str
    name: str
    kind: str
    description: str
    for_whom: str
    conditions: tuple[str, ...]
    monitoring: bool = False
    rewards: bool = False


PROGRAMS = (
    DemoProgram(
        "CVN-DIABETES",
        "Living Well with Diabetes",
        "disease_management",
        "A nurse coach, glucose monitoring at home and help with supplies.",
        "Members with diabetes or prediabetes.",
        ("diabetes", "prediabetes"),
        monitoring=True,
        rewards=True,
    ),
    DemoProgram(
        "CVN-HEART",
        "Strong Heart",
        "disease_management",
        "Coaching on food, movement and medicines, with blood pressure checks at home.",
        "Members with heart disease or high blood pressure.",
        ("heart disease", "hypertension", "high cholesterol"),
        monitoring=True,
        rewards=True,
    ),
    DemoProgram(
        "CVN-MATERNITY",
        "First Steps Maternity",
        "maternity",
        "Support through pregnancy and the first weeks after birth.",
        "Members who expect a child.",
        ("pregnancy",),
    ),
    DemoProgram(
        "CVN-WELLNESS",
        "Wellness Every Day",
        "wellness",
        "Fitness goals, nutrition coaching and reminders for preventive care.",
        "All members.",
        (),
        rewards=True,
    ),
    DemoProgram(
        "CVN-QUIT",
        "Quit for Good",
        "wellness",
        "A coach and nicotine replacement for members who want to stop smoking.",
        "Members who smoke.",
        ("tobacco use",),
    ),
)
