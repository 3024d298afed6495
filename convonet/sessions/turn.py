"""One turn: recognizes an utterance, asks the agent, speaks the answer. Cancelling its task cancels all of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

import structlog

from convonet.agents.base import AgentEvent, DomainChosen, Final, TextDelta, ToolFinished, ToolStarted, TurnRequest
from convonet.core.errors import AgentError, AgentTimeout, ConvonetError, Fenced, SpeechUnavailable
from convonet.core.ids import TurnId
from convonet.core.status import TurnStatus
from convonet.protocol.server import (
    AgentFinal,
    AgentStreamChunk,
    ErrorMessage,
    PlaybackStop,
    ProcessingStart,
    Status,
    ToolEvent,
    TranscriptFinal,
)
from convonet.protocol.transfer_marker import to_marker
from convonet.sessions.answer_audio import AnswerAudio, Emit, EmitAudio
from convonet.sessions.call_events import AnswerAudioStarted
from convonet.sessions.conversation import Conversation, TurnInFlight
from convonet.sessions.messages import AnyUtterance, SpokenUtterance
from convonet.sessions.services import SessionServices
from convonet.sessions.speaking import Speaker, speaker_for
from convonet.sessions.turn_record_builder import TurnRecordBuilder
from convonet.speech.base import Language, Utterance
from convonet.tracing.spans import span

log = structlog.get_logger(__name__)


class CheckpointLease(Protocol):
    """The session's lease on its checkpoint; implemented by `actors.lease`."""

    def save(self) -> None:
        """Save the checkpoint in the background."""
        ...

    async def confirm_if_reachable(self) -> None:
        """Raise `Fenced` if a newer copy of the session exists; return while that is unknown."""
        ...

    def run_when_confirmed(self, act: Callable[[], None]) -> None:
        """Run `act` unless a newer copy of the session exists."""
        ...


@dataclass(frozen=True, slots=True)
class TurnOutcome:
    """The result of a turn; `final` is None when there was no answer."""

    transcript: str
    final: Final | None
    status: TurnStatus


