"""Messages between the host of the hand-overs and the sessions, media legs and desks that follow it.

A follower gets a stream of views. Each view is the whole state after a change, so a follower that was disconnected, or
that finds a restored host, needs no earlier view.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from convonet.core.caller import Proof
from convonet.core.hand_over import DeskState, EndReason, HandOverState, TransferContext
from convonet.core.ids import SessionId
from convonet.speech.base import Language


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True)


class HandOverRequest(_Value):
    """A caller's request for a human. The session makes the id, so that a repeated request counts once."""

    transfer_id: str
    session_id: SessionId
    department: str
    reason: str
    context: TransferContext
    language: Language = Language("en-US")
    phone: str = ""
    """Number that the caller gave for a callback, E.164; when empty, the number in the CRM is used."""


class MediaLegAddress(_Value):
    """Address of a media leg's audio: a TCP port, and the key to present there."""

    host: str
    port: int
    key: str


class Who(StrEnum):
    """Speaker of a transcript entry."""

    CALLER = "caller"
    HUMAN = "human"


class Spoken(_Value):
    """A transcript entry: one sentence of a talk, as it was recognized."""

    who: Who
    text: str


class HandOverView(_Value):
    """A hand-over as the caller's session sees it. Times are Unix times."""

    transfer_id: str
    state: HandOverState
    department: str
    extension: str = ""
    agent_name: str = ""
    """Display name of the person who talks with the caller."""
    position: int = 0
    """Place in the queue, from 1."""
    wait_s: float = 0.0
    """Estimated remaining wait."""
    absent: bool = False
    """True while nobody is working, so that the wait can't be estimated."""
    why: EndReason | None = None
    declined: list[str] = []
    """People who declined, each with their reason; not for the caller."""
    known_phone: str = ""
    """After a failure: the last four digits of the caller's number in the CRM; empty when it has none."""
    line: MediaLegAddress | None = None
    """Address of the audio while the two are connected."""
    said: list[Spoken] = []
    """Transcript so far."""
    summary: str = ""
    """Summary of the talk, once it is over."""
    asked_at: float = 0.0
    connected_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True, slots=True)
class MediaLegRequest:
    """A stream of a call that wants to be admitted; `key` comes from its TwiML."""

    transfer_id: str
    attempt: int
    key: str
    call_sid: str
    address: MediaLegAddress
    desk: str = ""
    """Account of the person whose page opened the stream; empty for a stream of the telephone's."""


class MediaLegAction(StrEnum):
    """State that a media leg has to be in."""

    WAIT = "wait"
    WHISPER = "whisper"
    JOIN = "join"
    HOLD = "hold"
    """The caller hears the hold tone, the desk nothing."""
    CONSULT = "consult"
    """The same, while the desk talks with a colleague."""
    CLOSE = "close"


class MediaLegView(_Value):
    """A hand-over as its media leg sees it."""

    order: MediaLegAction
    whisper: str
    """Text that the desk hears before the caller is connected."""
    language: Language
    colleague: MediaLegAddress | None = None
    """Address of the colleague's audio, for `CONSULT`."""
    transcribed: bool = True
    """False for the leg of a colleague who is asked first: nobody but the two hears that talk."""


class Card(_Value):
    """The caller and the reason of the call, as the desk shows them. All of it is plain text, never markup."""

    transfer_id: str
    name: str
    verified_by: Proof | None
    department: str
    reason: str
    summary: str
    open_items: list[str]
    conversation: list[dict[str, str]]
    facts: dict[str, list[str]] = {}
    """Facts from our own tables and the CRM, by topic."""
    talk: list[Spoken] = []
    """Transcript, once the talk is over."""


class DeskCall(_Value):
    """The call of a desk whose page carries the audio itself (the direct carrier)."""

    transfer_id: str
    attempt: int
    stream_key: str = ""
    """Opens the audio stream of this call once; a new key follows. Empty until the person has accepted the call."""
    held: bool = False
    consultation: Literal["none", "ringing", "talking"] = "none"
    """This desk's own call to a colleague, before it passes the caller on."""
    from_colleague: str = ""
    """Display name of the colleague who calls this desk before passing the caller on; empty for the caller's call."""


class DeskView(_Value):
    """The call center as one desk sees it. Times are Unix times."""

    state: DeskState
    reason: str = ""
    since: float
    extension: str
    card: Card | None = None
    call_state: HandOverState | None = None
    call: DeskCall | None = None
    """The call that rings or talks here; None while a telephone carries it."""
    said: list[Spoken] = []
    """Transcript of this desk's current or last talk."""
    queue: dict[str, int] = {}
    """Number of callers waiting, by department."""
    call_backs: int = 0
    """Version of the list of callbacks; it grows with every change."""


class DeskAction(StrEnum):
    """Action of the person at a desk."""

    READY = "ready"
    NOT_READY = "not_ready"
    ACCEPT = "accept"
    DECLINE = "decline"
    HANG_UP = "hang_up"
    BLIND_TRANSFER = "blind_transfer"
    """The telephone transferred the caller to the extension in the action's text, which rings now."""
    ATTENDED_TRANSFER = "attended_transfer"
    """The same, after talking with the colleague first."""
    HOLD = "hold"
    """Hold, resume and the consultation of a call that the desk's page carries; a telephone does them itself."""
    RESUME = "resume"
    CONSULT = "consult"
    """Call the colleague at the extension in the action's text, with the caller on hold."""
    END_CONSULTATION = "end_consultation"
    LOST = "lost"
    """The telephone was lost mid-call, because the page was reloaded."""


@dataclass(frozen=True, slots=True)
class DeskLogin:
    """A desk that connects, with the data of its staff account."""

    name: str
    display_name: str
    extension: str
    departments: tuple[str, ...]
    has_telephone: bool = False
    """True if the account has a telephone at the PBX; the page itself carries the audio of the others."""
