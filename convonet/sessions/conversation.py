"""The state of a session that must outlive its process: the body of its checkpoint."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from convonet.agents.base import CallBackRequest, ChatMessage, Final
from convonet.core.caller import AgentType, Caller
from convonet.core.hand_over import TransferContext
from convonet.core.ids import SessionId, TurnId, turn_id_of
from convonet.protocol.transfer_marker import to_marker
from convonet.sessions.hand_over_request import OngoingHandOver
from convonet.sessions.messages import (
    AnyUtterance,
    AudioMode,
    Preferences,
    RecognizedUtterance,
    SpokenUtterance,
    TypedUtterance,
)
from convonet.speech.base import AudioFormat, Language
from convonet.storage.versioned import Versioned

MAX_HISTORY = 40
"""Messages of history that the agent gets. A spoken conversation rarely refers back further, and memory is bounded."""

MAX_ANSWERED = 4
"""Ids of answered utterances that are remembered; a client has at most this many unanswered utterances."""

MAX_KEPT_AUDIO_BYTES = 400_000
"""50 s from a browser, or 12 s of PCM: a checkpoint is limited to 1 MB. A longer recording is not saved."""


class KeptAudio(BaseModel):
    """The recording of an utterance that has not been recognized yet; see `SpokenUtterance`."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    audio: bytes
    format: AudioFormat
    sample_rate: int


class TurnInFlight(BaseModel):
    """The turn in progress, saved so that another process can repeat it. Times are Unix seconds."""

    utterance_id: str
    turn_number: int
    source: Literal["voice", "text"]
    ended_at: float
    captured_s: float = 0.0
    language: Language | None = None
    client_gives_again: bool = False
    """True if the client can send this utterance again until it is recognized."""
    recording: KeptAudio | None = None
    """The recording until it is recognized; None when it is too long to save."""
    transcript: str | None = None
    stt_provider: str | None = None
    said: str = ""
    """The part of the answer that was sent to the client."""
    traceparent: str | None = None
    """The trace context of the turn, so that a repetition stays in the same trace."""

    @classmethod
    def of(cls, utterance: AnyUtterance, turn_number: int) -> TurnInFlight:
        """Build the state of a new turn."""
        id_, ended_at = utterance.utterance_id, utterance.ended_at
        turn = cls(utterance_id=id_, turn_number=turn_number, source="text", ended_at=ended_at)
        match utterance:
            case SpokenUtterance():
                turn.source, turn.captured_s, turn.language = "voice", utterance.captured_s, utterance.language
                turn.client_gives_again, turn.recording = utterance.is_named_by_client, _recording_to_save(utterance)
            case RecognizedUtterance():
                turn.source, turn.captured_s, turn.language = utterance.source, utterance.captured_s, utterance.language
                turn.transcript, turn.stt_provider = utterance.text, utterance.stt_provider
                turn.said, turn.traceparent = utterance.said, utterance.traceparent
            case TypedUtterance():
                turn.transcript = utterance.text
        return turn

    def set_transcript(self, transcript: str, stt_provider: str) -> None:
        """Store the transcript and drop the recording."""
        self.transcript, self.stt_provider, self.recording = transcript, stt_provider, None

    def utterance_to_repeat(self) -> RecognizedUtterance | SpokenUtterance | None:
        """Return the utterance from which this turn can be repeated, or None when only the client has it."""
        if self.transcript is None and self.recording is not None:
            return SpokenUtterance(
                self.utterance_id,
                self.recording.audio,
                self.recording.format,
                self.recording.sample_rate,
                self.ended_at,
                self.captured_s,
                self.language,
                self.client_gives_again,
            )
        if self.transcript is None:
            return None
        return RecognizedUtterance(
            self.utterance_id,
            self.transcript,
            self.ended_at,
            self.captured_s,
            self.stt_provider,
            self.source,
            self.language,
            self.said,
            self.traceparent,
        )


def _recording_to_save(utterance: SpokenUtterance) -> KeptAudio | None:
    if len(utterance.audio) > MAX_KEPT_AUDIO_BYTES:
        return None
    return KeptAudio(audio=utterance.audio, format=utterance.format, sample_rate=utterance.sample_rate)


class FinishedTurn(BaseModel):
    """The last turn, saved so that its answer can be repeated without asking the agent again.

    `last_seq` is the `seq` of its last message. A client that has received less gets the turn again.
    """

    utterance_id: str
    turn_id: TurnId
    turn_number: int = 0
    transcript: str
    answer: str
    agent_type: AgentType
    provider: str
    model: str
    last_seq: int
    transfer_marker: str | None = None
    call_back: CallBackRequest | None = None
    transfer_context: TransferContext | None = None
    """Like the two fields above, it comes from `Final`. A turn that an earlier release saved has none of the three."""


