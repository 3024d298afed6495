"""The forms of coverage: the sentences that mean each of them, and their slots."""

from __future__ import annotations

from collections.abc import Callable

from convonet.agents.forms.form import Form, Move, Tell, Work
from convonet.agents.skill import Call, UseTools
from convonet.domains.healthcare.offline import slots


def asks(tool: str, *, about_service: bool = False) -> Callable[[Work], Move]:
    """Make the function of a form that asks one tool and says its answer."""

    def act(work: Work) -> Move:
        if work.outcomes:
            return Tell(work.outcomes[-1].text, {"service": work.values.get("service", "")})
        arguments: dict[str, object] = {"service_type": work.values["service"]} if about_service else {}
        return UseTools((Call(tool, arguments),))

    return act


_PLAN = r"(?:(?:health |medical )?(?:insurance|plan|coverage|policy)|benefits?)"
_ASK_SERVICE = "For which kind of service?"

ELIGIBILITY = Form(
    name="eligibility",
    act=asks("check_eligibility"),
    patterns=slots.ours(
        r"^(?:am i|are we) (?:still |currently |actually )?(?:covered|insured|eligible)(?: (?:today|now|at all))?$",
        rf"^(?:is|do i have|do we have|have i got) (?:my |an |any |our )?(?:active |valid |current )?{_PLAN}"
        r"(?: (?:still |currently )?(?:active|valid|in force|good|current))?(?: (?:today|now))?$",
    ),
    aside=True,
)

DATES = Form(
    name="dates",
    act=asks("get_coverage_dates"),
    patterns=slots.ours(
        rf"\b(?:when|until when|how long|what day|since when)\b.*\b(?:covered|insured|{_PLAN})\b"
        r"(?!.*\b(?:claim|authorization|pays?|appeal)\b)",
        r"\b(?:coverage dates|plan year)\b",
        rf"\b{_PLAN} (?:ends?|expires?|starts?|begins?|runs? out|renews?)\b",
    ),
    aside=True,
)

BENEFITS = Form(
    name="benefits",
    act=asks("get_benefits_summary"),
    patterns=slots.ours(
        rf"^what(?:'s| is| are| does| do| all)? (?:all )?(?:my |the |our |covered (?:by|under) my )?{_PLAN}"
        r"(?: cover| include| pay for| summary)?$",
        rf"^(?:tell me about|list|explain|summari[sz]e|go over|read me) (?:all )?(?:my |our )?{_PLAN}(?: benefits)?$",
    ),
    aside=True,
)

BENEFIT = Form(
    name="benefit",
    act=asks("check_benefit_coverage", about_service=True),
    patterns=slots.ours(
        r"\b(?:is|are|do|does|will|would)\b.*\b(?:covered|covers?)\b",
        r"^(?:am i|are we) covered for\b",
        rf"\b(?:my |our )?{_PLAN} (?:covers?|pays? for)\b",
    ),
    slots=(slots.service(_ASK_SERVICE),),
    corrected_by="benefit",
    aside=True,
)

COPAY = Form(
    name="copay",
    act=asks("get_copay_info", about_service=True),
    patterns=slots.ours(
        r"\b(?:co-?pay|co-?pays|co-?payment|coinsurance|co-?insurance)\b",
        r"^(?:how much|what) (?:will|would|do|does|is|should) .*\b(?:pay|cost|charged)\b"
        r".*\b(?:visit|doctor|specialist|mri|scan|x-?ray|therapy|surgery|hospital|emergency|prescription|lab"
        r"|urgent care|ambulance|therapist|medication)\b",
        r"^how much (?:is|are|does) (?:an? |the )?(?:visit|specialist|mri|scan|x-?ray|physical therapy|therapy|surgery"
        r"|hospital stay|emergency|prescription|blood test|lab|urgent care|ambulance|therapist)\b",
    ),
    slots=(slots.service(_ASK_SERVICE),),
    corrected_by="copay",
    aside=True,
)

DEDUCTIBLE = Form(
    name="deductible", act=asks("get_deductible_status"), patterns=slots.ours(r"\bdeductible\b"), aside=True
)

OUT_OF_POCKET = Form(
    name="out_of_pocket",
    act=asks("get_out_of_pocket_status"),
    patterns=slots.ours(r"\bout[ -]of[ -]pocket\b"),
    aside=True,
)

PREVENTIVE = Form(
    name="preventive",
    act=asks("get_preventive_care"),
    patterns=slots.ours(
        r"\bpreventive\b",
        r"^(?:what|which) (?:check-?ups|screenings|vaccines|vaccinations|shots)\b.*\b(?:i|we|me|my)\b",
    ),
    aside=True,
)
