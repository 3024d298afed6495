"""The media leg of one call: connects the stream at a desk's side with the caller's audio.

The host of the hand-overs decides what it does: wait, tell the desk who is calling, join the two, hold the caller, let
the desk talk with a colleague, close. When that host dies, the media leg goes on unchanged and reports to the next one.
The stream is a telephone's or a page's; this module knows neither.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from enum import StrEnum

import structlog

from convonet.core.background import BackgroundTasks
from convonet.core.errors import SpeechError
from convonet.speech.base import SpeechToText, TextToSpeech
from convonet.telephony.caller_port import CallerPort
from convonet.telephony.desk_stream import DeskStream, StreamOpening
from convonet.telephony.events import CallEvent, StreamStopped, WhisperPlayed
from convonet.telephony.hand_overs import HandOvers, HandOversUnavailable
from convonet.telephony.hold_tone import hold_tone
from convonet.telephony.leg_connection import LegConnection
from convonet.telephony.messages import MediaLegAction, MediaLegAddress, MediaLegRequest, MediaLegView, Spoken, Who
from convonet.telephony.real_time import in_real_time
from convonet.telephony.transcriber import Transcriber

log = structlog.get_logger(__name__)

TTS_TIMEOUT_S = 4.0
"""For synthesizing the whisper; desk and caller wait meanwhile."""

RETRY_DELAYS_S = (0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 5.0)
"""Delay before each new attempt to reach a host of the hand-overs."""


class LegEnd(StrEnum):
    """Reasons for which a media leg ends."""

    REFUSED = "refused"
    """The host did not admit the stream."""
    CLOSED = "closed"
    """The host closed it: the call is over, or is another desk's now."""
    REPLACED = "replaced"
    """A newer stream of the same call took its place."""
    HOST_UNREACHABLE = "host_unreachable"
    STREAM_STOPPED = "stream_stopped"
    """The desk's side has ended the call."""
    STREAM_LOST = "stream_lost"
    STREAM_UNREADABLE = "stream_unreadable"
    """The desk's side sent something that is no audio."""