class Conversation(Versioned):
    """A session's state, owned by its `SessionActor` and saved at each step of a turn."""

    session_id: SessionId
    caller: Caller
    began_at: float = 0.0
    """Unix time."""
    language: Language = Language("en-US")
    stt_provider: str | None = None
    tts_provider: str | None = None
    audio: AudioMode = "files"
    seq: int = 0
    turn_number: int = 0
    """Number of the last turn that began; identifies it in the header of binary frames."""
    history: tuple[ChatMessage, ...] = ()
    agent_type: AgentType | None = None
    memory: dict[str, str] = Field(default_factory=dict)
    in_flight: TurnInFlight | None = None
    last_turn: FinishedTurn | None = None
    answered: tuple[str, ...] = ()
    """Ids of the utterances that were answered last."""
    transfer: OngoingHandOver | None = None
    """The hand-over in progress."""
    _messages_since_asked: tuple[ChatMessage, ...] = ()
    """Messages from outside a turn since the agent was last asked; its answer's history lacks them."""
    _memory_since_asked: dict[str, str] = PrivateAttr(default_factory=dict)

    def turn_id_of(self, utterance_id: str) -> TurnId:
        return turn_id_of(self.session_id, utterance_id)

    def has_answered(self, utterance_id: str) -> bool:
        """True if this utterance's turn is over."""
        return utterance_id in self.answered

    def answered_last(self, utterance_id: str) -> bool:
        """True if this utterance's turn was the last one, so that its answer can be repeated."""
        return self.last_turn is not None and self.last_turn.utterance_id == utterance_id

    @property
    def pending_utterance_id(self) -> str | None:
        """The utterance in progress if the client need not send it again, else the one answered last."""
        if self.in_flight is not None and (self.in_flight.transcript is not None or self.in_flight.recording):
            return self.in_flight.utterance_id
        return self.answered[-1] if self.answered else None

    def begin_turn(self, utterance: AnyUtterance, number: int | None = None) -> TurnInFlight:
        """Start a turn. A repeated turn passes the `number` that it had before."""
        if number is None:
            self.turn_number = number = self.turn_number + 1
        self.in_flight = TurnInFlight.of(utterance, number)
        return self.in_flight

    def mark_agent_asked(self) -> None:
        """Note that the agent is asked now: `remember` adds to its history what is said outside the turn meanwhile."""
        self._messages_since_asked, self._memory_since_asked = (), {}

    def remember(self, utterance_id: str, transcript: str, final: Final | None) -> None:
        """Store the outcome of a turn; `final` is None when the turn was cancelled or failed."""
        if final is not None:
            self.history = (*final.history, *self._messages_since_asked)[-MAX_HISTORY:]
            self.agent_type = final.agent_type
            self.memory = final.memory | self._memory_since_asked
        number = self.in_flight.turn_number if self.in_flight else self.turn_number
        self.in_flight = None
        self.answered = (*self.answered, utterance_id)[-MAX_ANSWERED:]
        self.last_turn = FinishedTurn(
            utterance_id=utterance_id,
            turn_id=self.turn_id_of(utterance_id),
            turn_number=number,
            transcript=transcript,
            answer=final.text if final else "",
            agent_type=self.agent_type or "general",
            provider=final.provider if final else "",
            model=final.model if final else "",
            last_seq=self.seq,
            transfer_marker=to_marker(final.hand_over) if final else None,
            call_back=final.call_back if final else None,
            transfer_context=final.transfer_context if final else None,
        )

    def add_outside_turn(self, said: tuple[ChatMessage, ...], memory: dict[str, str]) -> None:
        """Add what was said outside a turn to the history and the memory of the agent."""
        self.history = (*self.history, *said)[-MAX_HISTORY:]
        self.memory = self.memory | memory
        self._messages_since_asked = (*self._messages_since_asked, *said)
        self._memory_since_asked = self._memory_since_asked | memory

    def apply_preferences(self, preferences: Preferences) -> None:
        """Apply the client's preferences; those that are None keep their value."""
        self.language = preferences.language or self.language
        self.stt_provider = preferences.stt_provider or self.stt_provider
        self.tts_provider = preferences.tts_provider or self.tts_provider
        self.audio = preferences.audio or self.audio
