"""The forms of the restaurant: the sentences that mean each of them, and their slots."""

from __future__ import annotations

from convonet.agents.forms import readers
from convonet.agents.forms.form import Form, sentence
from convonet.domains.hanok.offline import slots
from convonet.domains.hanok.offline.actions import (
    book,
    cancel,
    change,
    confirm,
    find_by_code,
    show_availability,
    show_hours,
    show_menu,
    show_own,
    show_own_code,
)

BOOK = Form(
    name="book",
    act=book,
    patterns=sentence(
        r"^(?:book|reserve|get|make|find|need|have|set up)\b.*\b(?:table|booth|reservation)\b",
        r"^(?:a|the|another) (?:table|booth|reservation)\b",
        r"\b(?:reservation|table|seats?)\b.*\b(?:for|at hanok)\b",
        r"^(?:book|reserve) (?:us |me )?(?:in |for )",
    ),
    slots=(
        slots.people("For how many people?"),
        slots.day("For which day?"),
        slots.clock("At what time?"),
        readers.person("name", "Under what name?"),
        slots.phone("What phone number can we reach you at?"),
        slots.dishes(),
        readers.words("wishes", None, after=r"\b(?:we need|i need|with a request for|special request(?: is)?)"),
    ),
    corrected_by="change",
    handles_failure=True,
)
_RESERVATION = r"(?:reservation|booking|table|dinner)"

CHANGE = Form(
    name="change",
    act=change,
    patterns=sentence(
        rf"^(?:change|move|update|modify|amend|reschedule|push|edit)\b.*\b{_RESERVATION}\b",
        rf"^(?:add|order)\b.*\bto (?:my|our|the) {_RESERVATION}\b",
        rf"\b(?:more|fewer) (?:people|guests)\b.*\b{_RESERVATION}\b",
    ),
    slots=(
        slots.people(),
        slots.day(),
        slots.clock(),
        slots.dishes(),
        readers.person("new_name", None),
        readers.words("wishes", None, after=r"\b(?:we need|i need|note that)"),
        slots.reservation(),
    ),
    corrected_by="change",
)

CONFIRM = Form(
    name="confirm",
    act=confirm,
    patterns=sentence(
        rf"^confirm (?:my|the|our) {_RESERVATION}\b",
        r"\b(?:waitlist|waiting list)\b",
        rf"^is (?:my|our) {_RESERVATION} (?:free|ready|confirmed)\b",
    ),
    slots=(slots.reservation(),),
)

CANCEL = Form(
    name="cancel",
    act=cancel,
    patterns=sentence(
        rf"^(?:cancel|delete|drop|call off|scrap|get rid of|give up)\b.*\b{_RESERVATION}\b",
        rf"\b(?:can't|cannot|won't|not going to) (?:make it|come)\b.*\b{_RESERVATION}\b",
        rf"\bdon't need (?:my|the|our) {_RESERVATION}\b",
    ),
    about_it=sentence(r"^(?:cancel|delete|drop|call off) (?:it|that|this)(?: one| again)?$"),
    slots=(slots.reservation(),),
    handles_failure=True,
)

MENU = Form(
    name="menu",
    act=show_menu,
    aside=True,
    patterns=sentence(
        r"\b(?:menu|dishes|what (?:do you|can we|can i|kind of food do you) (?:serve|eat|order))\b",
        r"^what (?:food|dishes) ",
        r"^how much (?:is|are|does|do) (?:the |a )?(?:bulgogi|galbi|mandu|japchae|bibimbap|kimchi|pajeon|feast)",
    ),
)

HOURS = Form(
    name="hours",
    act=show_hours,
    aside=True,
    patterns=sentence(
        r"^(?:when|what time|until when|how late|what days|are you|is the restaurant|is hanok).*"
        r"\b(?:open|close|closed|closing|opening)\b",
        r"\bopening hours\b",
    ),
    slots=(slots.day(),),
    corrected_by="hours",
)

AVAILABILITY = Form(
    name="availability",
    act=show_availability,
    aside=True,
    patterns=sentence(
        r"^(?:do you have|are there|is there|have you got|any|when is there|when do you have|check)\b.*"
        r"\b(?:tables?|seats?|room|space|free|availab)",
        r"^(?:when|what time|what times)\b.*\b(?:table|free|available)\b",
        r"\bavailability\b",
    ),
    slots=(slots.people("For how many people?"), slots.day("For which day?")),
    corrected_by="availability",
)

MINE = Form(
    name="mine",
    act=show_own,
    aside=True,
    patterns=sentence(
        r"^(?:when|what time|what|where|do i|have i|is|tell me|check|look up|find|what's|read)\b.*"
        r"\b(?:my|a|our) (?:table |dinner )?(?:reservations?|bookings?|table)\b(?!.*\bcode\b)",
        r"^(?:my|our) (?:reservations?|bookings?)$",
    ),
)

OWN_CODE = Form(
    name="own_code",
    act=show_own_code,
    aside=True,
    patterns=sentence(r"^(?:what|what's|tell me|say|repeat|give me|i (?:lost|forgot))\b.*\b(?:my|the|our)\b.*\bcode\b"),
)

BY_CODE = Form(
    name="by_code",
    act=find_by_code,
    patterns=sentence(r"\b(?:confirmation|reservation|booking) code\b", r"\bh ?n ?k\b", r"\bbooked (?:it )?online\b"),
    slots=(slots.code("What is the confirmation code?"), slots.phone()),
    handles_failure=True,
)
