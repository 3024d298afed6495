"""All that must outlive the process a session runs in: the body of its checkpoint."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from convonet.agents.base import CallBackRequest, ChatMessage, Final
from convonet.core.caller import AgentType, Caller
from convonet.core.hand_over import TransferContext
from convonet.core.ids import SessionId, TurnId, turn_id_of
from convonet.protocol.transfer_marker import to_marker
from convonet.sessions.hand_over_request import OngoingHandOver
from convonet.sessions.messages import AnyUtterance, AudioMode, Preferences, RecognizedUtterance, SpokenUtterance
from convonet.speech.base import AudioFormat, Language
from convonet.storage.versioned import Versioned

MAX_HISTORY = 40
"""Messages the agent gets to see: a spoken conversation rarely refers back further, and it bounds memory."""

MAX_ANSWERED = 4
"""Utterances whose ids are remembered: a client has at most this many without an answer."""


MAX_KEPT_AUDIO_BYTES = 400_000
"""50 s as a browser records, 12 s of PCM. A checkpoint may have 1 MB; only the client has a copy of a longer one."""


class KeptAudio(BaseModel):
    """A recording that is being recognized, as `SpokenUtterance` has it."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    audio: bytes
    format: AudioFormat
    sample_rate: int


class TurnInFlight(BaseModel):
    """The turn that is being answered, kept so that another process can repeat it. Times are Unix seconds."""

    utterance_id: str
    turn_number: int
    source: Literal["voice", "text"]
    ended_at: float
    captured_s: float = 0.0
    language: Language | None = None
    client_gives_again: bool = False
    """Whether the client keeps this utterance and gives it again, as long as no transcript is known."""
    recording: KeptAudio | None = None
    """Until the transcript is known; None for one that is too long to keep."""
    transcript: str | None = None
    stt_provider: str | None = None
    said: str = ""
    """What of the answer was sent to the client by then."""
    traceparent: str | None = None
    """The trace context of the turn, so that a repeated one stays in its trace."""

    @classmethod
    def of(cls, utterance: AnyUtterance, turn_number: int) -> TurnInFlight:
        """A turn that begins."""
        match utterance:
            case SpokenUtterance():
                return cls(
                    utterance_id=utterance.utterance_id,
                    turn_number=turn_number,
                    source="voice",
                    ended_at=utterance.ended_at,
                    captured_s=utterance.captured_s,
                    language=utterance.language,
                    client_gives_again=utterance.is_named_by_client,
                    recording=_kept(utterance),
                )
            case RecognizedUtterance():
                return cls(
                    utterance_id=utterance.utterance_id,
                    turn_number=turn_number,
                    source=utterance.source,
                    ended_at=utterance.ended_at,
                    captured_s=utterance.captured_s,
                    language=utterance.language,
                    transcript=utterance.text,
                    stt_provider=utterance.stt_provider,
                    said=utterance.said,
                    traceparent=utterance.traceparent,
                )
        return cls(
            utterance_id=utterance.utterance_id,
            turn_number=turn_number,
            source="text",
            ended_at=utterance.ended_at,
            transcript=utterance.text,
        )

    def set_transcript(self, transcript: str, stt_provider: str) -> None:
        """What was said is known: the recording is needed no more."""
        self.transcript, self.stt_provider, self.recording = transcript, stt_provider, None

    def utterance_to_repeat(self) -> RecognizedUtterance | SpokenUtterance | None:
        """The utterance from which this turn is repeated; None when only the client has it."""
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


def _kept(utterance: SpokenUtterance) -> KeptAudio | None:
    if len(utterance.audio) > MAX_KEPT_AUDIO_BYTES:
        return None
    return KeptAudio(audio=utterance.audio, format=utterance.format, sample_rate=utterance.sample_rate)


class FinishedTurn(BaseModel):
    """The last turn, kept so that it can be told again without being done again.

    `last_seq` is the `seq` of its last message; a client that has less needs it repeated.
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
    """What else its `Final` said; a turn that was stored by an earlier version has none of the three."""


class Conversation(Versioned):
    """A session's state. Owned by its SessionActor; serialised after each turn."""

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
    """Of the last turn that began; names it in the header of binary frames."""
    history: tuple[ChatMessage, ...] = ()
    agent_type: AgentType | None = None
    memory: dict[str, str] = Field(default_factory=dict)
    in_flight: TurnInFlight | None = None
    last_turn: FinishedTurn | None = None
    answered: tuple[str, ...] = ()
    """The utterances that were answered last."""
    transfer: OngoingHandOver | None = None
    """The hand-over to a human that is going on."""
    _since: tuple[ChatMessage, ...] = ()
    """What was said outside a turn since the agent was asked last: its answer knows nothing of it."""
    _memory_since: dict[str, str] = PrivateAttr(default_factory=dict)

    def turn_id_of(self, utterance_id: str) -> TurnId:
        """See `convonet.core.ids.turn_id_of`."""
        return turn_id_of(self.session_id, utterance_id)

    def has_answered(self, utterance_id: str) -> bool:
        """Whether this utterance's turn is over."""
        return utterance_id in self.answered

    def answered_last(self, utterance_id: str) -> bool:
        """Whether it was the last turn that is over, the one whose answer is known."""
        return self.last_turn is not None and self.last_turn.utterance_id == utterance_id

    @property
    def pending_utterance_id(self) -> str | None:
        """The utterance that is being answered, if it need not be given again, else the one answered last."""
        if self.in_flight is not None and (self.in_flight.transcript is not None or self.in_flight.recording):
            return self.in_flight.utterance_id
        return self.answered[-1] if self.answered else None

    def begin_turn(self, utterance: AnyUtterance, number: int | None = None) -> TurnInFlight:
        """Note that a turn begins; one that is repeated has the `number` that it had."""
        if number is None:
            self.turn_number = number = self.turn_number + 1
        self.in_flight = TurnInFlight.of(utterance, number)
        return self.in_flight

    def mark_agent_asked(self) -> None:
        """The agent gets to know the conversation as it is now; `remember` adds what comes before its answer."""
        self._since, self._memory_since = (), {}

    def remember(self, utterance_id: str, transcript: str, final: Final | None) -> None:
        """Note the end of a turn; `final` is None when it was cancelled or failed."""
        if final is not None:
            self.history = (*final.history, *self._since)[-MAX_HISTORY:]
            self.agent_type = final.agent_type
            self.memory = final.memory | self._memory_since
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
        """Remember what was said outside a turn, for the agent to know it."""
        self.history = (*self.history, *said)[-MAX_HISTORY:]
        self.memory = self.memory | memory
        self._since = (*self._since, *said)
        self._memory_since = self._memory_since | memory

    def apply_preferences(self, preferences: Preferences) -> None:
        """Take over what the client chose; what it left open stays."""
        self.language = preferences.language or self.language
        self.stt_provider = preferences.stt_provider or self.stt_provider
        self.tts_provider = preferences.tts_provider or self.tts_provider
        self.audio = preferences.audio or self.audio
