"""The names that callers use for services and specialists, and the plan's own terms for them."""

from __future__ import annotations

from convonet.core.errors import DomainError
from convonet.domains.healthcare.enums import ServiceCategory

SERVICES: tuple[tuple[ServiceCategory, tuple[str, ...]], ...] = (
    (ServiceCategory.URGENT_CARE, ("urgent care", "walk-in", "walk in")),
    (ServiceCategory.EMERGENCY, ("emergency", "er visit", "ambulance")),
    (ServiceCategory.PHYSICAL_THERAPY, ("physical therapy", "physiotherapy", "physical therapist", "rehab")),
    (
        ServiceCategory.MENTAL_HEALTH,
        ("mental", "counseling", "psycholog", "psychiatr", "therapy", "therapist", "behavioral"),
    ),
    (ServiceCategory.DIAGNOSTIC_IMAGING, ("imaging", "mri", "ct scan", "x-ray", "x ray", "ultrasound", "scan")),
    (ServiceCategory.DIAGNOSTIC_LAB, ("lab", "blood test", "blood work")),
    (
        ServiceCategory.PREVENTIVE,
        ("prevent", "checkup", "check-up", "annual exam", "physical exam", "screening", "vaccin", "flu shot"),
    ),
    (ServiceCategory.HOSPITAL_INPATIENT, ("inpatient", "hospital stay", "overnight", "admission")),
    (ServiceCategory.HOSPITAL_OUTPATIENT, ("outpatient", "hospital")),
    (ServiceCategory.SURGERY, ("surgery", "surgical", "operation")),
    (ServiceCategory.PRESCRIPTION, ("prescription", "drug", "medication", "medicine", "pharmacy")),
    (ServiceCategory.DURABLE_MEDICAL_EQUIPMENT, ("equipment", "wheelchair", "crutch", "cpap", "brace")),
    (ServiceCategory.SPECIALIST_VISIT, ("specialist", "cardiolog", "dermatolog", "orthopedic", "neurolog")),
    (ServiceCategory.OFFICE_VISIT, ("office", "primary care", "family doctor", "doctor visit", "doctor")),
)
"""Parts of callers' words, the more specific ones first: "physical therapy" is not mental health."""

SPECIALTIES: dict[str, str] = {
    "heart": "cardiology",
    "skin": "dermatology",
    "bone": "orthopedic",
    "joint": "orthopedic",
    "child": "pediatrics",
    "kid": "pediatrics",
    "eye": "ophthalmology",
    "lung": "pulmonology",
    "stomach": "gastroenterology",
    "digestive": "gastroenterology",
    "brain": "neurology",
    "women": "gynecology",
    "primary care": "family medicine",
    "family doctor": "family medicine",
    "general practi": "family medicine",
    "physical therap": "physical therapy",
}
"""Callers' words for specialties by other names."""
ENDINGS = ("iatrists", "iatrist", "iatricians", "iatrician", "ologists", "ologist", "surgeons", "surgeon", "doctors")
STEMS = {"iatrist": "iatry", "iatrician": "iatrics", "ologist": "ology", "surgeon": "surgery", "doctor": ""}


def service_category(said: str) -> ServiceCategory:
    """The kind of service that a caller means. Raises `DomainError` when none is recognized."""
    words = said.strip().lower().replace("_", " ")
    if words.replace(" ", "_") in set(ServiceCategory):
        return ServiceCategory(words.replace(" ", "_"))
    padded = f" {words} "
    for category, parts in SERVICES:
        if any(f" {part}" in padded for part in parts):
            return category
    raise DomainError(
        f"unknown service {said!r}",
        spoken="I don't know that kind of service. Try, for example, office visit, emergency, imaging or surgery.",
    )


def specialty(said: str) -> str:
    """The part of a specialty's name to search for: "a heart doctor" and "cardiologists" are cardiology."""
    words = said.strip().lower()
    for part, name in SPECIALTIES.items():
        if part in words:
            return name
    for ending in ENDINGS:
        if words.endswith(ending):
            stem = STEMS[ending.removesuffix("s")]
            return (words.removesuffix(ending) + stem).strip() or words
    return words