class Turn:
    """Runs one utterance through STT, agent and TTS."""

    def __init__(
        self,
        turn_id: TurnId,
        conversation: Conversation,
        in_flight: TurnInFlight,
        services: SessionServices,
        *,
        emit: Emit,
        emit_audio: EmitAudio,
        lease: CheckpointLease,
    ) -> None:
        """`in_flight` is this turn's part of the checkpoint."""
        self._turn_id = turn_id
        self._conversation = conversation
        self._in_flight = in_flight
        self._services = services
        self._lease = lease
        self._log = TurnRecordBuilder(
            turn_id,
            conversation,
            services.wall_clock,
            source=in_flight.source,
            ended_at=in_flight.ended_at,
            captured_s=in_flight.captured_s if in_flight.source == "voice" else None,
        )
        self._emit = emit
        self._audio = AnswerAudio(
            turn_id,
            in_flight.turn_number,
            emit,
            emit_audio,
            notes=self._log,
            on_first=lambda: services.observe_call(conversation.session_id, AnswerAudioStarted()),
        )
        self._said_before = in_flight.said
        self._final: Final | None = None

    async def run(self, utterance: AnyUtterance) -> TurnOutcome:
        """Answer an utterance. The caller is told about a failure on screen and aloud.

        Raises `Fenced` when a newer copy of the session has the caller.
        """
        with self._recorded():
            self._log.mark_stage("begun_ms")
            self._emit_start()
            try:
                if isinstance(utterance, SpokenUtterance):
                    await self._recognize(utterance)
                else:
                    self._log.set_transcript(utterance.text, self._in_flight.stt_provider)
                log.debug("heard", words=self._log.transcript)
                self._emit(TranscriptFinal(turn_id=self._turn_id, text=self._log.transcript))
                await self._lease.confirm_if_reachable()
                await self._answer()
            except Fenced:
                raise
            except ConvonetError as error:
                log.warning("turn_failed", error=str(error), kind=type(error).__name__)
                await self._apologize(error)
            except Exception:
                # the top of the turn's task: the caller must be told about any failure
                log.exception("turn_crashed")
                await self._apologize(ConvonetError())
        # an answer that was given counts, even if something failed after it
        return TurnOutcome(self._log.transcript, self._final, self._log.status)

    @contextlib.contextmanager
    def _recorded(self) -> Generator[None, None, None]:
        """Trace and record the turn, whether it ends or is cancelled."""
        with span(
            "turn",
            kind="server",
            parent=self._in_flight.traceparent,
            begins_trace=True,
            session_id=self._conversation.session_id,
            turn_id=self._turn_id,
            source=self._log.source,
        ) as turn_span:
            self._in_flight.traceparent = turn_span.traceparent
            try:
                yield
                self._log.mark_ended()
            finally:
                record = self._log.build_record()
                self._lease.run_when_confirmed(lambda: self._services.record(record))
                turn_span.status = record.status
                turn_span.set(agent_type=record.metadata.agent_type, provider=record.provider, model=record.model)
                turn_span.words(transcript=record.user_prompt, answer=record.agent_response)

    def _emit_start(self) -> None:
        self._emit(
            ProcessingStart(
                turn_id=self._turn_id,
                started_at_ts=self._in_flight.ended_at,
                utterance_id=self._in_flight.utterance_id,
                turn_number=self._audio.turn_number,
            )
        )

    async def _recognize(self, utterance: SpokenUtterance) -> None:
        stt = self._services.stt(self._conversation.stt_provider)
        self._emit(Status(message="Transcribing…", turn_id=self._turn_id))
        recording = Utterance(utterance.audio, utterance.format, utterance.sample_rate)
        try:
            with span("hear", provider=stt.name) as stt_span:
                async with asyncio.timeout(self._services.timeouts.stt_s):
                    transcript = await stt.transcribe(recording, language=self._language)
                stt_span.set(provider=transcript.provider)
        except TimeoutError:
            raise SpeechUnavailable(f"{stt.name} did not answer in time") from None
        self._log.mark_stage("stt_ms")
        self._log.set_transcript(transcript.text, transcript.provider)
        # another process can repeat the turn from here
        self._in_flight.set_transcript(transcript.text, transcript.provider)
        self._lease.save()
        if transcript.provider != stt.name:
            message = f"{stt.name} is not answering; {transcript.provider} listens instead."
            self._emit(Status(message=message, turn_id=self._turn_id))

    async def _answer(self) -> None:
        self._emit(Status(message="Please wait…", turn_id=self._turn_id))
        try:
            async with asyncio.TaskGroup() as group:
                speaker = self._speaker(group)
                speaking = group.create_task(speaker.run())
                # the agent goes first: the speaker has nothing to say yet
                await self._ask_agent(speaker)
                speaker.finish()
                await speaking
        except* ConvonetError as failures:
            raise _first(failures) from None

    async def _ask_agent(self, speaker: Speaker) -> None:
        with span("think", kind="client") as agent_span, contextlib.ExitStack() as waiting:
            request = self._request(agent_span.traceparent)
            waiting.enter_context(self._services.waiting_for_agent())
            try:
                async with (
                    asyncio.timeout(self._services.timeouts.agent_s),
                    contextlib.aclosing(self._services.agent.turn(request)) as events,
                ):
                    async for event in events:
                        waiting.close()
                        self._handle_agent_event(event, speaker)
                        if isinstance(event, Final):
                            break
            except TimeoutError:
                raise AgentTimeout("the agent did not answer in time") from None
            if self._final is None:
                raise AgentError("the agent's stream ended without an answer")

    def _handle_agent_event(self, event: AgentEvent, speaker: Speaker) -> None:
        match event:
            case TextDelta(text):
                self._say(text, speaker)
            case ToolStarted() | ToolFinished():
                self._log.add_tool_event(event)
                self._emit(_tool_event(self._turn_id, event))
            case DomainChosen():
                self._log.mark_stage("agent_start_ms")
            case Final():
                self._finish(event)

    def _request(self, traceparent: str | None) -> TurnRequest:
        conversation = self._conversation
        conversation.mark_agent_asked()
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

    def _say(self, text: str, speaker: Speaker) -> None:
        """Send a piece of the answer, and pass it to the speaker."""
        self._log.mark_stage("first_token_ms")
        if self._said_before:
            self._restart_if_different(text)
        is_first, self._in_flight.said = not self._in_flight.said, self._in_flight.said + text
        speaker.feed(text)
        self._emit(AgentStreamChunk(turn_id=self._turn_id, text_chunk=text))
        if is_first:
            self._lease.save()

    def _restart_if_different(self, text: str) -> None:
        """Discard what a repeated turn had sent before if the model now answers differently."""
        said, self._said_before, self._in_flight.said = self._said_before, "", ""
        if not (text.startswith(said) or said.startswith(text)):
            self._emit(PlaybackStop(turn_id=self._turn_id))
            self._conversation.turn_number += 1
            self._in_flight.turn_number = self._conversation.turn_number
            self._audio.start_over(self._in_flight.turn_number)
            self._emit_start()

    def _finish(self, final: Final) -> None:
        self._final = final
        self._log.set_answer(final)
        log.debug("answered", words=final.text)
        self._emit(
            AgentFinal(
                turn_id=self._turn_id,
                text=final.text,
                transfer_marker=to_marker(final.hand_over),
                agent_type=final.agent_type,
                provider=final.provider,
                model=final.model,
                timings=dict(self._log.stages),
            )
        )

    async def _apologize(self, error: ConvonetError) -> None:
        self._log.set_error(error)
        if self._said_before:
            self._restart_if_different(error.spoken)
        self._emit(ErrorMessage(code=error.code, message=error.spoken, turn_id=self._turn_id))
        async with asyncio.TaskGroup() as group:
            speaker = self._speaker(group)
            speaker.feed(error.spoken)
            speaker.finish()
            await speaker.run()

    @property
    def _language(self) -> Language:
        return self._in_flight.language or self._conversation.language

    def _speaker(self, group: asyncio.TaskGroup) -> Speaker:
        conversation = self._conversation
        tts = self._services.tts(conversation.tts_provider)
        timeout_s = self._services.timeouts.tts_s
        return speaker_for(conversation.audio, tts, self._language, self._audio, timeout_s=timeout_s, group=group)


def _tool_event(turn_id: str, event: ToolStarted | ToolFinished) -> ToolEvent:
    if isinstance(event, ToolStarted):
        return ToolEvent(turn_id=turn_id, tool=event.tool, phase="started", label=event.label)
    return ToolEvent(turn_id=turn_id, tool=event.tool, phase="finished" if event.ok else "failed", label=event.label)


def _first(failures: BaseExceptionGroup[ConvonetError]) -> ConvonetError:
    failure = failures.exceptions[0]
    return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure
