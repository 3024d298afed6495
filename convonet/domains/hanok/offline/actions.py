"""The functions that carry out the forms of `forms`: their tool calls, questions and answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from convonet.agents.forms.form import Ask, Confirm, Move, Option, Tell, Values, Work, answered_by
from convonet.agents.skill import Call, UseTools
from convonet.domains.hanok.errors import Reason
from convonet.domains.hanok.menu import DISHES
from convonet.domains.hanok.seating.tables import MAX_PARTY
from convonet.domains.hanok.speech import spoken_code, spoken_party
from convonet.domains.speech import spoken_clock, spoken_moment
from convonet.language.sentences import enumerated

_ANOTHER_TIME = {Reason.NO_TABLE, Reason.WAITLIST_FULL, Reason.CLOSED, Reason.TIME_PASSED, Reason.NO_SUCH_TIME}


def book(work: Work) -> Move:
    """Book a table, over as many turns as it takes."""
    values = work.values
    if int(values["people"]) > MAX_PARTY:
        return Ask("people", f"We can seat at most {MAX_PARTY} people together. For how many should I book?")
    if not work.agreed:
        return Confirm(f"{_party(values)}. Shall I book that?")
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
    return enumerated([f"{count} {DISHES[dish].name_en}" for dish, count in lines])


_CHANGEABLE = ("people", "day", "time", "order", "wishes", "new_name")


def change(work: Work) -> Move:
    """Change the reservation that is meant."""
    if not any(name in work.values for name in _CHANGEABLE):
        return Ask("time", "What should I change: the day, the time or the number of people?")
    if changed := work.answer("update_reservation_details"):
        return Tell(changed, work.focus)
    one = _the_one(work)
    if not isinstance(one, Mapping):
        return one
    return UseTools((Call("update_reservation_details", _target(work, one) | _changes(work.values, one)),))


def confirm(work: Work) -> Move:
    """Confirm a reservation that waits for a table."""
    if answer := work.answer("set_reservation_status"):
        return Tell(answer)
    one = _the_one(work)
    if not isinstance(one, Mapping):
        return one
    return UseTools((Call("set_reservation_status", _target(work, one) | {"status": "confirmed"}),))


def cancel(work: Work) -> Move:
    """Cancel a reservation after a yes."""
    cancelled = next((outcome for outcome in work.outcomes if outcome.tool == "cancel_reservation"), None)
    if cancelled is not None:
        if cancelled.data.get("reason") == Reason.RETENTION_STEP:
            return Confirm(f"{cancelled.text} Shall I cancel it all the same?", {"offer_heard": "yes"})
        return Tell(cancelled.text)
    failed = next((outcome for outcome in work.outcomes if not outcome.ok), None)
    if failed is not None:
        return Tell(failed.text)
    one = _the_one(work)
    if not isinstance(one, Mapping):
        return one
    if not work.agreed:
        when = spoken_moment(datetime.fromisoformat(one["starts_at"]))
        words = f"Do you really want to cancel your table for {spoken_party(one['party_size'])} on {when}?"
        return Confirm(words, {"reservation": str(one["id"])})
    heard = {"retention_offer_acknowledged": True} if "offer_heard" in work.values else {}
    return UseTools((Call("cancel_reservation", _target(work, one) | heard),))


def _the_one(work: Work) -> Mapping[str, Any] | Move:
    """The reservation that is meant, or the move that finds out."""
    if "code" in work.focus and "phone" in work.focus:
        found = work.data("get_reservation_by_code")
        proof = {"confirmation_code": work.focus["code"], "guest_phone": work.focus["phone"]}
        if found is None:
            return UseTools((Call("get_reservation_by_code", proof),))
        proven: Mapping[str, Any] = found["reservation"]
        return proven
    found = work.data("get_reservation")
    if found is None:
        return UseTools((Call("get_reservation", {}),))
    ahead = found["reservations"]
    wanted = work.values.get("reservation") or work.focus.get("reservation")
    meant = [one for one in ahead if str(one["id"]) == wanted] or ahead
    if len(meant) == 1:
        only: Mapping[str, Any] = meant[0]
        return only
    options = tuple(Option(_label(one), str(one["id"])) for one in ahead[:4])
    return Ask("reservation", f"Which one: {enumerated([option.label for option in options])}?", options)


def _label(one: Mapping[str, Any]) -> str:
    return f"{spoken_party(one['party_size'])} on {spoken_moment(datetime.fromisoformat(one['starts_at']))}"


def _target(work: Work, one: Mapping[str, Any]) -> dict[str, object]:
    proof: dict[str, object] = {}
    if "code" in work.focus and "phone" in work.focus:
        proof = {"confirmation_code": work.focus["code"], "guest_phone": work.focus["phone"]}
    return {"reservation_id": one["id"], **proof}


def _changes(values: Values, one: Mapping[str, Any]) -> dict[str, object]:
    changes: dict[str, object] = {}
    if "people" in values:
        changes["party_size"] = int(values["people"])
    if "day" in values or "time" in values:
        begins = datetime.fromisoformat(one["starts_at"])
        changes["starts_at"] = (
            f"{values.get('day') or begins.date().isoformat()}T{values.get('time') or f'{begins:%H:%M}'}"
        )
    if "new_name" in values:
        changes["guest_name"] = values["new_name"]
    if "order" in values:
        changes["preorder_items"] = values["order"]
    if "wishes" in values:
        changes["special_requests"] = values["wishes"]
    return changes


def show_menu(work: Work) -> Move:
    """Read the menu."""
    return answered_by(work, Call("list_menu_items", {}))


def show_availability(work: Work) -> Move:
    """Say when a table is free on a day."""
    return answered_by(work, _search(work.values["day"], int(work.values["people"])))


def show_hours(work: Work) -> Move:
    """Say the opening hours of a day."""
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


def show_own(work: Work) -> Move:
    """Name the caller's own reservations."""
    found = work.data("get_reservation")
    if found is None:
        return UseTools((Call("get_reservation", {}),))
    reservations = found["reservations"]
    focus = {"reservation": str(reservations[0]["id"])} if len(reservations) == 1 else {}
    return Tell(work.outcomes[-1].text, focus)


def show_own_code(work: Work) -> Move:
    """Say the code of the caller's next reservation."""
    found = work.data("get_reservation")
    if found is None:
        return UseTools((Call("get_reservation", {}),))
    first = found["reservations"][0]
    day = spoken_moment(datetime.fromisoformat(first["starts_at"]))
    return Tell(f"The code of your table on {day} is {spoken_code(first['confirmation_code'])}.")


def find_by_code(work: Work) -> Move:
    """Find a reservation by its confirmation code."""
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
