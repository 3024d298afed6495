"""The choice among several claims, authorizations, doctors or programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from convonet.agents.forms.form import Ask, Move, Option, Work
from convonet.language.sentences import enumerated

MAX_OPTIONS = 4
PLACES = ("first", "second", "third", "fourth")
Row = Mapping[str, Any]


def chosen_row(work: Work, slot: str, rows: Sequence[Row], key: str, labels: Sequence[str], none: Move) -> Row | Move:
    """The row that is meant, or the question for it. `none` is the move when there is no row."""
    if (place := work.values.get("place")) and (at := _at_place(rows, place)):
        return at
    # "my last claim" is not the one that was talked about
    wanted = work.values.get(slot) or ("" if "newest" in work.values else work.focus.get(slot))
    named = [row for row in rows if str(row[key]) == wanted]
    meant = named or list(rows)
    if not meant:
        return none
    if len(meant) == 1 or "newest" in work.values:
        return meant[0]
    options = tuple(Option(label, str(row[key])) for label, row in list(zip(labels, rows, strict=True))[:MAX_OPTIONS])
    names = enumerated([option.label for option in options], "or")
    return Ask(slot, f"Which one: {names}?", options)


def _at_place(rows: Sequence[Row], place: str) -> Row | None:
    index = PLACES.index(place)
    return rows[index] if index < len(rows) else None
