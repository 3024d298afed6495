"""What passes between the host of the hand-overs and those who take part: sessions, lines and desks.

Each of them follows a stream of views: the whole state as it is now, again after every change. So whoever was away, or
follows a host that was restored, needs nothing that was said before.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pydantic import BaseModel, ConfigDict

from convonet.core.caller import Proof
from convonet.core.errors import ConvonetError
from convonet.core.hand_over import DeskState, EndReason, HandOverState, TransferContext
from convonet.core.ids import SessionId
from convonet.speech.base import Language


class HandOversUnavailable(ConvonetError):
    """The process that holds the hand-overs can't be reached."""

    retryable = True


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class HandOverRequest(_Value):
    """A caller wants a human. The id is made by the session; an order that is given twice counts once."""

    transfer_id: str
    session_id: SessionId
    department: str
    reason: str
    context: TransferContext
    language: Language = Language("en-US")
    phone: str = ""
    """Where to call them back, as they have just said it, in E.164; empty: at the number that the CRM has."""


class MediaLegAddress(_Value):
    """Where the audio of a line can be had: a TCP port, and what to show there."""

    host: str
    port: int
    key: str


class Who(StrEnum):
    """One of the two who talk."""

    CALLER = "caller"
    HUMAN = "human"


class Spoken(_Value):
    """A sentence of a talk, as the recognizer heard it."""

    who: Who
    text: str


class HandOverView(_Value):
    """A hand-over as the caller's session sees it."""

    transfer_id: str
    state: HandOverState
    department: str
    extension: str = ""
    agent_name: str = ""
    """Who talks with the caller, as they are called."""
    position: int = 0
    """In the queue, from 1."""
    wait_s: float = 0.0
    """About how long it will still take."""
    absent: bool = False
    """Nobody is at work right now, so it can't be told how long."""
    why: EndReason | None = None
    declined: list[str] = []
    """Who did not take it, each with their reason; not for the caller."""
    known_phone: str = ""
    """When it has failed: the last four digits of the number that we have of the caller; empty when there is none."""
    line: MediaLegAddress | None = None
    """While the two hear each other."""
    said: list[Spoken] = []
    """What was said so far."""
    summary: str = ""
    """The talk in a few words, once it is over."""
    asked_at: float = 0.0
    """Unix time, as the two that follow."""
    connected_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class MediaLegRequest:
    """The stream of a call has started; `key` is what its TwiML gave it."""

    transfer_id: str
    attempt: int
    key: str
    call_sid: str
    address: MediaLegAddress


class MediaLegAction(StrEnum):
    """What a line shall do."""

    WAIT = "wait"
    WHISPER = "whisper"
    JOIN = "join"
    CLOSE = "close"


class MediaLegView(_Value):
    """A hand-over as its line sees it."""

    order: MediaLegAction
    whisper: str
    """What the desk is told before the caller is on the line."""
    language: Language


class Card(_Value):
    """Who calls and why, as the desk shows it; all of it is data, none of it markup."""

    transfer_id: str
    name: str
    verified_by: Proof | None
    department: str
    reason: str
    summary: str
    open_items: list[str]
    conversation: list[dict[str, str]]
    facts: dict[str, list[str]] = {}
    """What our own tables and the CRM know, by topic."""
    talk: list[Spoken] = []
    """What was said, once it is over."""


class DeskView(_Value):
    """The call center as one desk sees it."""

    state: DeskState
    reason: str = ""
    since: float
    """Unix time."""
    extension: str
    card: Card | None = None
    call_state: HandOverState | None = None
    said: list[Spoken] = []
    """What is said on this desk's call, as it is heard."""
    queue: dict[str, int] = {}
    """Callers who wait, by department."""
    call_backs: int = 0
    """Grows with every change of the list of those to be called back."""


class DeskAction(StrEnum):
    """What the person at a desk does."""

    READY = "ready"
    NOT_READY = "not_ready"
    ACCEPT = "accept"
    DECLINE = "decline"
    HANG_UP = "hang_up"
    BLIND_TRANSFER = "blind_transfer"
    """Their telephone has given the caller to the extension in the text, where it rings now."""
    ATTENDED_TRANSFER = "attended_transfer"
    """The same, to a colleague with whom they have talked first."""
    LOST = "lost"
    """Their telephone is gone, in mid-call: the page was loaded anew."""


@dataclass(frozen=True, slots=True)
class DeskLogin:
    """A desk that is there, as its account says."""

    name: str
    display_name: str
    extension: str
    departments: tuple[str, ...]


class HandOvers(Protocol):
    """The hand-overs as a caller's session sees them. Each raises `HandOversUnavailable`."""

    async def begin_hand_over(self, order: HandOverRequest) -> None:
        """Begin a hand-over; one that is known goes on."""
        ...

    def follow_hand_over(self, transfer_id: str) -> AsyncGenerator[HandOverView, None]:
        """How it goes, until it is over; nothing for one that is not known."""
        ...

    async def request_call_back(self, order: HandOverRequest) -> None:
        """The caller of this hand-over wants to be called back."""
        ...

    async def leave_hand_over(self, transfer_id: str, *, hung_up: bool) -> None:
        """The caller does not want it any more."""
        ...
