"""Preventive services by age; intervals follow the US Preventive Services Task Force and the CDC."""

from __future__ import annotations

from convonet.domains.healthcare.coverage.schemas import PreventiveService

ADULT = 18
OLDEST = 130

RECOMMENDED: tuple[tuple[int, int, PreventiveService], ...] = (
    (0, OLDEST, PreventiveService(name="wellness visit", how_often="every year", condition=None)),
    (0, OLDEST, PreventiveService(name="flu shot", how_often="every year", condition=None)),
    (0, 17, PreventiveService(name="childhood vaccines", how_often="by the vaccine schedule", condition=None)),
    (ADULT, OLDEST, PreventiveService(name="blood pressure check", how_often="every year", condition=None)),
    (ADULT, OLDEST, PreventiveService(name="depression screening", how_often="every year", condition=None)),
    (21, 65, PreventiveService(name="cervical cancer screening", how_often="every 3 years", condition="for women")),
    (35, 70, PreventiveService(name="diabetes screening", how_often="every 3 years", condition="if overweight")),
    (40, 74, PreventiveService(name="mammogram", how_often="every 2 years", condition="for women")),
    (45, 75, PreventiveService(name="colonoscopy", how_often="every 10 years", condition=None)),
    (50, OLDEST, PreventiveService(name="shingles vaccine", how_often="two doses once", condition=None)),
    (50, 80, PreventiveService(name="lung cancer screening", how_often="every year", condition="for heavy smokers")),
    (65, OLDEST, PreventiveService(name="bone density scan", how_often="as advised", condition="for women")),
)
"""First age, last age, service."""


def recommended(age: int | None) -> list[PreventiveService]:
    """The services for an age; those for all ages when it is not known."""
    return [
        service
        for first, last, service in RECOMMENDED
        if (first <= age <= last if age is not None else (first, last) == (0, OLDEST))
    ]
