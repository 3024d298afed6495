"""Changing, confirming and cancelling a reservation that is there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from convonet.agents.forms import readers
from convonet.agents.forms.form import Ask, Form, Move, Option, Sure, Tell, Values, Work, sentence
from convonet.agents.skill import Call, UseTools
from convonet.domains.hanok.offline import slots
from convonet.domains.hanok.phrasing import spoken_moment, spoken_party
from convonet.domains.hanok.refusals import Reason
from convonet.domains.phrasing import spoken_list

_CHANGEABLE = ("people", "day", "time", "order", "wishes", "new_name")


def _change(work: Work) -> Move:
    if not any(name in work.values for name in _CHANGEABLE):
        return Ask("time", "What should I change: the day, the time or the number of people?")
    if changed := work.answer("update_reservation_details"):
        return Tell(changed, work.focus)
    one = _the_one(work)
    if not isinstance(one, Mapping):
        return one
    return UseTools((Call("update_reservation_details", _target(work, one) | _changes(work.values, one)),))


def _confirm(work: Work) -> Move:
    if told := work.answer("set_reservation_status"):
        return Tell(told)
    one = _the_one(work)
    if not isinstance(one, Mapping):
        return one
    return UseTools((Call("set_reservation_status", _target(work, one) | {"status": "confirmed"}),))


def _cancel(work: Work) -> Move:
    cancelled = next((outcome for outcome in work.outcomes if outcome.tool == "cancel_reservation"), None)
    if cancelled is not None:
        if cancelled.data.get("reason") == Reason.RETENTION_STEP:
            return Sure(f"{cancelled.text} Shall I cancel it all the same?", {"offer_heard": "yes"})
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
        return Sure(words, {"reservation": str(one["id"])})
    heard = {"retention_offer_acknowledged": True} if "offer_heard" in work.values else {}
    return UseTools((Call("cancel_reservation", _target(work, one) | heard),))


def _the_one(work: Work) -> Mapping[str, Any] | Move:
    """The reservation that is meant; else the step that finds out."""
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
    return Ask("reservation", f"Which one: {spoken_list([option.label for option in options])}?", options)


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


_RESERVATION = r"(?:reservation|booking|table|dinner)"

CHANGE = Form(
    name="change",
    act=_change,
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
    act=_confirm,
    patterns=sentence(
        rf"^confirm (?:my|the|our) {_RESERVATION}\b",
        r"\b(?:waitlist|waiting list)\b",
        rf"^is (?:my|our) {_RESERVATION} (?:free|ready|confirmed)\b",
    ),
    slots=(slots.reservation(),),
)
CANCEL = Form(
    name="cancel",
    act=_cancel,
    patterns=sentence(
        rf"^(?:cancel|delete|drop|call off|scrap|get rid of|give up)\b.*\b{_RESERVATION}\b",
        rf"\b(?:can't|cannot|won't|not going to) (?:make it|come)\b.*\b{_RESERVATION}\b",
        rf"\bdon't need (?:my|the|our) {_RESERVATION}\b",
    ),
    about_it=sentence(r"^(?:cancel|delete|drop|call off) (?:it|that|this)(?: one| again)?$"),
    slots=(slots.reservation(),),
    handles_failure=True,
)
