"""Booking a table, over as many turns as it takes."""

from __future__ import annotations

from datetime import datetime

from convonet.agents.forms import readers
from convonet.agents.forms.form import Ask, Form, Move, Sure, Tell, Values, Work, sentence
from convonet.agents.skill import Call, UseTools
from convonet.domains.hanok.menu import DISHES
from convonet.domains.hanok.offline import slots
from convonet.domains.hanok.phrasing import spoken_moment, spoken_party
from convonet.domains.hanok.refusals import Reason
from convonet.domains.hanok.seating import MAX_PARTY
from convonet.domains.phrasing import spoken_list

_ANOTHER_TIME = {Reason.NO_TABLE, Reason.WAITLIST_FULL, Reason.CLOSED, Reason.TIME_PASSED, Reason.NO_SUCH_TIME}


def _book(work: Work) -> Move:
    values = work.values
    if int(values["people"]) > MAX_PARTY:
        return Ask("people", f"We can seat at most {MAX_PARTY} people together. For how many should I book?")
    if not work.agreed:
        return Sure(f"{_party(values)}. Shall I book that?")
    if not work.outcomes:
        return UseTools((Call("create_reservation", _arguments(values)),))
    booked = work.outcomes[-1]
    if not booked.ok:
        return _refused(booked.text, str(booked.data.get("reason", "")))
    return Tell(booked.text, {"reservation": str(booked.data["reservation"]["id"])})


def _refused(text: str, reason: str) -> Move:
    if reason in _ANOTHER_TIME:
        return Ask("time", f"{text} What other time would suit you?")
    if reason == Reason.TOO_FAR_AHEAD:
        return Ask("day", f"{text} Which other day would suit you?")
    if reason == Reason.BAD_PHONE:
        return Ask("phone", text)
    return Tell(text)


def _arguments(values: Values) -> dict[str, object]:
    arguments: dict[str, object] = {
        "guest_name": values["name"],
        "guest_phone": values["phone"],
        "party_size": int(values["people"]),
        "starts_at": f"{values['day']}T{values['time']}",
    }
    if "order" in values:
        arguments["preorder_items"] = values["order"]
    if "wishes" in values:
        arguments["special_requests"] = values["wishes"]
    return arguments


def _party(values: Values) -> str:
    when = spoken_moment(datetime.fromisoformat(f"{values['day']}T{values['time']}"))
    ahead = f", with {_spoken_order(values['order'])} ordered ahead" if "order" in values else ""
    return f"A table for {spoken_party(int(values['people']))} on {when}, under {values['name']}{ahead}"


def _spoken_order(order: str) -> str:
    lines = [line.split(":") for line in order.split(", ")]
    return spoken_list([f"{count} {DISHES[dish].name_en}" for dish, count in lines])


BOOK = Form(
    name="book",
    act=_book,
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
