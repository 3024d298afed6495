"""What a client may send over /webrtc/ws: one model per message type, told apart by `type`.

Fields that an older client also sends (`session_id` on every message, `user_token`, `timestamp_ms`) are accepted and
ignored: who is calling is known from the socket.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

MAX_TEXT = 2_000
"""Characters of a typed turn: about two minutes of speech."""

Sequence = Annotated[int, Field(ge=0, le=2**31 - 1)]
UtteranceId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
LanguageTag = Annotated[str, Field(min_length=2, max_length=16, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Provider = Annotated[str, Field(max_length=32)]


class ClientMessage(BaseModel):
    """Base of all client messages."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Authenticate(ClientMessage):
    """Prove who is calling with a PIN, or take up a session again with its resume token."""

    type: Literal["authenticate"]
    pin: Annotated[str, Field(max_length=32)] | None = None
    session_id: Annotated[str, Field(max_length=128)] | None = None
    resume_token: Annotated[str, Field(max_length=2_048)] | None = None
    last_seq: Sequence | None = None
    """`seq` of the last server message the client has; later ones are sent again after a resume."""
    stt_provider: Provider | None = None
    tts_provider: Provider | None = None
    language: LanguageTag | None = None
    audio: Literal["files", "stream"] = "files"
    """How answers are heard: as complete audio files in `audio_chunk`, or as binary frames with a header (see
    `convonet.protocol.frames`) that leave as soon as the voice has made them."""


class StartRecording(ClientMessage):
    """Begin an utterance."""

    type: Literal["start_recording"]
    stt_mode: Literal["batch", "streaming"] = "batch"
    language: LanguageTag | None = None
    """Of this utterance; left out, the one of `authenticate`, and without that en-US."""
    utterance_id: UtteranceId | None = None
    """Made by the client; a repeated utterance with the same id is answered once. Sent again for a recording that the
    server still holds, it is answered by `audio_ack`, and the recording goes on after what that names."""
    format: Literal["webm", "pcm16"] = "webm"
    sample_rate: Annotated[int, Field(ge=8_000, le=48_000)] = 16_000
    """Hz; only for `pcm16`."""


class AudioChunk(ClientMessage):
    """A slice of the recording, base64; `audio_frame` is the same. A binary frame carries the bytes alone.

    `sequence` counts the slices of an utterance from 0; `audio_ack` names the last one that has arrived.
    """

    type: Literal["audio_chunk", "audio_frame"]
    sequence: Sequence = 0
    data_b64: str


class StopRecording(ClientMessage):
    """End the utterance: the turn begins. `end_utterance` is the same."""

    type: Literal["stop_recording", "end_utterance"]


class StreamReset(ClientMessage):
    """Drop what was recorded so far."""

    type: Literal["stream_reset"]


class Cancel(ClientMessage):
    """Barge-in: stop recording, recognising, thinking, acting (where it may be stopped) and speaking."""

    type: Literal["cancel"]


class TextInput(ClientMessage):
    """A typed turn."""

    type: Literal["text_input"]
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
    utterance_id: UtteranceId | None = None


class TransferRequest(ClientMessage):
    """Ask for a human without saying it."""

    type: Literal["transfer_request"]
    department: Annotated[str, Field(max_length=64)] | None = None
    extension: Annotated[str, Field(max_length=32)] | None = None
    reason: Annotated[str, Field(max_length=500)] | None = None


class TransferCancel(ClientMessage):
    """Never mind the human; ends a talk with one too."""

    type: Literal["transfer_cancel"]


class VoiceProviders(ClientMessage):
    """Choose who hears and who speaks for the rest of the session."""

    type: Literal["voice_providers"]
    stt_provider: Provider | None = None
    tts_provider: Provider | None = None


class Heartbeat(ClientMessage):
    """Sign of life; answered by `heartbeat_ack`. `last_seq` lets the server forget what has arrived."""

    type: Literal["heartbeat"]
    ts_ms: Annotated[int, Field(ge=0, le=2**53)]
    last_seq: Sequence | None = None


class Hangup(ClientMessage):
    """End the session for good."""

    type: Literal["hangup"]


AnyClientMessage = Annotated[
    Authenticate
    | StartRecording
    | AudioChunk
    | StopRecording
    | StreamReset
    | Cancel
    | TextInput
    | TransferRequest
    | TransferCancel
    | VoiceProviders
    | Heartbeat
    | Hangup,
    Field(discriminator="type"),
]

client_messages: TypeAdapter[AnyClientMessage] = TypeAdapter(AnyClientMessage)
