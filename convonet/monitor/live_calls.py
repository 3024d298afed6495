"""The calls of one voice replica as a supervisor sees them: caller, state, last words and transcript.

The sessions report each `CallEvent`; the reporter takes the changes since its last report.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from convonet.core.ids import SessionId
from convonet.monitor.messages import CallState, LiveCall, Who
from convonet.monitor.reports import CallReport
from convonet.monitor.transcript import LiveTranscript
from convonet.protocol.server import (
    AgentFinal,
    AgentStreamChunk,
    Announcement,
    ErrorMessage,
    Greeting,
    ProcessingStart,
    ServerMessage,
    ToolEvent,
    TranscriptFinal,
    TransferInitiated,
    TransferStatus,
)
from convonet.records.record import valid_unicode
from convonet.sessions.call_events import (
    AnswerAudioStarted,
    CallEnded,
    CallerConnected,
    CallerDisconnected,
    CallEvent,
    CallStarted,
    HumanTalkTranscribed,
    TurnEnded,
)
from convonet.sessions.conversation import Conversation

MAX_LAST_WORDS = 200
"""Characters of `last_words` in the list of calls."""

STATES: Mapping[str, CallState] = MappingProxyType(
    {
        "queued": CallState.WAITING,
        "dialing": CallState.WAITING,
        "ringing": CallState.WAITING,
        "connected": CallState.WITH_HUMAN,
    }
)
"""State of a call by the state of its hand-over."""


class LiveCalls:
    """All calls of this process."""

    def __init__(self, host: str, clock: Callable[[], float] = time.time) -> None:
        self._host = host
        self._clock = clock
        self._calls: dict[SessionId, _WatchedCall] = {}
        self._changed: dict[SessionId, None] = {}

    def watch(self, session_id: SessionId, event: CallEvent) -> None:
        """Apply an event to its call; this is a `CallObserver`."""
        if isinstance(event, CallStarted):
            self._calls[session_id] = _WatchedCall(event.conversation, self._host, self._clock)
        elif isinstance(event, CallEnded):
            self._calls.pop(session_id, None)
        elif (call := self._calls.get(session_id)) is not None:
            call.apply_event(event)
        else:
            return
        self._changed[session_id] = None

    def take_changes(self, *, everything: bool = False) -> tuple[CallReport, ...]:
        """Return the calls that have changed since the last time, or all calls with their whole transcripts."""
        ids = list(self._calls) if everything else list(self._changed)
        self._changed.clear()
        return tuple(self._report(session_id, everything=everything) for session_id in ids)

    @property
    def have_changed(self) -> bool:
        return bool(self._changed)

    def gauges(self) -> Mapping[str, float]:
        """See `ReadGauges`."""
        return {"turns_in_flight": sum(call.in_turn for call in self._calls.values())}

    def _report(self, session_id: SessionId, *, everything: bool) -> CallReport:
        watched = self._calls.get(session_id)
        if watched is None:
            return CallReport(session_id, None)
        entries = watched.transcript.take_changes(everything=everything)
        return CallReport(session_id, watched.call.model_copy(), entries)


class _WatchedCall:
    """The state of one call, kept up to date by its events."""

    def __init__(self, conversation: Conversation, host: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._is_connected = False
        self._hand_over_state: CallState | None = None
        self.in_turn = False
        self._speaking = False
        self._failed = False
        self.transcript = LiveTranscript(clock)
        now = clock()
        self.call = LiveCall(
            session_id=conversation.session_id,
            user_name=conversation.caller.user_name,
            state=CallState.AWAY,
            state_since=now,
            began_at=conversation.began_at or now,
            agent_type=conversation.agent_type,
            host=host,
        )
        for message in conversation.history:
            self._add_words("caller" if message.role == "user" else "agent", message.content)

    def apply_event(self, event: CallEvent) -> None:
        """Bring the call up to date."""
        match event:
            case CallerConnected():
                self._is_connected = True
            case CallerDisconnected():
                self._is_connected = False
            case AnswerAudioStarted():
                self._speaking = True
            case TurnEnded():
                self._end_turn()
            case HumanTalkTranscribed(sentences):
                for spoken in sentences[self.transcript.talk_sentences :]:
                    self._add_words("caller" if spoken.who == "caller" else "human", spoken.text)
                self.transcript.talk_sentences = max(len(sentences), self.transcript.talk_sentences)
            case ServerMessage():
                self._apply_message(event)
        self._update_state()

    def _apply_message(self, message: ServerMessage) -> None:
        match message:
            case ProcessingStart():
                self.in_turn, self._speaking, self._failed = True, False, False
            case AgentStreamChunk(text_chunk=text):
                self.transcript.extend_answer(text)
                self._set_last_words("agent", self.transcript.growing)
            case TranscriptFinal(text=text):
                self._add_words("caller", text)
            case AgentFinal(text=text, agent_type=agent_type):
                self.call.agent_type = agent_type
                self.transcript.close_answer(text)
                self._set_last_words("agent", text)
            case Greeting(text=text) | Announcement(text=text):
                self._add_words("agent", text)
            case ToolEvent():
                self.transcript.add_tool_event(message)
            case ErrorMessage():
                self._failed = self._failed or message.turn_id is not None
                self.transcript.add_entry("notice", message.message, failed=True)
            case TransferInitiated():
                self.call.department = message.department
            case TransferStatus():
                self._apply_hand_over(message)

    def _apply_hand_over(self, status: TransferStatus) -> None:
        self._hand_over_state = STATES.get(status.state)
        self.call.department = status.department if self._hand_over_state else None
        if status.state == "dialing":
            self.transcript.talk_sentences = 0
        notice = f"Hand-over to {status.department}: {status.state}"
        self.transcript.add_entry("notice", f"{notice} ({status.reason})" if status.reason else notice)

    def _end_turn(self) -> None:
        if self.in_turn:
            self.call.turns += 1
            self.call.failed_turns += self._failed
        self.in_turn = False
        self.transcript.end_turn()

    def _update_state(self) -> None:
        state = self._state()
        if state is not self.call.state:
            self.call.state, self.call.state_since = state, self._clock()

    def _state(self) -> CallState:
        if not self._is_connected:
            return CallState.AWAY
        if self._hand_over_state is CallState.WITH_HUMAN:
            return CallState.WITH_HUMAN
        if self.in_turn:
            return CallState.SPEAKING if self._speaking else CallState.THINKING
        return self._hand_over_state or CallState.READY

    def _add_words(self, who: Who, text: str) -> None:
        self.transcript.add_entry(who, text)
        self._set_last_words(who, text)

    def _set_last_words(self, who: Who, text: str) -> None:
        self.call.last_who, self.call.last_words = who, valid_unicode(text[:MAX_LAST_WORDS])
