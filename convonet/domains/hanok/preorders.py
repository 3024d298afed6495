"""Pre-orders as tools are given them: "bulgogi:2, bibimbap:1", or JSON lines. Dishes go by id or by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel, TypeAdapter, ValidationError

from convonet.domains.hanok.errors import Reason, ReservationRefused
from convonet.domains.hanok.menu import MENU, OrderLine

_QUANTITY_LAST = re.compile(r"(?P<dish>.+?)\s*[:x*]\s*(?P<quantity>\d{1,3})")
_QUANTITY_FIRST = re.compile(r"(?P<quantity>\d{1,3})\s*x?\s+(?P<dish>.+)")


class OrderedDish(BaseModel):
    """A dish of an order in JSON."""

    menu_item_id: str
    quantity: int = 1


_LINES = TypeAdapter(list[OrderedDish])


def order_of(items: str | None, lines_json: Sequence[OrderedDish] | str | None) -> list[OrderLine] | None:
    """Read the order from either argument; None when neither was given.

    Raises `ReservationRefused` for what can't be read or is not on the menu.
    """
    if items is None and lines_json is None:
        return None
    lines = [_spoken_line(part) for part in re.split(r"[,;\n]", items or "") if part.strip()]
    try:
        given = _LINES.validate_json(lines_json or "[]") if isinstance(lines_json, str) else lines_json or ()
    except ValidationError:
        raise ReservationRefused(Reason.BAD_ORDER, "I could not read that order. Please tell me it again.") from None
    return lines + [OrderLine(_dish(line.menu_item_id), line.quantity) for line in given]


def _spoken_line(part: str) -> OrderLine:
    text = part.strip()
    found = _QUANTITY_LAST.fullmatch(text) or _QUANTITY_FIRST.fullmatch(text)
    if found is None:
        return OrderLine(_dish(text), 1)
    return OrderLine(_dish(found["dish"]), int(found["quantity"]))


def _dish(said: str) -> str:
    wanted = _plain(said)
    for item in MENU:
        if wanted in {_plain(item.id), _plain(item.name_en), item.name_ko}:
            return item.id
    raise ReservationRefused(Reason.BAD_ORDER, f"{said.strip()[:40]} is not on our menu.")


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ").strip()
