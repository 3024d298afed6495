"""What passes between a voice replica and a session host.

Down goes one `Attach` per socket, then commands; up comes one stream of `HostEvent` per socket. All are small
picklable values: they cross a process border.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from convonet.errors import ErrorCode
from convonet.ids import SessionId
from convonet.records.record import TurnStatus
from convonet.speech.base import AudioFormat, Language
from convonet.telephony.messages import LineAddress


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a socket without a session identifies itself; `connection_id` is what attempts are counted by."""

    pin: str
    address: str
    connection_id: str

    def __repr__(self) -> str:
        return f"Credentials(pin=***, address={self.address!r}, connection_id={self.connection_id!r})"


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the client chose; None keeps the server's choice."""

    language: Language | None = None
    stt_provider: str | None = None
    tts_provider: str | None = None


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Create a session for whoever these credentials belong to."""

    credentials: Credentials
    preferences: Preferences = Preferences()


@dataclass(frozen=True, slots=True)
class ResumeSession:
    """Take up a session again. The voice replica has verified the right to it (a resume token, or its own socket).

    `last_seq` is the `seq` of the last message the client has received.
    """

    session_id: SessionId
    last_seq: int


Attach = OpenSession | ResumeSession


@dataclass(frozen=True, slots=True)
class SpokenUtterance:
    """A finished recording. `ended_at` is the Unix time at which its end arrived, `captured_s` its length; seconds."""

    utterance_id: str
    audio: bytes
    format: AudioFormat
    sample_rate: int
    ended_at: float
    captured_s: float = 0.0
    language: Language | None = None
    traceparent: str | None = None
    """The W3C trace context of the voice replica's span."""


@dataclass(frozen=True, slots=True)
class TypedUtterance:
    """A typed turn."""

    utterance_id: str
    text: str
    ended_at: float
    traceparent: str | None = None


AnyUtterance = SpokenUtterance | TypedUtterance


@dataclass(frozen=True, slots=True)
class CancelTurn:
    """Barge-in."""


@dataclass(frozen=True, slots=True)
class Choose:
    """Change who hears and who speaks."""

    preferences: Preferences


@dataclass(frozen=True, slots=True)
class StillThere:
    """The client is alive and has everything up to `last_seq`."""

    last_seq: int | None


@dataclass(frozen=True, slots=True)
class CancelTransfer:
    """The caller wants no human any more, or has talked enough with one."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller ends the session."""


Command = SpokenUtterance | TypedUtterance | CancelTurn | CancelTransfer | Choose | StillThere | HangUp


@dataclass(frozen=True, slots=True)
class Attached:
    """First event of a stream that was let in: where the session lives now."""

    session_id: SessionId
    host: str


@dataclass(frozen=True, slots=True)
class ToClient:
    """A server message, ready to send. `seq` is 0 for one that is never repeated."""

    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class UtteranceDone:
    """The session has done with this utterance: the voice replica may forget the audio. `status` is its turn's."""

    utterance_id: str
    status: TurnStatus = "success"


@dataclass(frozen=True, slots=True)
class LineChanged:
    """The caller talks with a human at this address; with None they do so no more."""

    line: LineAddress | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The caller was not let in; the stream ends here."""

    code: ErrorCode
    message: str
    retry_after_ms: int | None = None
    retryable: bool = False
    """Whether the same request may be let in a moment later, or by another host."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """Another socket took this session up; the stream ends here."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over; the stream ends here."""


class Delivery(StrEnum):
    """What became of a command."""

    ACCEPTED = "accepted"
    FULL = "full"
    """The session takes no more now."""
    NOT_HERE = "not_here"
    """The session does not live in this host."""


HostEvent = Attached | ToClient | UtteranceDone | LineChanged | Refused | Superseded | Ended
