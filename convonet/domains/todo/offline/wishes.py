"""What a turn is about, after the sentence was read in the light of the open question."""

from __future__ import annotations

from dataclasses import dataclass

from convonet.domains.todo.offline.intents import Intent, Named


@dataclass(frozen=True, slots=True)
class Wish:
    """An intent; `chosen` are the todos it is about when the conversation has settled that already."""

    intent: Intent
    chosen: tuple[Named, ...] = ()
    agreed: bool = False
    """The caller has said yes to it."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The caller does not want it any more."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The answer was not understood: ask again."""
