"""What the server sends over /webrtc/ws.

Every message carries `session_id` and `seq`. `seq` increases by one within a session and is what a resume counts
from; it is 0 on messages that belong to no session (before authentication) and on answers that are never repeated
(`heartbeat_ack`, `reconnect`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from convonet.core.caller import AgentType
from convonet.core.errors import ErrorCode


class ServerMessage(BaseModel):
    """Base of all server messages."""

    model_config = ConfigDict(extra="forbid")

    session_id: str = ""
    seq: int = 0


class TurnMessage(ServerMessage):
    """Base of the messages of one turn; a repeated turn has the same `turn_id`."""

    turn_id: str


class AuthRequired(ServerMessage):
    """First message on a socket: the client must authenticate. `pin_required` tells whether it needs a PIN."""

    type: Literal["auth_required"] = "auth_required"
    pin_required: bool = True


class AuthOk(ServerMessage):
    """The caller is known. `offline` names the parts that run on their embedded default."""

    type: Literal["auth_ok"] = "auth_ok"
    user_id: str
    user_name: str
    resume_token: str
    resumed: bool = False
    pending_utterance_id: str | None = None
    """After a resume: the utterance the server works on or answered last; the client need not send it again."""
    offline: list[Literal["stt", "tts", "agent", "database", "checkpoints"]] = []


class Greeting(ServerMessage):
    """Welcome, spoken; without audio when nobody can speak it."""

    type: Literal["greeting"] = "greeting"
    text: str
    data_b64: str | None = None
    mime_type: str | None = None


class Announcement(ServerMessage):
    """Something that is said outside a turn: how a hand-over goes; without audio when nobody can speak it."""

    type: Literal["announcement"] = "announcement"
    text: str
    data_b64: str | None = None
    mime_type: str | None = None


class Status(ServerMessage):
    """What goes on, in words."""

    type: Literal["status"] = "status"
    message: str
    turn_id: str | None = None


class ProcessingStart(TurnMessage):
    """The server has the utterance and works on it; the client may forget its copy."""

    type: Literal["processing_start"] = "processing_start"
    started_at_ts: float
    """Unix time, seconds."""
    utterance_id: str | None = None
    turn_number: int = 0
    """What names this turn in the header of binary frames."""


class AudioAck(ServerMessage):
    """What of an utterance has arrived: all slices up to `sequence`, none when it is -1.

    The client may forget nothing for it (a replica may die), but after a lost connection it gives again what follows.
    """

    type: Literal["audio_ack"] = "audio_ack"
    utterance_id: str
    sequence: int


class TranscriptPartial(TurnMessage):
    """What was heard so far."""

    type: Literal["transcript_partial"] = "transcript_partial"
    text: str
    is_final: Literal[False] = False


class TranscriptFinal(TurnMessage):
    """What was heard; leaves as soon as recognition is done."""

    type: Literal["transcript_final"] = "transcript_final"
    text: str
    is_final: Literal[True] = True


class AgentStreamChunk(TurnMessage):
    """A piece of the answer's text: its first sentence, then what came within 100 ms or up to a sentence's end."""

    type: Literal["agent_stream_chunk"] = "agent_stream_chunk"
    text_chunk: str
    is_final: bool = False


class ToolEvent(TurnMessage):
    """A tool at work; `label` is for people."""

    type: Literal["tool_event"] = "tool_event"
    tool: str
    phase: Literal["started", "finished", "failed"]
    label: str


class AgentFinal(TurnMessage):
    """The whole answer. `timings` are milliseconds since the end of the utterance, by stage."""

    type: Literal["agent_final"] = "agent_final"
    text: str
    transfer_marker: str | None = None
    agent_type: AgentType
    provider: str
    model: str
    timings: dict[str, float] = {}


class AudioChunkOut(TurnMessage):
    """One sentence group of the answer as a complete audio file, in order of `chunk_index`.

    The turn is over after the chunk with `is_final`; that one may be empty when the speech broke off.
    """

    type: Literal["audio_chunk"] = "audio_chunk"
    chunk_index: int
    data_b64: str
    mime_type: str
    is_final: bool
    total_chunks: int | None = None


class PlaybackStop(ServerMessage):
    """Barge-in: drop what is queued for playing. `turn_id` is the turn that was cancelled, if one was."""

    type: Literal["playback_stop"] = "playback_stop"
    turn_id: str | None = None


class TransferInitiated(ServerMessage):
    """A human is being called."""

    type: Literal["transfer_initiated"] = "transfer_initiated"
    department: str
    extension: str
    reason: str | None = None


class TransferStatus(ServerMessage):
    """How the hand-over goes. While it is `connected`, both sides send audio as binary frames: PCM16, 16 kHz, mono."""

    type: Literal["transfer_status"] = "transfer_status"
    state: Literal["queued", "dialing", "ringing", "connected", "ended", "failed"]
    department: str
    extension: str
    reason: str | None = None
    """Why it is over."""
    agent_name: str | None = None
    position: int | None = None
    """In the queue, from 1."""
    wait_s: float | None = None
    """About how long the queue will take."""


class HeartbeatAck(ServerMessage):
    """Answer to `heartbeat`."""

    type: Literal["heartbeat_ack"] = "heartbeat_ack"
    ts_ms: int


class Reconnect(ServerMessage):
    """This server is about to stop: connect again and resume, after `after_ms`."""

    type: Literal["reconnect"] = "reconnect"
    after_ms: int = 0


class ErrorMessage(ServerMessage):
    """Something was refused or failed; the socket stays open unless docs/protocol.md says otherwise."""

    type: Literal["error"] = "error"
    code: ErrorCode
    message: str
    retry_after_ms: int | None = None
    turn_id: str | None = None


AnyServerMessage = Annotated[
    AuthRequired
    | AuthOk
    | Greeting
    | Announcement
    | Status
    | ProcessingStart
    | AudioAck
    | TranscriptPartial
    | TranscriptFinal
    | AgentStreamChunk
    | ToolEvent
    | AgentFinal
    | AudioChunkOut
    | PlaybackStop
    | TransferInitiated
    | TransferStatus
    | HeartbeatAck
    | Reconnect
    | ErrorMessage,
    Field(discriminator="type"),
]

server_messages: TypeAdapter[AnyServerMessage] = TypeAdapter(AnyServerMessage)
