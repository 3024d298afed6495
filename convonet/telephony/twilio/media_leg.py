"""The media leg of one call: connects Twilio's media stream with the caller's audio.

The host of the hand-overs decides what it does: wait, tell the desk who is calling, join the two, close. When that host
dies, the media leg goes on unchanged and reports to the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

import structlog

from convonet.core.background import BackgroundTasks
from convonet.core.errors import SpeechError
from convonet.speech.base import SpeechToText, TextToSpeech
from convonet.telephony.caller_port import CallerPort
from convonet.telephony.events import CallEvent, StreamStopped, WhisperPlayed
from convonet.telephony.hand_overs import HandOvers, HandOversUnavailable
from convonet.telephony.messages import MediaLegAction, MediaLegRequest, MediaLegView, Spoken, Who
from convonet.telephony.pacing import Pacer
from convonet.telephony.resampling import FromTelephone, ToTelephone, mulaw_of_file
from convonet.telephony.transcriber import Transcriber
from convonet.telephony.twilio import media_stream
from convonet.telephony.twilio.media_stream import Mark, Media, Start, StreamFacts

log = structlog.get_logger(__name__)

START_TIMEOUT_S = 5.0
"""For the start message of a stream."""

TTS_TIMEOUT_S = 4.0
"""For synthesizing the whisper; desk and caller wait meanwhile."""

WHISPER_MARK = "whisper"
ALIVE_MARK = "alive"

SILENT_AFTER_S = 2.0
"""Silence after which a stream is asked for a sign of life, by a mark that Twilio returns at once. Twilio sends audio
fifty times a second even when nobody speaks, but gets none from a PBX that holds its caller."""

ANSWER_TIMEOUT_S = 2.0
"""For that sign of life. Without it the connection is dead, and Twilio opens another one if it can."""

RETRY_DELAYS_S = (0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 5.0)
"""Delay before each new attempt to reach a host of the hand-overs."""


class MediaSocket(Protocol):
    """The WebSocket of a media stream. `receive` and `send` raise `ConnectionError` when it is closed."""

    async def receive(self) -> str: ...

    async def send(self, text: str) -> None: ...

    async def close(self) -> None: ...


class MediaLeg:
    """One media leg. `run` returns when it is closed."""

    def __init__(
        self,
        socket: MediaSocket,
        hand_overs: HandOvers,
        tts: TextToSpeech,
        callers: CallerPort,
        stt: SpeechToText | None = None,
        *,
        silent_after_s: float = SILENT_AFTER_S,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        """Without `stt` the talk is not transcribed."""
        self._socket = socket
        self._silent_after_s = silent_after_s
        self._answer_timeout_s = answer_timeout_s
        self._stt = stt
        self._transcriber: Transcriber | None = None
        self._hand_overs = hand_overs
        self._tts = tts
        self._callers = callers
        self._pacer = Pacer(asyncio.get_running_loop().time)
        self._to_telephone, self._from_telephone = ToTelephone(), FromTelephone()
        self._has_audio = asyncio.Event()
        self._joined = False
        self._tasks = BackgroundTasks()
        self._whisper_started = self._whisper_played = False
        self._stream_sid = ""
        self._received_at = 0.0

    async def run(self) -> None:
        """Relay audio until Twilio or the host closes."""
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                facts = await self._start()
        except (ConnectionError, TimeoutError, ValueError) as error:
            log.warning("stream_refused", reason=type(error).__name__)
            await self._socket.close()
            return
        self._stream_sid = facts.stream_sid
        self._received_at = asyncio.get_running_loop().time()
        address = self._callers.open_leg(self._take_caller_audio)
        parameters = facts.parameters
        attempt = int(parameters["attempt"])
        self._request = MediaLegRequest(parameters["transfer"], attempt, parameters["key"], facts.call_sid, address)
        log.info("line_opened", transfer_id=self._request.transfer_id, attempt=attempt)
        tasks = [
            asyncio.create_task(work)
            for work in (self._follow_host(), self._receive_messages(), self._send_audio(), self._watch_stream())
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._callers.close_leg(address)
            for task in tasks:
                task.cancel()
            await self._tasks.cancel_and_wait()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
                    log.error("line_crashed", exc_info=outcome)
            await self._socket.close()

    async def _start(self) -> StreamFacts:
        while True:
            message = media_stream.parse(await self._socket.receive())
            if isinstance(message, Start):
                parameters = message.start.parameters
                if not {"transfer", "attempt", "key"} <= parameters.keys() or not parameters["attempt"].isdecimal():
                    raise ValueError("a stream without our parameters")
                return message.start

    # -- the host

    async def _follow_host(self) -> None:
        """Do what the host says until it says close. When a host is lost, find the next one."""
        delays = iter(RETRY_DELAYS_S)
        while True:
            try:
                async with contextlib.aclosing(self._hand_overs.open_media_leg(self._request)) as views:
                    async for view in views:
                        delays = iter(RETRY_DELAYS_S)
                        if view.order is MediaLegAction.CLOSE:
                            return
                        await self._change_action(view)
                # the host does not know this media leg any more
                return
            except HandOversUnavailable as error:
                if (delay := next(delays, None)) is None:
                    log.error("line_abandoned", transfer_id=self._request.transfer_id)
                    return
                log.warning("transfer_host_lost", transfer_id=self._request.transfer_id, reason=str(error))
                await asyncio.sleep(delay)

    async def _change_action(self, view: MediaLegView) -> None:
        match view.order:
            case MediaLegAction.WHISPER if not self._whisper_started:
                self._whisper_started = True
                self._tasks.spawn(self._play_whisper(view))
            case MediaLegAction.WHISPER if self._whisper_played:
                # the host was unreachable when the whisper ended
                await self._report(WhisperPlayed(attempt=self._request.attempt))
            case MediaLegAction.JOIN if not self._joined:
                if self._whisper_started and not self._whisper_played:
                    await self._socket.send(media_stream.clear(self._stream_sid))
                self._joined = True
                self._start_transcribing(view)

    def _start_transcribing(self, view: MediaLegView) -> None:
        if self._stt is not None:
            self._transcriber = Transcriber(self._stt, view.language, self._report_entry)
            self._tasks.spawn(self._transcriber.run())

    async def _report_entry(self, spoken: Spoken) -> None:
        with contextlib.suppress(HandOversUnavailable):
            await self._hand_overs.add_transcript_entry(self._request.transfer_id, spoken)

    async def _play_whisper(self, view: MediaLegView) -> None:
        """Tell the desk who is calling. If synthesis fails, the desk has only the card."""
        try:
            async with asyncio.timeout(TTS_TIMEOUT_S):
                spoken = await self._tts.synthesize(view.whisper, language=view.language)
            code = await asyncio.to_thread(mulaw_of_file, spoken.audio)
        except (SpeechError, TimeoutError) as error:
            log.warning("whisper_failed", reason=type(error).__name__)
            await self._report(WhisperPlayed(attempt=self._request.attempt))
            return
        # a closed socket ends the whole leg
        with contextlib.suppress(ConnectionError):
            await self._socket.send(media_stream.media(self._stream_sid, code))
            await self._socket.send(media_stream.mark(self._stream_sid, WHISPER_MARK))

    async def _report(self, event: CallEvent) -> None:
        with contextlib.suppress(HandOversUnavailable):
            await self._hand_overs.report_call_event(self._request.transfer_id, event)

    # -- audio

    async def _watch_stream(self) -> None:
        """Return when the stream gives no sign of life."""
        while True:
            due_s = self._silent_after_s - (asyncio.get_running_loop().time() - self._received_at)
            if due_s > 0 or self._is_whispering:
                await asyncio.sleep(due_s if due_s > 0 else self._silent_after_s)
            elif not await self._is_alive():
                log.warning("stream_silent", transfer_id=self._request.transfer_id)
                return

    async def _is_alive(self) -> bool:
        """Ask for a sign of life. Returns whether anything was received in time."""
        received_at, deadline = self._received_at, asyncio.get_running_loop().time() + self._answer_timeout_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                # on a dead connection even sending may hang
                await self._socket.send(media_stream.mark(self._stream_sid, ALIVE_MARK))
        await asyncio.sleep(deadline - asyncio.get_running_loop().time())
        return self._received_at > received_at or self._is_whispering

    @property
    def _is_whispering(self) -> bool:
        """True while the whisper plays; Twilio returns marks only after it."""
        return self._whisper_started and not self._whisper_played and not self._joined

    async def _receive_messages(self) -> None:
        while True:
            message = media_stream.parse(await self._socket.receive())
            self._received_at = asyncio.get_running_loop().time()
            match message:
                case Media():
                    if self._joined:
                        pcm = self._from_telephone.convert(message.audio)
                        self._callers.send_audio(self._request.address, pcm)
                        if self._transcriber is not None:
                            self._transcriber.add_audio(Who.HUMAN, pcm)
                case Mark() if message.mark.name == WHISPER_MARK:
                    self._whisper_played = True
                    await self._report(WhisperPlayed(attempt=self._request.attempt))
                case media_stream.Stop():
                    await self._report(StreamStopped(attempt=self._request.attempt))
                    return

    def _take_caller_audio(self, pcm: bytes) -> None:
        if self._joined:
            self._pacer.add_audio(self._to_telephone.convert(pcm))
            self._has_audio.set()
            if self._transcriber is not None:
                self._transcriber.add_audio(Who.CALLER, pcm)

    async def _send_audio(self) -> None:
        while True:
            for code in self._pacer.due_frames():
                await self._socket.send(media_stream.media(self._stream_sid, code))
            self._has_audio.clear()
            wait_s = self._pacer.wait_s()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._has_audio.wait()