class MediaLeg:
    """One media leg. `run` returns when it has ended; whoever has opened the stream closes it then."""

    def __init__(
        self,
        stream: DeskStream,
        opening: StreamOpening,
        hand_overs: HandOvers,
        tts: TextToSpeech,
        callers: CallerPort,
        stt: SpeechToText | None = None,
    ) -> None:
        """Without `stt` the talk is not transcribed."""
        self._stream = stream
        self._opening = opening
        self._hand_overs = hand_overs
        self._tts = tts
        self._callers = callers
        self._stt = stt
        self._transcriber: Transcriber | None = None
        self._is_admitted = False
        self._is_joined = False
        self._is_transcribed = False
        self._whisper: asyncio.Task[None] | None = None
        self._whisper_played = False
        self._hold_tone: asyncio.Task[None] | None = None
        self._colleague: LegConnection | None = None
        self._colleague_address: MediaLegAddress | None = None
        self._colleague_task: asyncio.Task[None] | None = None
        self._tasks = BackgroundTasks()

    async def run(self) -> LegEnd:
        """Relay audio until the stream or the host ends it."""
        opening = self._opening
        address = self._callers.open_leg(self._take_caller_audio)
        self._request = MediaLegRequest(
            opening.transfer_id, opening.attempt, opening.key, opening.call_sid, address, opening.desk
        )
        log.info("line_opened", transfer_id=opening.transfer_id, attempt=opening.attempt)
        works = (self._follow_host(), self._receive_audio(), self._send_audio(), self._watch_stream())
        tasks = [asyncio.create_task(work) for work in works]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._callers.close_leg(address)
            ended = [task for task in tasks if task.done()]
            for task in tasks:
                task.cancel()
            await self._tasks.cancel_and_wait()
            await asyncio.gather(*tasks, return_exceptions=True)
        end = _end_of(ended[0])
        log.info("line_closed", transfer_id=opening.transfer_id, attempt=opening.attempt, reason=end)
        return end

    # -- the host

    async def _follow_host(self) -> LegEnd:
        """Do what the host says until it says close. When a host is lost, find the next one."""
        delays = iter(RETRY_DELAYS_S)
        while True:
            try:
                async with contextlib.aclosing(self._hand_overs.open_media_leg(self._request)) as views:
                    async for view in views:
                        delays = iter(RETRY_DELAYS_S)
                        if view.order is MediaLegAction.CLOSE:
                            return LegEnd.CLOSED
                        await self._change_action(view)
                # the host does not know this media leg, or not any more
                return LegEnd.REPLACED if self._is_admitted else LegEnd.REFUSED
            except HandOversUnavailable as error:
                delay = next(delays, RETRY_DELAYS_S[-1] if self._is_in_talk else None)
                if delay is None:
                    log.error("line_abandoned", transfer_id=self._request.transfer_id)
                    return LegEnd.HOST_UNREACHABLE
                log.warning("transfer_host_lost", transfer_id=self._request.transfer_id, reason=str(error))
                await asyncio.sleep(delay)

    @property
    def _is_in_talk(self) -> bool:
        """True if caller and desk talk or the caller is on hold. A host that is down does not end their talk."""
        return self._is_joined or self._hold_tone is not None

    async def _change_action(self, view: MediaLegView) -> None:
        if not self._is_admitted:
            self._is_admitted = True
            await self._stream.confirm_admission()
        match view.order:
            case MediaLegAction.WHISPER if self._whisper is None:
                self._whisper = self._tasks.spawn(self._play_whisper(view))
            case MediaLegAction.WHISPER if self._whisper_played:
                # the host was unreachable when the whisper ended
                await self._report(WhisperPlayed(attempt=self._request.attempt))
            case MediaLegAction.JOIN:
                await self._end_whisper()
                self._set_hold_tone(False)
                self._set_colleague(None)
                self._is_joined = True
                self._set_transcribed(view)
            case MediaLegAction.HOLD | MediaLegAction.CONSULT:
                await self._end_whisper()
                self._is_joined = self._is_transcribed = False
                self._set_hold_tone(True)
                self._set_colleague(view.colleague if view.order is MediaLegAction.CONSULT else None)

    async def _report(self, event: CallEvent) -> None:
        with contextlib.suppress(HandOversUnavailable):
            await self._hand_overs.report_call_event(self._request.transfer_id, event)

    # -- the whisper

    async def _play_whisper(self, view: MediaLegView) -> None:
        """Tell the desk who is calling. If synthesis fails, the desk has only the card."""
        try:
            async with asyncio.timeout(TTS_TIMEOUT_S):
                spoken = await self._tts.synthesize(view.whisper, language=view.language)
            await self._stream.play_whisper(spoken.audio)
        except ConnectionError:
            return  # ends the whole leg
        except (SpeechError, TimeoutError) as error:
            log.warning("whisper_failed", reason=type(error).__name__)
        self._whisper_played = True
        await self._report(WhisperPlayed(attempt=self._request.attempt))

    async def _end_whisper(self) -> None:
        if self._whisper is not None and not self._whisper_played:
            self._whisper_played = True
            self._whisper.cancel()
            await self._stream.stop_whisper()

    # -- the transcript

    def _set_transcribed(self, view: MediaLegView) -> None:
        self._is_transcribed = self._stt is not None and view.transcribed
        if self._stt is not None and self._is_transcribed and self._transcriber is None:
            self._transcriber = Transcriber(self._stt, view.language, self._report_entry)
            self._tasks.spawn(self._transcriber.run())

    async def _report_entry(self, spoken: Spoken) -> None:
        with contextlib.suppress(HandOversUnavailable):
            await self._hand_overs.add_transcript_entry(self._request.transfer_id, spoken)

    def _transcribe(self, who: Who, pcm: bytes) -> None:
        if self._is_transcribed and self._transcriber is not None:
            self._transcriber.add_audio(who, pcm)

    # -- hold and the colleague

    def _set_hold_tone(self, is_played: bool) -> None:
        if is_played and self._hold_tone is None:
            self._hold_tone = self._tasks.spawn(self._play_hold_tone())
        elif not is_played and self._hold_tone is not None:
            self._hold_tone.cancel()
            self._hold_tone = None

    async def _play_hold_tone(self) -> None:
        async for frame in in_real_time(hold_tone()):
            self._callers.send_audio(self._request.address, frame)

    def _set_colleague(self, address: MediaLegAddress | None) -> None:
        if address == self._colleague_address:
            return
        if self._colleague_task is not None:
            self._colleague_task.cancel()
        self._colleague = self._colleague_task = None
        self._colleague_address = address
        if address is not None:
            self._colleague = LegConnection(address)
            self._colleague_task = self._tasks.spawn(self._relay_colleague(self._colleague))

    async def _relay_colleague(self, colleague: LegConnection) -> None:
        async with contextlib.aclosing(colleague.receive_audio()) as frames:
            async for pcm in frames:
                self._stream.send_audio(pcm)

    # -- audio

    async def _receive_audio(self) -> LegEnd:
        try:
            async with contextlib.aclosing(self._stream.receive_audio()) as frames:
                await self._relay_desk(frames)
        except ValueError as error:
            log.warning("stream_unreadable", transfer_id=self._request.transfer_id, reason=str(error))
            return LegEnd.STREAM_UNREADABLE
        await self._report(StreamStopped(attempt=self._request.attempt))
        return LegEnd.STREAM_STOPPED

    async def _relay_desk(self, frames: AsyncGenerator[bytes, None]) -> None:
        async for pcm in frames:
            if self._is_joined:
                self._callers.send_audio(self._request.address, pcm)
                self._transcribe(Who.HUMAN, pcm)
            elif self._colleague is not None:
                self._colleague.send_audio(pcm)

    def _take_caller_audio(self, pcm: bytes) -> None:
        if self._is_joined:
            self._stream.send_audio(pcm)
            self._transcribe(Who.CALLER, pcm)

    async def _send_audio(self) -> LegEnd:
        await self._stream.send_queued_audio()
        return LegEnd.STREAM_LOST

    async def _watch_stream(self) -> LegEnd:
        await self._stream.watch()
        log.warning("stream_silent", transfer_id=self._request.transfer_id)
        return LegEnd.STREAM_LOST


def _end_of(task: asyncio.Task[LegEnd]) -> LegEnd:
    """Return why a task ended, which ended the whole leg."""
    match task.exception():
        case None:
            return task.result()
        case ConnectionError():
            return LegEnd.STREAM_LOST
        case error:
            log.error("line_crashed", exc_info=error)
            return LegEnd.STREAM_LOST
