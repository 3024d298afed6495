"""The calls of one voice replica as a supervisor sees them: who, what state, the last words, and the transcript.

It watches the sessions (`CallEvent`) and keeps what has changed since the last report.
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
from convonet.records.record import readable
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

MOST_WORDS = 200
"""Characters of the last words in the list of calls."""

STATES: Mapping[str, CallState] = MappingProxyType(
    {
        "queued": CallState.WAITING,
        "dialing": CallState.WAITING,
        "ringing": CallState.WAITING,
        "connected": CallState.WITH_HUMAN,
    }
)
"""What a call is doing while its hand-over is in that state."""


class LiveCalls:
    """All calls of this process. `watch` takes what happens, `take` gives what has changed."""

    def __init__(self, host: str, clock: Callable[[], float] = time.time) -> None:
        self._host = host
        self._clock = clock
        self._calls: dict[SessionId, _WatchedCall] = {}
        self._changed: dict[SessionId, None] = {}

    def watch(self, session_id: SessionId, event: CallEvent) -> None:
        """See `Watch`."""
        if isinstance(event, CallStarted):
            self._calls[session_id] = _WatchedCall(event.conversation, self._host, self._clock)
        elif isinstance(event, CallEnded):
            self._calls.pop(session_id, None)
        elif (call := self._calls.get(session_id)) is not None:
            call.take(event)
        else:
            return
        self._changed[session_id] = None

    def take(self, *, everything: bool = False) -> tuple[CallReport, ...]:
        """What has changed since the last time, or all there is."""
        ids = list(self._calls) if everything else list(self._changed)
        self._changed.clear()
        return tuple(self._report(session_id, everything=everything) for session_id in ids)

    @property
    def has_news(self) -> bool:
        return bool(self._changed)

    def figures(self) -> Mapping[str, float]:
        """How they are doing."""
        return {"turns_in_flight": sum(call.in_turn for call in self._calls.values())}

    def _report(self, session_id: SessionId, *, everything: bool) -> CallReport:
        watched = self._calls.get(session_id)
        if watched is None:
            return CallReport(session_id, None)
        lines = watched.transcript.take(everything=everything)
        return CallReport(session_id, watched.call.model_copy(), lines)


class _WatchedCall:
    """One call."""

    def __init__(self, conversation: Conversation, host: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._here = False
        self._handing_over: CallState | None = None
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
            self._say("caller" if message.role == "user" else "agent", message.content)

    def take(self, event: CallEvent) -> None:
        """Note what happens."""
        match event:
            case CallerConnected():
                self._here = True
            case CallerDisconnected():
                self._here = False
            case AnswerAudioStarted():
                self._speaking = True
            case TurnEnded():
                self._end_turn()
            case HumanTalkTranscribed(said):
                for spoken in said[self.transcript.heard_of_talk :]:
                    self._say("caller" if spoken.who == "caller" else "human", spoken.text)
                self.transcript.heard_of_talk = max(len(said), self.transcript.heard_of_talk)
            case ServerMessage():
                self._take_message(event)
        self._settle()

    def _take_message(self, message: ServerMessage) -> None:
        match message:
            case ProcessingStart():
                self.in_turn, self._speaking, self._failed = True, False, False
            case AgentStreamChunk(text_chunk=text):
                self.transcript.grow(text)
                self._spoke("agent", self.transcript.growing)
            case TranscriptFinal(text=text):
                self._say("caller", text)
            case AgentFinal(text=text, agent_type=agent_type):
                self.call.agent_type = agent_type
                self.transcript.close(text)
                self._spoke("agent", text)
            case Greeting(text=text) | Announcement(text=text):
                self._say("agent", text)
            case ToolEvent():
                self.transcript.tool(message)
            case ErrorMessage():
                self._failed = self._failed or message.turn_id is not None
                self.transcript.add("notice", message.message, failed=True)
            case TransferInitiated():
                self.call.department = message.department
            case TransferStatus():
                self._hand_over(message)

    def _hand_over(self, status: TransferStatus) -> None:
        self._handing_over = STATES.get(status.state)
        self.call.department = status.department if self._handing_over else None
        if status.state == "dialing":
            self.transcript.heard_of_talk = 0
        words = f"Hand-over to {status.department}: {status.state}"
        self.transcript.add("notice", f"{words} ({status.reason})" if status.reason else words)

    def _end_turn(self) -> None:
        if self.in_turn:
            self.call.turns += 1
            self.call.failed_turns += self._failed
        self.in_turn = False
        self.transcript.end_turn()

    def _settle(self) -> None:
        state = self._state()
        if state is not self.call.state:
            self.call.state, self.call.state_since = state, self._clock()

    def _state(self) -> CallState:
        if not self._here:
            return CallState.AWAY
        if self._handing_over is CallState.WITH_HUMAN:
            return CallState.WITH_HUMAN
        if self.in_turn:
            return CallState.SPEAKING if self._speaking else CallState.THINKING
        return self._handing_over or CallState.READY

    def _say(self, who: Who, text: str) -> None:
        self.transcript.add(who, text)
        self._spoke(who, text)

    def _spoke(self, who: Who, text: str) -> None:
        self.call.last_who, self.call.last_words = who, readable(text[:MOST_WORDS])
