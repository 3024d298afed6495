"""What passes between a caller's connection and their session: commands in, and out what the client is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from convonet.speech.base import AudioFormat, Language
from convonet.telephony.messages import MediaLegAddress

AudioMode = Literal["files", "stream"]
"""How a client hears answers: as complete files in JSON, or as binary frames with a header."""


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
    """What the client chose; None keeps what was chosen before."""

    language: Language | None = None
    stt_provider: str | None = None
    tts_provider: str | None = None
    audio: AudioMode | None = None


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
    is_named_by_client: bool = False
    """Whether the client knows this utterance by its id, and so gives it again when its turn is lost."""


@dataclass(frozen=True, slots=True)
class TypedUtterance:
    """A typed turn."""

    utterance_id: str
    text: str
    ended_at: float


@dataclass(frozen=True, slots=True)
class RecognizedUtterance:
    """What was recognized before the process with its turn was lost: the turn is repeated from here."""

    utterance_id: str
    text: str
    ended_at: float
    captured_s: float
    stt_provider: str | None
    source: Literal["voice", "text"]
    language: Language | None = None
    said: str = ""
    """What the caller was already answered, as far as the checkpoint knows."""
    traceparent: str | None = None
    """The trace context of the turn that is repeated."""


AnyUtterance = SpokenUtterance | TypedUtterance | RecognizedUtterance


@dataclass(frozen=True, slots=True)
class CancelTurn:
    """Barge-in."""


@dataclass(frozen=True, slots=True)
class Choose:
    """Change who recognizes, who speaks, and in which language."""

    preferences: Preferences


@dataclass(frozen=True, slots=True)
class CancelTransfer:
    """The caller wants no human any more, or has talked enough with one."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller ends the session."""


Command = SpokenUtterance | TypedUtterance | CancelTurn | CancelTransfer | Choose | HangUp


@dataclass(frozen=True, slots=True)
class ToClient:
    """A server message, ready to send. `seq` is 0 for one that is never repeated."""

    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class Sound:
    """A binary frame with its header, ready to send."""

    seq: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class LineChanged:
    """The caller talks with a human at this address; with None they do so no more."""

    line: MediaLegAddress | None


@dataclass(frozen=True, slots=True)
class ConnectAnew:
    """The caller is to come back on another connection; nobody speaks now."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """Another socket took this session up, here or in another process; nothing follows."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over; nothing follows."""


Outgoing = ToClient | Sound | LineChanged | ConnectAnew | Superseded | Ended
