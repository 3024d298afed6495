"""One telephone line: Twilio's media stream on one side, the caller's audio on the other.

The host of the hand-overs says what the line does: wait, tell the desk who calls, let the two hear each other, close.
A line outlives that host: it goes on as it was and reports to the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Protocol

import structlog

from convonet.core.errors import SpeechUnavailable
from convonet.speech.base import SpeechToText, TextToSpeech
from convonet.telephony import media_stream
from convonet.telephony.caller_port import CallerPort
from convonet.telephony.media_stream import Mark, Media, Start, StreamFacts
from convonet.telephony.messages import HandOversUnavailable, MediaLegAction, MediaLegRequest, MediaLegView, Spoken, Who
from convonet.telephony.pacing import Pacer
from convonet.telephony.resampling import FromTelephone, ToTelephone, file_to_mulaw
from convonet.telephony.state_machine import CallEvent, StreamStopped, WhisperPlayed
from convonet.telephony.transcriber import Transcriber

log = structlog.get_logger(__name__)

START_TIMEOUT_S = 5.0
"""A stream that was opened says at once what it is of."""

TTS_TIMEOUT_S = 4.0
"""Longest wait for a voice: the desk waits, and the caller with it."""

WHISPER_MARK = "whisper"
ALIVE_MARK = "alive"

SILENT_AFTER_S = 2.0
"""Twilio sends audio fifty times a second, also of a quiet line; but a PBX that holds its caller may send it none. So a
stream that says nothing for this long is asked for a sign of life: a mark, which comes back at once."""

ANSWER_TIMEOUT_S = 2.0
"""For that sign. Without it the connection is dead: Twilio, if it is there, opens another one."""

RETRY_DELAYS_S = (0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 5.0)
"""Waits before each try to find a host of the hand-overs again."""


class MediaSocket(Protocol):
    """The WebSocket of the media stream. Each raises `ConnectionError` when it is closed."""

    async def receive(self) -> str: ...

    async def send(self, text: str) -> None: ...

    async def close(self) -> None: ...


class Host(Protocol):
    """The host of the hand-overs. Each raises `HandOversUnavailable`."""

    def open_media_leg(self, request: MediaLegRequest) -> AsyncGenerator[MediaLegView, None]: ...

    async def report_call_event(self, transfer_id: str, event: CallEvent) -> None: ...

    async def add_transcript_entry(self, transfer_id: str, spoken: Spoken) -> None: ...


class MediaLeg:
    """The life of one stream. `run` returns when it is closed."""

    def __init__(
        self,
        socket: MediaSocket,
        host: Host,
        voice: TextToSpeech,
        callers: CallerPort,
        ear: SpeechToText | None = None,
        *,
        silent_after_s: float = SILENT_AFTER_S,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        """Without an `ear` nothing of the talk is written down."""
        self._socket = socket
        self._silent_after_s = silent_after_s
        self._answer_timeout_s = answer_timeout_s
        self._ear = ear
        self._scribe: Transcriber | None = None
        self._writing: asyncio.Task[None] | None = None
        self._host = host
        self._voice = voice
        self._callers = callers
        self._pacer = Pacer(asyncio.get_running_loop().time)
        self._to_line, self._from_line = ToTelephone(), FromTelephone()
        self._more = asyncio.Event()
        self._joined = False
        self._whisper: asyncio.Task[None] | None = None
        self._told = False
        self._stream_sid = ""
        self._heard_at = 0.0

    async def run(self) -> None:
        """Relay until Twilio or the host closes."""
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                facts = await self._start()
        except (ConnectionError, TimeoutError, ValueError) as error:
            log.warning("stream_refused", reason=type(error).__name__)
            await self._socket.close()
            return
        self._stream_sid = facts.stream_sid
        self._heard_at = asyncio.get_running_loop().time()
        address = self._callers.open(self._hear_caller)
        parameters = facts.parameters
        attempt = int(parameters["attempt"])
        self._request = MediaLegRequest(parameters["transfer"], attempt, parameters["key"], facts.call_sid, address)
        log.info("line_opened", transfer_id=self._request.transfer_id, attempt=attempt)
        tasks = [asyncio.create_task(work) for work in (self._obey(), self._receive(), self._send(), self._watch())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._callers.close(address)
            for task in (*tasks, self._whisper, self._writing):
                if task is not None:
                    task.cancel()
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
                    raise ValueError("a stream of somebody else's")
                return message.start

    # -- what the host wants

    async def _obey(self) -> None:
        """Follow the host's orders to the last one; a host that is lost is looked for."""
        delays = iter(RETRY_DELAYS_S)
        while True:
            try:
                async with contextlib.aclosing(self._host.open_media_leg(self._request)) as views:
                    async for view in views:
                        delays = iter(RETRY_DELAYS_S)
                        if view.order is MediaLegAction.CLOSE:
                            return
                        await self._follow(view)
                # a host that knows nothing of this line, or nothing more
                return
            except HandOversUnavailable as error:
                if (delay := next(delays, None)) is None:
                    log.error("line_abandoned", transfer_id=self._request.transfer_id)
                    return
                log.warning("transfer_host_lost", transfer_id=self._request.transfer_id, reason=str(error))
                await asyncio.sleep(delay)

    async def _follow(self, view: MediaLegView) -> None:
        match view.order:
            case MediaLegAction.WHISPER if self._whisper is None:
                self._whisper = asyncio.create_task(self._tell_desk(view))
            case MediaLegAction.WHISPER if self._told:
                # a host that was away when the desk had heard it all
                await self._report(WhisperPlayed(attempt=self._request.attempt))
            case MediaLegAction.JOIN if not self._joined:
                if self._whisper is not None and not self._told:
                    await self._socket.send(media_stream.clear(self._stream_sid))
                self._joined = True
                self._write_down(view)

    def _write_down(self, view: MediaLegView) -> None:
        if self._ear is not None:
            self._scribe = Transcriber(self._ear, view.language, self._note)
            self._writing = asyncio.create_task(self._scribe.run())

    async def _note(self, spoken: Spoken) -> None:
        with contextlib.suppress(HandOversUnavailable):
            await self._host.add_transcript_entry(self._request.transfer_id, spoken)

    async def _tell_desk(self, view: MediaLegView) -> None:
        """StateChanged the desk who calls; when nobody can speak, the card must do."""
        try:
            async with asyncio.timeout(TTS_TIMEOUT_S):
                spoken = await self._voice.synthesize(view.whisper, language=view.language)
            code = await asyncio.to_thread(file_to_mulaw, spoken.audio)
            await self._socket.send(media_stream.media(self._stream_sid, code))
            await self._socket.send(media_stream.mark(self._stream_sid, WHISPER_MARK))
        except (SpeechUnavailable, TimeoutError) as error:
            log.warning("whisper_failed", reason=type(error).__name__)
            await self._report(WhisperPlayed(attempt=self._request.attempt))

    async def _report(self, event: CallEvent) -> None:
        with contextlib.suppress(HandOversUnavailable):
            await self._host.report_call_event(self._request.transfer_id, event)

    # -- audio

    async def _watch(self) -> None:
        """Return when Twilio gives no sign of life any more."""
        while True:
            due_s = self._silent_after_s - (asyncio.get_running_loop().time() - self._heard_at)
            if due_s > 0 or self._is_whispering:
                await asyncio.sleep(due_s if due_s > 0 else self._silent_after_s)
            elif not await self._shows_life():
                log.warning("stream_silent", transfer_id=self._request.transfer_id)
                return

    async def _shows_life(self) -> bool:
        """Whether Twilio says anything in time after it was asked to."""
        heard_at, by = self._heard_at, asyncio.get_running_loop().time() + self._answer_timeout_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(by):
                # a connection that takes nothing any more makes even this wait
                await self._socket.send(media_stream.mark(self._stream_sid, ALIVE_MARK))
        await asyncio.sleep(by - asyncio.get_running_loop().time())
        return self._heard_at > heard_at or self._is_whispering

    @property
    def _is_whispering(self) -> bool:
        """Whether marks wait until all of that was played."""
        return self._whisper is not None and not self._told and not self._joined

    async def _receive(self) -> None:
        while True:
            message = media_stream.parse(await self._socket.receive())
            self._heard_at = asyncio.get_running_loop().time()
            match message:
                case Media():
                    if self._joined:
                        pcm = self._from_line.convert(message.audio)
                        self._callers.send(self._request.address, pcm)
                        if self._scribe is not None:
                            self._scribe.add(Who.HUMAN, pcm)
                case Mark() if message.mark.name == WHISPER_MARK:
                    self._told = True
                    await self._report(WhisperPlayed(attempt=self._request.attempt))
                case media_stream.Stop():
                    await self._report(StreamStopped(attempt=self._request.attempt))
                    return

    def _hear_caller(self, pcm: bytes) -> None:
        if self._joined:
            self._pacer.add(self._to_line.convert(pcm))
            self._more.set()
            if self._scribe is not None:
                self._scribe.add(Who.CALLER, pcm)

    async def _send(self) -> None:
        while True:
            for code in self._pacer.due():
                await self._socket.send(media_stream.media(self._stream_sid, code))
            self._more.clear()
            wait_s = self._pacer.wait_s()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._more.wait()
