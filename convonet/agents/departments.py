"""The departments that a caller can be handed over to, and what a human is told about the call before they answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from convonet.agents.base import ChatMessage
from convonet.agents.hand_over import asks_for_nothing_else
from convonet.core.caller import Caller
from convonet.core.hand_over import TransferContext
from convonet.settings.call_center import CallCenterSettings
from convonet.settings.telephony import TelephonySettings

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
    def of(cls, settings: CallCenterSettings, telephony: TelephonySettings) -> Departments:
        if not telephony.is_configured:
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
        return self.named_in(said) or (self._departments[0] if self._departments else None)

    def named_in(self, said: str) -> Department | None:
        """The department that a sentence names."""
        # the first one is for everybody, and its word may stand beside another's: "technical support"
        return next((d for d in reversed(self._departments) if _names(d, said)), None)


def _names(department: Department, said: str) -> bool:
    words = _WORDS.get(department.name, re.escape(department.name))
    return re.search(rf"\b(?:{words})\b", said, re.IGNORECASE) is not None


def marker(department: Department, reason: str) -> str:
    """The line that tells the session to transfer: `TRANSFER_INITIATED:<extension>|<department>|<reason>`."""
    plain = re.sub(r"[|\r\n]+", " ", reason).strip()[:200]
    return f"TRANSFER_INITIATED:{department.extension}|{department.name}|{plain}"


def reason_of(asked: Sequence[str]) -> str:
    """Why they want a human, of all that they asked: the last sentence, or the one before, which was not enough."""
    return asked[-2] if len(asked) > 1 and asks_for_nothing_else(asked[-1]) else asked[-1]


def context_of(
    caller: Caller, conversation: Sequence[ChatMessage], reason: str, open_question: str, today: date
) -> TransferContext:
    """What the human is told: who calls, what for, what was done, what is open.

    The `conversation` ends with the turn that asked for them.
    """
    done = [deed for message in conversation for deed in message.done]
    asked = asked_in(conversation)
    verified = f"verified by {caller.verified_by}" if caller.verified_by else "not verified"
    lines = [
        f"{caller.user_name or 'A caller'}, {verified}, {today:%B} {today.day}.",
        f"Asked: {'; '.join(asked[-3:])}.",
        f"Done: {'; '.join(done)}." if done else "Nothing was changed yet.",
    ]
    if reason not in asked:
        lines.append(f"Wants: {reason}.")
    if open_question:
        lines.append(f"Open: {open_question}")
    return TransferContext(
        conversation_history=[_line(message) for message in conversation[-MOST_TOLD:]],
        user_id=caller.user_id,
        user_name=caller.user_name,
        activities=done,
        summary=" ".join(lines),
        verified_by=caller.verified_by,
    )


def asked_in(conversation: Sequence[ChatMessage]) -> list[str]:
    """The caller's sentences."""
    return [message.content for message in conversation if message.role == "user"]


def _line(message: ChatMessage) -> dict[str, str]:
    return {"role": message.role, "content": message.content}
