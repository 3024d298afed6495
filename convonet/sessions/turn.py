"""One turn: an utterance in, transcript, answer and audio out. Cancelling its task cancels everything it started."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from convonet.agents.base import DomainChosen, Final, TextDelta, ToolFinished, ToolStarted, TurnRequest
from convonet.errors import AgentError, AgentTimeout, ConvonetError, SpeechUnavailable
from convonet.ids import TurnId
from convonet.protocol.server import (
    AgentFinal,
    AudioChunkOut,
    ErrorMessage,
    ProcessingStart,
    ServerMessage,
    Status,
    ToolEvent,
    TranscriptFinal,
)
from convonet.records.record import TurnRecord, TurnStatus
from convonet.sessions.conversation import Conversation
from convonet.sessions.happenings import AnswerGrew
from convonet.sessions.messages import AnyUtterance, SpokenUtterance
from convonet.sessions.services import Services
from convonet.sessions.speaking import Speaker
from convonet.sessions.turn_log import TurnLog
from convonet.speech.base import Language, Utterance
from convonet.tracing.spans import Span, span

log = structlog.get_logger(__name__)

Emit = Callable[[ServerMessage], None]


@dataclass(frozen=True, slots=True)
class TurnOutcome:
    """What the turn leaves behind; `final` is None when no answer was given."""

    transcript: str
    final: Final | None
    status: TurnStatus


class Turn:
    """Runs one utterance through recognition, agent and voice."""

    def __init__(
        self, turn_id: TurnId, utterance: AnyUtterance, conversation: Conversation, services: Services, emit: Emit
    ) -> None:
        self._turn_id = turn_id
        self._utterance = utterance
        self._conversation = conversation
        self._services = services
        self._log = TurnLog(turn_id, utterance, conversation, services.wall_clock)
        self._emit_message = emit
        self._chunks_sent = 0
        self._final: Final | None = None

    async def run(self) -> TurnOutcome:
        """Run the turn to its end. Failures are told to the caller in words, on screen and aloud; none is raised."""
        session_id, source = self._conversation.session_id, self._log.source
        with span(
            "turn",
            kind="server",
            parent=self._utterance.traceparent,
            session_id=session_id,
            turn_id=self._turn_id,
            source=source,
        ) as turning:
            try:
                await self._run()
                self._log.ended()
            finally:
                record = self._log.record()
                self._services.record(record)
                _tell(turning, record)
        # an answer that was given counts, whatever went wrong after it
        return TurnOutcome(self._log.transcript, self._final, record.status)

    async def _run(self) -> None:
        self._log.mark("begun_ms")
        self._emit(
            ProcessingStart(
                turn_id=self._turn_id, started_at_ts=self._utterance.ended_at, utterance_id=self._utterance.utterance_id
            )
        )
        try:
            await self._hear()
            log.debug("heard", words=self._log.transcript)
            self._emit(TranscriptFinal(turn_id=self._turn_id, text=self._log.transcript))
            await self._answer()
        except ConvonetError as error:
            log.warning("turn_failed", error=str(error), kind=type(error).__name__)
            await self._apologise(error)
        except Exception:
            # the top of the turn's task: whatever went wrong, the caller must hear of it
            log.exception("turn_crashed")
            await self._apologise(ConvonetError())

    async def _hear(self) -> None:
        if not isinstance(self._utterance, SpokenUtterance):
            self._log.heard(self._utterance.text)
            return
        ear = self._services.ear(self._conversation.stt_provider)
        self._emit(Status(message="Transcribing…", turn_id=self._turn_id))
        recording = Utterance(self._utterance.audio, self._utterance.format, self._utterance.sample_rate)
        language = self._language
        try:
            with span("hear", provider=ear.name) as hearing:
                async with asyncio.timeout(self._services.timeouts.hear):
                    heard = await ear.transcribe(recording, language=language)
                hearing.set(provider=heard.provider)
        except TimeoutError:
            raise SpeechUnavailable(f"{ear.name} did not answer in time") from None
        self._log.mark("stt_ms")
        self._log.heard(heard.text, heard.provider)
        if heard.provider != ear.name:
            message = f"{ear.name} is not answering; {heard.provider} listens instead."
            self._emit(Status(message=message, turn_id=self._turn_id))

    async def _answer(self) -> None:
        self._emit(Status(message="Please wait…", turn_id=self._turn_id))
        try:
            async with asyncio.TaskGroup() as group:
                speaker = self._speaker(group)
                talking = group.create_task(speaker.run())
                await self._think(speaker)
                speaker.finish()
                await talking
        except* ConvonetError as failures:
            raise _first(failures) from None

    async def _think(self, speaker: Speaker) -> None:
        with span("think", kind="client") as thinking:
            await self._ask(self._request(thinking.traceparent), speaker)

    def _request(self, traceparent: str | None) -> TurnRequest:
        conversation = self._conversation
        conversation.ask_agent()
        return TurnRequest(
            session_id=conversation.session_id,
            turn_id=self._turn_id,
            caller=conversation.caller,
            transcript=self._log.transcript,
            history=conversation.history,
            agent_type=conversation.agent_type,
            memory=conversation.memory,
            language=self._language,
            traceparent=traceparent,
        )

    async def _ask(self, request: TurnRequest, speaker: Speaker) -> None:
        try:
            async with (
                asyncio.timeout(self._services.timeouts.think),
                contextlib.aclosing(self._services.agent.turn(request)) as events,
            ):
                async for event in events:
                    match event:
                        case DomainChosen():
                            self._log.mark("agent_start_ms")
                        case TextDelta(text):
                            self._log.mark("first_token_ms")
                            speaker.feed(text)
                            self._services.watch(request.session_id, AnswerGrew(text))
                        case ToolStarted() | ToolFinished():
                            self._log.tool(event)
                            self._emit(_tool_event(self._turn_id, event))
                        case Final():
                            self._finish(event)
                            return
        except TimeoutError:
            raise AgentTimeout("the agent did not answer in time") from None
        raise AgentError("the agent's stream ended without an answer")

    def _finish(self, final: Final) -> None:
        self._final = final
        self._log.answered(final)
        log.debug("answered", words=final.text)
        self._emit(
            AgentFinal(
                turn_id=self._turn_id,
                text=final.text,
                transfer_marker=final.transfer_marker,
                agent_type=final.agent_type,
                provider=final.provider,
                model=final.model,
                timings=dict(self._log.stages),
            )
        )

    async def _apologise(self, error: ConvonetError) -> None:
        self._log.failed(error)
        self._emit(ErrorMessage(code=error.code, message=error.spoken, turn_id=self._turn_id))
        async with asyncio.TaskGroup() as group:
            speaker = self._speaker(group)
            speaker.feed(error.spoken)
            speaker.finish()
            await speaker.run()

    @property
    def _language(self) -> Language:
        spoken = self._utterance.language if isinstance(self._utterance, SpokenUtterance) else None
        return spoken or self._conversation.language

    def _speaker(self, group: asyncio.TaskGroup) -> Speaker:
        conversation = self._conversation
        return Speaker(
            self._services.voice(conversation.tts_provider),
            self._language,
            self._turn_id,
            self._emit,
            timeout_s=self._services.timeouts.speak,
            first_index=self._chunks_sent,
            note=self._log,
            group=group,
        )

    def _emit(self, message: ServerMessage) -> None:
        if isinstance(message, AudioChunkOut):
            self._chunks_sent += 1
            self._log.mark("first_audio_ms")
            if message.is_final:
                self._log.mark("last_audio_ms")
        self._emit_message(message)


def _tell(span: Span, record: TurnRecord) -> None:
    """What the trace says of a turn."""
    span.status = record.status
    span.set(agent_type=record.metadata.agent_type, provider=record.provider, model=record.model)
    span.words(transcript=record.user_prompt, answer=record.agent_response)


def _tool_event(turn_id: str, event: ToolStarted | ToolFinished) -> ToolEvent:
    if isinstance(event, ToolStarted):
        return ToolEvent(turn_id=turn_id, tool=event.tool, phase="started", label=event.label)
    return ToolEvent(turn_id=turn_id, tool=event.tool, phase="finished" if event.ok else "failed", label=event.label)


def _first(failures: BaseExceptionGroup[ConvonetError]) -> ConvonetError:
    failure = failures.exceptions[0]
    return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure
