"""The messages of the server on /webrtc/ws.

Every message has `session_id` and `seq`. `seq` increases by one within a session, and a resume continues from it; it is
0 on messages before authentication and on those that are never sent again (`heartbeat_ack`, `reconnect`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

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
    """First message on a socket: the client must authenticate, with a PIN if `pin_required`."""

    type: Literal["auth_required"] = "auth_required"
    pin_required: bool = True


class AuthOk(ServerMessage):
    """The caller is authenticated. `offline` lists the components that run on their embedded default."""

    type: Literal["auth_ok"] = "auth_ok"
    user_id: str
    user_name: str
    resume_token: str
    resumed: bool = False
    pending_utterance_id: str | None = None
    """After a resume: the utterance in progress or answered last, which the client need not send again."""
    offline: list[Literal["stt", "tts", "agent", "database", "checkpoints"]] = []


class Greeting(ServerMessage):
    """Spoken welcome; without audio when TTS is unavailable."""

    type: Literal["greeting"] = "greeting"
    text: str
    data_b64: str | None = None
    mime_type: str | None = None


class Announcement(ServerMessage):
    """Speech outside a turn, such as the progress of a hand-over; without audio when TTS is unavailable."""

    type: Literal["announcement"] = "announcement"
    text: str
    data_b64: str | None = None
    mime_type: str | None = None


class Status(ServerMessage):
    """Progress, in words."""

    type: Literal["status"] = "status"
    message: str
    turn_id: str | None = None


class ProcessingStart(TurnMessage):
    """The server has the utterance and processes it; the client may drop its copy."""

    type: Literal["processing_start"] = "processing_start"
    started_at_ts: float
    """Unix time, seconds."""
    utterance_id: str | None = None
    turn_number: int = 0
    """This turn's number in the header of binary frames."""


class AudioAck(ServerMessage):
    """All slices of an utterance up to `sequence` have arrived; none when it is -1.

    The client must still keep them, since a replica may die. After a reconnect it sends the slices that follow.
    """

    type: Literal["audio_ack"] = "audio_ack"
    utterance_id: str
    sequence: int


class TranscriptPartial(TurnMessage):
    """The transcript so far."""

    type: Literal["transcript_partial"] = "transcript_partial"
    text: str
    is_final: Literal[False] = False


class TranscriptFinal(TurnMessage):
    """The final transcript, sent as soon as STT is done."""

    type: Literal["transcript_final"] = "transcript_final"
    text: str
    is_final: Literal[True] = True


class AgentStreamChunk(TurnMessage):
    """A piece of the answer's text: its first sentence, then what came within 100 ms or up to a sentence's end."""

    type: Literal["agent_stream_chunk"] = "agent_stream_chunk"
    text_chunk: str
    is_final: bool = False


class ToolEvent(TurnMessage):
    """Progress of a tool call; `label` is for people."""

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
    """A group of sentences of the answer as a complete audio file, in order of `chunk_index`.

    The chunk with `is_final` ends the turn; it may be empty when TTS failed in between.
    """

    type: Literal["audio_chunk"] = "audio_chunk"
    chunk_index: int
    data_b64: str
    mime_type: str
    is_final: bool
    total_chunks: int | None = None


class PlaybackStop(ServerMessage):
    """Barge-in: drop all queued audio. `turn_id` is the cancelled turn, if any."""

    type: Literal["playback_stop"] = "playback_stop"
    turn_id: str | None = None


class TransferInitiated(ServerMessage):
    """A human is being called."""

    type: Literal["transfer_initiated"] = "transfer_initiated"
    department: str
    extension: str
    reason: str | None = None


class TransferStatus(ServerMessage):
    """State of the hand-over. While it is `connected`, both sides send binary frames with PCM16, 16 kHz, mono."""

    type: Literal["transfer_status"] = "transfer_status"
    state: Literal["queued", "dialing", "ringing", "connected", "ended", "failed"]
    department: str
    extension: str
    reason: str | None = None
    """Reason of its end."""
    agent_name: str | None = None
    position: int | None = None
    """Position in the queue, from 1."""
    wait_s: float | None = None
    """Estimated wait in the queue, in seconds."""


class HeartbeatAck(ServerMessage):
    """Answer to `heartbeat`."""

    type: Literal["heartbeat_ack"] = "heartbeat_ack"
    ts_ms: int


class Reconnect(ServerMessage):
    """The server is about to stop: reconnect and resume after `after_ms`."""

    type: Literal["reconnect"] = "reconnect"
    after_ms: int = 0


class ErrorMessage(ServerMessage):
    """A refusal or failure; the socket stays open unless docs/protocol.md says otherwise."""

    type: Literal["error"] = "error"
    code: ErrorCode
    message: str
    retry_after_ms: int | None = None
    turn_id: str | None = None
