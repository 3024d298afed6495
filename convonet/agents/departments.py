"""Departments for hand-overs, and the briefing that a human gets. The router and `turn_end` call it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from convonet.agents.base import ChatMessage
from convonet.agents.hand_over_intent import gives_no_reason
from convonet.core.caller import Caller
from convonet.core.hand_over import HandOverDecision, TransferContext
from convonet.language.sentences import Sentence
from convonet.settings.call_center import CallCenterSettings

MAX_CONTEXT_MESSAGES = 20
"""Messages of the conversation in a briefing."""

_WORDS = {
    "support": r"support|help ?desk|customer service|service",
    "sales": r"sales|buy|buying|purchase|price quote|quote",
    "technical": r"technical|technician|tech|it department|engineer",
}


@dataclass(frozen=True, slots=True)
class Department:
    """A department, and the extension that rings there."""

    name: str
    extension: str


class Departments:
    """The departments of this installation."""

    def __init__(self, fallback: Department, *others: Department) -> None:
        """`fallback` is the general one, for callers who name none."""
        self.fallback = fallback
        self._departments = (fallback, *others)

    @classmethod
    def of(cls, settings: CallCenterSettings) -> Departments:
        """Read the departments from the settings."""
        default = settings.fallback_extension
        named = [name.partition("=") for name in settings.departments.split(",")]
        found = {name.strip(): Department(name.strip(), extension.strip() or default) for name, _, extension in named}
        fallback = found.pop(settings.fallback_department, Department(settings.fallback_department, default))
        return cls(fallback, *found.values())

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(department.name for department in self._departments)

    def for_sentence(self, said: str) -> Department:
        """Return the department that a sentence names, else the general one."""
        return self.named_in(said) or self.fallback

    def named_in(self, said: str) -> Department | None:
        """Return the department that a sentence names."""
        # the general one comes last: its word may accompany another's, as in "technical support"
        return next((d for d in reversed(self._departments) if _names(d, said)), None)


def _names(department: Department, said: str) -> bool:
    words = _WORDS.get(department.name, re.escape(department.name))
    return re.search(rf"\b(?:{words})\b", said, re.IGNORECASE) is not None


def hand_over_to(department: Department, reason: str) -> HandOverDecision:
    """Return the hand-over decision; the reason becomes one line, without the bars that delimit the transfer marker."""
    line = re.sub(r"[|\r\n]+", " ", reason).strip()[:200]
    return HandOverDecision(department.name, department.extension, line)


def hand_over_reason(requests: Sequence[str]) -> str:
    """Return the caller's reason: their last sentence, or the one before when the last gives none."""
    return requests[-2] if len(requests) > 1 and gives_no_reason(Sentence(requests[-1])) else requests[-1]


def transfer_context(
    caller: Caller, conversation: Sequence[ChatMessage], reason: str, open_question: str, today: date
) -> TransferContext:
    """Brief the human: who is calling and why, what was done, and what is still open.

    The `conversation` ends with the turn that asked for a human.
    """
    done = [label for message in conversation for label in message.done]
    asked = caller_sentences(conversation)
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
        conversation_history=[{"role": m.role, "content": m.content} for m in conversation[-MAX_CONTEXT_MESSAGES:]],
        user_id=caller.user_id,
        user_name=caller.user_name,
        activities=done,
        summary=" ".join(lines),
        verified_by=caller.verified_by,
    )


def caller_sentences(conversation: Sequence[ChatMessage]) -> list[str]:
    """Return the caller's part of the conversation."""
    return [message.content for message in conversation if message.role == "user"]
