"""The departments that a caller can be handed over to, and what a human is told about the call before they answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from convonet.agents.base import ChatMessage, TransferContext, TurnRequest
from convonet.settings import Settings

MOST_TOLD = 20
"""Messages of the conversation that go along."""

_WORDS = {
    "support": r"support|help ?desk|customer service|service",
    "sales": r"sales|buy|buying|purchase|price quote|quote",
    "technical": r"technical|technician|tech|it department|engineer",
}


@dataclass(frozen=True, slots=True)
class Department:
    """Where a call can go: its name and its extension."""

    name: str
    extension: str


class Departments:
    """Those of this installation; none while no PBX is set."""

    def __init__(self, departments: Sequence[Department], fallback: str = "support") -> None:
        self._departments = tuple(departments)
        self.fallback = fallback
        """Name of the one for everybody, also where there is no telephone."""

    @classmethod
    def of(cls, settings: Settings) -> Departments:
        if settings.freepbx_domain is None:
            return cls((), settings.fallback_department)
        default = settings.fallback_extension
        named = [name.partition("=") for name in settings.departments.split(",")]
        found = {name.strip(): Department(name.strip(), extension.strip() or default) for name, _, extension in named}
        fallback = found.pop(settings.fallback_department, Department(settings.fallback_department, default))
        return cls((fallback, *found.values()), fallback.name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(department.name for department in self._departments)

    def meant(self, said: str) -> Department | None:
        """The department that a sentence names, else the first; None when there is none at all."""
        # the first one is for everybody, and its word may stand beside another's: "technical support"
        named = (d for d in reversed(self._departments) if _names(d, said))
        return next(named, self._departments[0] if self._departments else None)


def _names(department: Department, said: str) -> bool:
    words = _WORDS.get(department.name, re.escape(department.name))
    return re.search(rf"\b(?:{words})\b", said, re.IGNORECASE) is not None


def marker(department: Department, reason: str) -> str:
    """The line that tells the session to transfer: `TRANSFER_INITIATED:<extension>|<department>|<reason>`."""
    plain = re.sub(r"[|\r\n]+", " ", reason).strip()[:200]
    return f"TRANSFER_INITIATED:{department.extension}|{department.name}|{plain}"


def reason_of(request: TurnRequest) -> str:
    """Why they want a human: what they asked for last, which was not enough."""
    asked = [message.content for message in request.history if message.role == "user"]
    return asked[-1] if asked else request.transcript


def context_of(request: TurnRequest, open_question: str, today: date) -> TransferContext:
    """What the human is told: who calls, what for, what was done, what is open."""
    done = [deed for message in request.history for deed in message.done]
    asked = [message.content for message in request.history if message.role == "user"]
    caller = request.caller
    verified = f"verified by {caller.verified_by}" if caller.verified_by else "not verified"
    lines = [
        f"{caller.user_name or 'A caller'}, {verified}, {today:%B} {today.day}.",
        f"Asked: {'; '.join(asked[-3:])}." if asked else "Asked for a person at once.",
        f"Done: {'; '.join(done)}." if done else "Nothing was changed yet.",
    ]
    if open_question:
        lines.append(f"Open: {open_question}")
    return TransferContext(
        conversation_history=[_line(message) for message in request.history[-MOST_TOLD:]],
        user_id=caller.user_id,
        user_name=caller.user_name,
        activities=done,
        summary=" ".join(lines),
        verified_by=caller.verified_by,
    )


def _line(message: ChatMessage) -> dict[str, str]:
    return {"role": message.role, "content": message.content}
