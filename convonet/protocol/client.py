"""The messages of clients on /webrtc/ws: one model per message type, in a union discriminated by `type`.

Fields that only older clients send (`session_id` on every message, `user_token`, `timestamp_ms`) are ignored: the
socket identifies the caller.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

MAX_TEXT_LENGTH = 2_000
"""Characters of a typed turn, which take about two minutes to say."""

Sequence = Annotated[int, Field(ge=0, le=2**31 - 1)]
UtteranceId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
LanguageTag = Annotated[str, Field(min_length=2, max_length=16, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Provider = Annotated[str, Field(max_length=32)]


class ClientMessage(BaseModel):
    """Base of all client messages."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Authenticate(ClientMessage):
    """Authenticate with a PIN, or resume a session with its resume token."""

    type: Literal["authenticate"]
    pin: Annotated[str, Field(max_length=32)] | None = None
    session_id: Annotated[str, Field(max_length=128)] | None = None
    resume_token: Annotated[str, Field(max_length=2_048)] | None = None
    last_seq: Sequence | None = None
    """`seq` of the last server message that the client has; later ones are sent again after a resume."""
    stt_provider: Provider | None = None
    tts_provider: Provider | None = None
    language: LanguageTag | None = None
    audio: Literal["files", "stream"] = "files"
    """Format of answers: complete audio files in `audio_chunk`, or binary frames with a header (see
    `convonet.protocol.frames`), each sent as soon as it is synthesized."""


class StartRecording(ClientMessage):
    """Begin an utterance."""

    type: Literal["start_recording"]
    stt_mode: Literal["batch", "streaming"] = "batch"
    language: LanguageTag | None = None
    """Language of this utterance; by default that of `authenticate`, else en-US."""
    utterance_id: UtteranceId | None = None
    """Chosen by the client; utterances with the same id are answered once. When the server still has a recording with
    this id, it answers with `audio_ack`, and the recording goes on after the slice named there."""
    format: Literal["webm", "pcm16"] = "webm"
    sample_rate: Annotated[int, Field(ge=8_000, le=48_000)] = 16_000
    """Hz; only for `pcm16`."""


class AudioChunk(ClientMessage):
    """A slice of the recording in base64; `audio_frame` is the same. A binary frame carries the bytes alone.

    `sequence` counts the slices of an utterance from 0; `audio_ack` confirms them.
    """

    type: Literal["audio_chunk", "audio_frame"]
    sequence: Sequence = 0
    data_b64: str


class StopRecording(ClientMessage):
    """End the utterance and begin the turn; `end_utterance` is the same."""

    type: Literal["stop_recording", "end_utterance"]


class StreamReset(ClientMessage):
    """Drop the recording so far."""

    type: Literal["stream_reset"]


class Cancel(ClientMessage):
    """Barge-in: stop recording, STT, the agent, its tools (where possible) and TTS."""

    type: Literal["cancel"]


class TextInput(ClientMessage):
    """A typed turn."""

    type: Literal["text_input"]
    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT_LENGTH)]
    utterance_id: UtteranceId | None = None


class TransferRequest(ClientMessage):
    """Ask for a human by a button instead of by voice."""

    type: Literal["transfer_request"]
    department: Annotated[str, Field(max_length=64)] | None = None
    extension: Annotated[str, Field(max_length=32)] | None = None
    reason: Annotated[str, Field(max_length=500)] | None = None


class TransferCancel(ClientMessage):
    """Cancel the hand-over, or end the talk with a human."""

    type: Literal["transfer_cancel"]


class VoiceProviders(ClientMessage):
    """Choose the STT and TTS providers for the rest of the session."""

    type: Literal["voice_providers"]
    stt_provider: Provider | None = None
    tts_provider: Provider | None = None


class Heartbeat(ClientMessage):
    """Keep-alive, answered by `heartbeat_ack`. `last_seq` lets the server drop delivered messages."""

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
