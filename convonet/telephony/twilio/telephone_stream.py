"""Twilio's media stream as a `DeskStream`: mu-law in JSON messages, in the pace of a telephone, with signs of life."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Protocol

from convonet.telephony.desk_stream import StreamOpening
from convonet.telephony.pacing import Pacer
from convonet.telephony.resampling import FromTelephone, ToTelephone, mulaw_of_file
from convonet.telephony.twilio import media_stream
from convonet.telephony.twilio.media_stream import Mark, Media, Start, Stop

START_TIMEOUT_S = 5.0
"""For the start message of a stream."""

WHISPER_MARK = "whisper"
ALIVE_MARK = "alive"

SILENT_AFTER_S = 2.0
"""Silence after which a stream is asked for a sign of life, by a mark that Twilio returns at once. Twilio sends audio
fifty times a second even when nobody speaks, but gets none from a PBX that holds its caller."""

ANSWER_TIMEOUT_S = 2.0
"""For that sign of life. Without it the connection is dead, and Twilio opens another one if it can."""


class MediaSocket(Protocol):
    """The WebSocket of a media stream. `receive` and `send` raise `ConnectionError` when it is closed."""

    async def receive(self) -> str: ...

    async def send(self, text: str) -> None: ...


class TelephoneStream:
    """See `DeskStream`. Call `open` first."""

    def __init__(
        self,
        socket: MediaSocket,
        *,
        silent_after_s: float = SILENT_AFTER_S,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self._socket = socket
        self._silent_after_s = silent_after_s
        self._answer_timeout_s = answer_timeout_s
        self._clock = asyncio.get_running_loop().time
        self._pacer = Pacer(self._clock)
        self._to_telephone, self._from_telephone = ToTelephone(), FromTelephone()
        self._has_audio = asyncio.Event()
        self._whisper_heard = asyncio.Event()
        self._is_whispering = False
        """True while the whisper plays; Twilio returns marks only after it."""
        self._stream_sid = ""
        self._received_at = 0.0

    async def open(self) -> StreamOpening:
        """Wait for the start message. Raises `ConnectionError`, `TimeoutError` or `ValueError`."""
        async with asyncio.timeout(START_TIMEOUT_S):
            while not isinstance(message := media_stream.parse(await self._socket.receive()), Start):
                pass
        facts = message.start
        parameters = facts.parameters
        if not {"transfer", "attempt", "key"} <= parameters.keys() or not parameters["attempt"].isdecimal():
            raise ValueError("a stream without our parameters")
        self._stream_sid = facts.stream_sid
        self._received_at = self._clock()
        return StreamOpening(parameters["transfer"], int(parameters["attempt"]), parameters["key"], facts.call_sid)

    async def confirm_admission(self) -> None:
        """Do nothing: Twilio does not wait for it."""

    async def receive_audio(self) -> AsyncGenerator[bytes, None]:
        while True:
            message = media_stream.parse(await self._socket.receive())
            self._received_at = self._clock()
            match message:
                case Media():
                    yield self._from_telephone.convert(message.audio)
                case Mark() if message.mark.name == WHISPER_MARK:
                    self._whisper_heard.set()
                case Stop():
                    return

    def send_audio(self, pcm: bytes) -> None:
        self._pacer.add_audio(self._to_telephone.convert(pcm))
        self._has_audio.set()

    async def send_queued_audio(self) -> None:
        while True:
            for code in self._pacer.due_frames():
                await self._socket.send(media_stream.media(self._stream_sid, code))
            self._has_audio.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pacer.wait_s()):
                    await self._has_audio.wait()

    async def watch(self) -> None:
        while True:
            due_s = self._silent_after_s - (self._clock() - self._received_at)
            if due_s > 0 or self._is_whispering:
                await asyncio.sleep(due_s if due_s > 0 else self._silent_after_s)
            elif not await self._is_alive():
                return

    async def _is_alive(self) -> bool:
        """Ask for a sign of life. Returns whether anything was received in time."""
        received_at, deadline = self._received_at, self._clock() + self._answer_timeout_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                # on a dead connection even sending may hang
                await self._socket.send(media_stream.mark(self._stream_sid, ALIVE_MARK))
        await asyncio.sleep(deadline - self._clock())
        return self._received_at > received_at or self._is_whispering

    async def play_whisper(self, audio: bytes) -> None:
        code = await asyncio.to_thread(mulaw_of_file, audio)
        self._is_whispering = True
        try:
            await self._socket.send(media_stream.media(self._stream_sid, code))
            await self._socket.send(media_stream.mark(self._stream_sid, WHISPER_MARK))
            await self._whisper_heard.wait()
        finally:
            self._is_whispering = False

    async def stop_whisper(self) -> None:
        await self._socket.send(media_stream.clear(self._stream_sid))
