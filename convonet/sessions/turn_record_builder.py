"""Notes about a turn while it runs: its timings, and everything that its record contains."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from convonet.agents.base import Final, ToolFinished, ToolStarted
from convonet.core.errors import AgentTimeout, ConvonetError
from convonet.core.ids import TurnId
from convonet.core.status import Source, TurnStatus
from convonet.protocol.transfer_marker import to_marker
from convonet.records.record import RESULT_CHARACTERS, ToolCallRecord, TurnMetadata, TurnRecord
from convonet.sessions.conversation import Conversation

NOBODY = "none"
"""Recorded as provider and model of a turn without an answer."""


class TurnRecordBuilder:
    """The notes of one turn. Stages are milliseconds from the end of the utterance, except `capture_ms`, its length."""

    def __init__(
        self,
        turn_id: TurnId,
        conversation: Conversation,
        wall_clock: Callable[[], float],
        *,
        source: Source,
        ended_at: float,
        captured_s: float | None = None,
    ) -> None:
        """`ended_at` is the end of the utterance in Unix seconds, `captured_s` its length if it was spoken."""
        self._turn_id = turn_id
        self._conversation = conversation
        self._wall_clock = wall_clock
        self._ended_at = ended_at
        self.source: Source = source
        self._calls: dict[str, ToolCallRecord] = {}
        self._stt_provider: str | None = None
        self._tts_provider: str | None = None
        self._final: Final | None = None
        self._error: ConvonetError | None = None
        self._has_ended = False
        self.transcript = ""
        self.stages: dict[str, float] = {}
        if captured_s is not None:
            self.stages["capture_ms"] = round(captured_s * 1000, 1)

    def mark_stage(self, stage: str) -> None:
        """Note when a stage is reached for the first time."""
        self.stages.setdefault(stage, self._now_ms())

    def set_transcript(self, transcript: str, provider: str | None = None) -> None:
        """Note the transcript, and the STT provider if it was spoken."""
        self.transcript, self._stt_provider = transcript, provider

    def set_tts_provider(self, provider: str) -> None:
        """Note the TTS provider; the first one counts."""
        self._tts_provider = self._tts_provider or provider

    def add_tool_event(self, event: ToolStarted | ToolFinished) -> None:
        """Note a tool call or its result."""
        if isinstance(event, ToolStarted):
            self._calls[event.call_id] = ToolCallRecord(
                tool_name=event.tool,
                tool_id=event.call_id,
                arguments=event.arguments,
                elapsed_from_stop_ms=self._now_ms(),
            )
        elif (call := self._calls.get(event.call_id)) is not None:
            result = event.result[:RESULT_CHARACTERS]
            call.result, call.error = (result, None) if event.ok else (None, result)
            call.status = "success" if event.ok else "failed"
            call.duration_ms = event.duration_ms

    def set_answer(self, final: Final) -> None:
        """Note the answer."""
        self._final = final
        self.mark_stage("agent_ms")

    def set_error(self, error: ConvonetError) -> None:
        """Note an error; the first one counts."""
        self._error = self._error or error

    def mark_ended(self) -> None:
        """Note that the turn ended, successfully or not. Otherwise it counts as cancelled."""
        self._has_ended = True

    def build_record(self) -> TurnRecord:
        """Build the record from the notes so far."""
        final, t0, caller = self._final, self._ended_at, self._conversation.caller
        return TurnRecord(
            request_id=f"{self._conversation.session_id}:{self._turn_id}",
            user_id=caller.user_id,
            user_name=caller.user_name,
            timestamp=t0,
            datetime=datetime.fromtimestamp(t0, UTC).isoformat(),
            provider=final.provider if final else NOBODY,
            model=final.model if final else NOBODY,
            user_prompt=self.transcript,
            agent_response=final.text if final else "",
            tool_calls=list(self._calls.values()),
            status=self.status,
            duration_ms=self._now_ms(),
            error=str(self._error) if self._error else None,
            metadata=TurnMetadata(
                session_id=self._conversation.session_id,
                turn_id=self._turn_id,
                agent_type=(final.agent_type if final else self._conversation.agent_type) or "general",
                source=self.source,
                t0=t0,
                stt_provider=self._stt_provider,
                tts_provider=self._tts_provider,
                voice_timing=dict(self.stages),
                tokens_in=final.tokens_in if final else 0,
                tokens_out=final.tokens_out if final else 0,
                transfer_marker=to_marker(final.hand_over) if final else None,
            ),
        )

    @property
    def status(self) -> TurnStatus:
        if not self._has_ended:
            return "cancelled"
        if self._error is None:
            return "success"
        return "timeout" if isinstance(self._error, AgentTimeout) else "failed"

    def _now_ms(self) -> float:
        return round((self._wall_clock() - self._ended_at) * 1000, 1)
