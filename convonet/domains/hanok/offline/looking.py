"""What a guest may ask: the menu, opening hours, free tables, and how their own reservation stands."""

from __future__ import annotations

from datetime import date, datetime

from convonet.agents.forms.form import Ask, Form, Move, Tell, Work, sentence
from convonet.agents.skill import Call, UseTools
from convonet.domains.hanok.offline import slots
from convonet.domains.hanok.phrasing import spoken_clock, spoken_code, spoken_moment


def _menu(work: Work) -> Move:
    if told := work.answer("list_menu_items"):
        return Tell(told)
    return UseTools((Call("list_menu_items", {}),))


def _availability(work: Work) -> Move:
    if told := work.answer("search_seating_availability"):
        return Tell(told)
    return UseTools((_search(work.values["day"], int(work.values["people"])),))


def _hours(work: Work) -> Move:
    day = work.values.get("day") or work.now.date().isoformat()
    found = work.data("search_seating_availability")
    if found is None:
        return UseTools((_search(day, 2),))
    opens, closes = found["availability"]["opens_at"], found["availability"]["closes_at"]
    named = f"{date.fromisoformat(day):%A}"
    if opens is None:
        return Tell(f"On {named} the restaurant is closed.")
    hours = f"{spoken_clock(datetime.fromisoformat(opens))} to {spoken_clock(datetime.fromisoformat(closes))}"
    return Tell(f"On {named} the restaurant is open from {hours}.")


def _mine(work: Work) -> Move:
    found = work.data("get_reservation")
    if found is None:
        return UseTools((Call("get_reservation", {}),))
    reservations = found["reservations"]
    focus = {"reservation": str(reservations[0]["id"])} if len(reservations) == 1 else {}
    return Tell(work.outcomes[-1].text, focus)


def _own_code(work: Work) -> Move:
    found = work.data("get_reservation")
    if found is None:
        return UseTools((Call("get_reservation", {}),))
    first = found["reservations"][0]
    day = spoken_moment(datetime.fromisoformat(first["starts_at"]))
    return Tell(f"The code of your table on {day} is {spoken_code(first['confirmation_code'])}.")


def _by_code(work: Work) -> Move:
    if not work.outcomes:
        proof = {"guest_phone": work.values["phone"]} if "phone" in work.values else {}
        return UseTools((Call("get_reservation_by_code", {"confirmation_code": work.values["code"], **proof}),))
    found = work.outcomes[-1]
    if not found.ok:
        return Tell(found.text) if "phone" in work.values else Ask("phone", found.text)
    focus = {"reservation": str(found.data["reservation"]["id"]), "code": work.values["code"]}
    return Tell(found.text, focus | ({"phone": work.values["phone"]} if "phone" in work.values else {}))


def _search(day: str, people: int) -> Call:
    return Call("search_seating_availability", {"date": day, "party_size": people})


MENU = Form(
    name="menu",
    act=_menu,
    aside=True,
    patterns=sentence(
        r"\b(?:menu|dishes|what (?:do you|can we|can i|kind of food do you) (?:serve|eat|order))\b",
        r"^what (?:food|dishes) ",
        r"^how much (?:is|are|does|do) (?:the |a )?(?:bulgogi|galbi|mandu|japchae|bibimbap|kimchi|pajeon|feast)",
    ),
)
HOURS = Form(
    name="hours",
    act=_hours,
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
    act=_availability,
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
    act=_mine,
    aside=True,
    patterns=sentence(
        r"^(?:when|what time|what|where|do i|have i|is|tell me|check|look up|find|what's|read)\b.*"
        r"\b(?:my|a|our) (?:table |dinner )?(?:reservations?|bookings?|table)\b(?!.*\bcode\b)",
        r"^(?:my|our) (?:reservations?|bookings?)$",
    ),
)
OWN_CODE = Form(
    name="own_code",
    act=_own_code,
    aside=True,
    patterns=sentence(r"^(?:what|what's|tell me|say|repeat|give me|i (?:lost|forgot))\b.*\b(?:my|the|our)\b.*\bcode\b"),
)
BY_CODE = Form(
    name="by_code",
    act=_by_code,
    patterns=sentence(r"\b(?:confirmation|reservation|booking) code\b", r"\bh ?n ?k\b", r"\bbooked (?:it )?online\b"),
    slots=(slots.code("What is the confirmation code?"), slots.phone()),
    handles_failure=True,
)
