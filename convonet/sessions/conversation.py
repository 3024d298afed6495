"""All that must outlive the process a session runs in: the body of its checkpoint."""

from __future__ import annotations

from pydantic import BaseModel

from convonet.agents.base import AgentType, CallBackWish, Caller, ChatMessage, Final, TransferContext
from convonet.ids import SessionId, TurnId, turn_id_of
from convonet.sessions.messages import Preferences
from convonet.sessions.transfer_orders import OngoingTransfer
from convonet.speech.base import Language

MAX_HISTORY = 40
"""Messages the agent gets to see: a spoken conversation rarely refers back further, and it bounds memory."""


class FinishedTurn(BaseModel):
    """The last turn, kept so that it can be told again without being done again.

    `last_seq` is the `seq` of its last message; a client that has less needs it repeated.
    """

    utterance_id: str
    turn_id: TurnId
    transcript: str
    answer: str
    agent_type: AgentType
    provider: str
    model: str
    last_seq: int
    transfer_marker: str | None = None
    call_back: CallBackWish | None = None
    transfer_context: TransferContext | None = None
    """What else its `Final` said; a turn that was stored by an earlier version has none of the three."""


class Conversation(BaseModel):
    """A session's state. Owned by its SessionActor; serialised after each turn."""

    session_id: SessionId
    caller: Caller
    began_at: float = 0.0
    """Unix time."""
    language: Language = Language("en-US")
    stt_provider: str | None = None
    tts_provider: str | None = None
    seq: int = 0
    history: tuple[ChatMessage, ...] = ()
    agent_type: AgentType | None = None
    memory: dict[str, str] = {}
    last_turn: FinishedTurn | None = None
    transfer: OngoingTransfer | None = None
    """The hand-over to a human that is going on."""
    _since: tuple[ChatMessage, ...] = ()
    """What was said outside a turn since the agent was asked last: its answer knows nothing of it."""
    _memory_since: dict[str, str] = {}

    def turn_id_of(self, utterance_id: str) -> TurnId:
        """See `convonet.ids.turn_id_of`."""
        return turn_id_of(self.session_id, utterance_id)

    def has_answered(self, utterance_id: str) -> bool:
        """Whether this utterance's turn is over."""
        return self.last_turn is not None and self.last_turn.utterance_id == utterance_id

    def ask_agent(self) -> None:
        """The agent gets to know the conversation as it is now; `remember` adds what comes before its answer."""
        self._since, self._memory_since = (), {}

    def remember(self, utterance_id: str, transcript: str, final: Final | None) -> None:
        """Note the end of a turn; `final` is None when it was cancelled or failed."""
        if final is not None:
            self.history = (*final.history, *self._since)[-MAX_HISTORY:]
            self.agent_type = final.agent_type
            self.memory = final.memory | self._memory_since
        self.last_turn = FinishedTurn(
            utterance_id=utterance_id,
            turn_id=self.turn_id_of(utterance_id),
            transcript=transcript,
            answer=final.text if final else "",
            agent_type=self.agent_type or "general",
            provider=final.provider if final else "",
            model=final.model if final else "",
            last_seq=self.seq,
            transfer_marker=final.transfer_marker if final else None,
            call_back=final.call_back if final else None,
            transfer_context=final.transfer_context if final else None,
        )

    def note(self, said: tuple[ChatMessage, ...], memory: dict[str, str]) -> None:
        """Remember what was said outside a turn, for the agent to know it."""
        self.history = (*self.history, *said)[-MAX_HISTORY:]
        self.memory = self.memory | memory
        self._since = (*self._since, *said)
        self._memory_since = self._memory_since | memory

    def choose(self, preferences: Preferences) -> None:
        """Take over what the client chose; what it left open stays."""
        self.language = preferences.language or self.language
        self.stt_provider = preferences.stt_provider or self.stt_provider
        self.tts_provider = preferences.tts_provider or self.tts_provider

    def to_checkpoint(self) -> bytes:
        """The state as bytes."""
        return self.model_dump_json().encode()

    @classmethod
    def from_checkpoint(cls, body: bytes) -> Conversation:
        """The state that `to_checkpoint` wrote."""
        return cls.model_validate_json(body)
