"""Messages between a caller's connection and their session: commands in, output for the client out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from convonet.speech.base import AudioFormat, Language
from convonet.telephony.messages import MediaLegAddress

AudioMode = Literal["files", "stream"]
"""Format in which a client gets the audio of answers: complete files in JSON, or binary frames with a header."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The PIN of a socket without a session. Attempts are counted by `connection_id`."""

    pin: str
    address: str
    connection_id: str

    def __repr__(self) -> str:
        return f"Credentials(pin=***, address={self.address!r}, connection_id={self.connection_id!r})"


@dataclass(frozen=True, slots=True)
class Preferences:
    """The client's preferences; None keeps the previous value."""

    language: Language | None = None
    stt_provider: str | None = None
    tts_provider: str | None = None
    audio: AudioMode | None = None


@dataclass(frozen=True, slots=True)
class SpokenUtterance:
    """A finished recording. `ended_at` is the Unix time at which its end arrived, `captured_s` is its length."""

    utterance_id: str
    audio: bytes
    format: AudioFormat
    sample_rate: int
    ended_at: float
    captured_s: float = 0.0
    language: Language | None = None
    is_named_by_client: bool = False
    """True if the client chose the id, so that it can send the utterance again when its turn is lost."""


@dataclass(frozen=True, slots=True)
class TypedUtterance:
    """An utterance as text."""

    utterance_id: str
    text: str
    ended_at: float


@dataclass(frozen=True, slots=True)
class RecognizedUtterance:
    """An utterance that another process recognized before it died; its turn is repeated from the transcript."""

    utterance_id: str
    text: str
    ended_at: float
    captured_s: float
    stt_provider: str | None
    source: Literal["voice", "text"]
    language: Language | None = None
    said: str = ""
    """The part of the answer that was already sent, as far as the checkpoint knows."""
    traceparent: str | None = None
    """The trace context of the turn."""


AnyUtterance = SpokenUtterance | TypedUtterance | RecognizedUtterance


@dataclass(frozen=True, slots=True)
class CancelTurn:
    """Stop the turn in progress (barge-in)."""


@dataclass(frozen=True, slots=True)
class ChangePreferences:
    """Change the providers or the language."""

    preferences: Preferences


@dataclass(frozen=True, slots=True)
class CancelHandOver:
    """Cancel the hand-over, or end the talk with the human."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the session."""


Command = SpokenUtterance | TypedUtterance | CancelTurn | CancelHandOver | ChangePreferences | HangUp


@dataclass(frozen=True, slots=True)
class ToClient:
    """A serialized server message. `seq` is 0 for a message that is never repeated."""

    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class BinaryFrame:
    """A serialized binary frame with its header."""

    seq: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class MediaLegChanged:
    """The address of the human's audio has changed; None ends the talk."""

    address: MediaLegAddress | None


@dataclass(frozen=True, slots=True)
class ReconnectRequested:
    """Ask the client to reconnect, at a moment when nobody speaks."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """Another socket resumed this session, here or in another process. Nothing follows."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The session has ended. Nothing follows."""


Outgoing = ToClient | BinaryFrame | MediaLegChanged | ReconnectRequested | Superseded | Ended
