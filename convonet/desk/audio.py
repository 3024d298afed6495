"""The audio socket of the desks' pages, /call-center/audio: the direct way of a hand-over. The voice replicas serve it.

The page sends `desk_audio_open` with the key that its desk's view shows, and gets `desk_audio_opened`. From then on
both sides send PCM16, 16 kHz, mono, in binary messages. The host of the hand-overs admits a stream once for each key,
and only for the person whose desk holds the call.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Mapping

import structlog
from fastapi import FastAPI, WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect, WebSocketState

from convonet.core.errors import AuthRefused
from convonet.desk.messages import DeskAudioOpen, DeskAudioOpened
from convonet.settings import Settings
from convonet.speech.base import SpeechToText, TextToSpeech
from convonet.staff.accounts import StaffMember
from convonet.staff.http import StaffLogin
from convonet.staff.page_session import GOING_AWAY, NOT_LOGGED_IN, accept_member, watch_login
from convonet.telephony.caller_port import CallerPort
from convonet.telephony.desk_stream import StreamOpening
from convonet.telephony.direct.carrier import direct_call_id
from convonet.telephony.direct.page_stream import SILENT_AFTER_S, PageStream
from convonet.telephony.hand_overs import HandOvers
from convonet.telephony.media_leg import LegEnd, MediaLeg
from convonet.web.login_limits import MAX_LOGIN_BYTES, lift_login_limits

log = structlog.get_logger(__name__)

PATH = "/call-center/audio"

REFUSED = 4403
POLICY_VIOLATION = 1008

CLOSE_CODES: Mapping[LegEnd, int] = {
    LegEnd.REFUSED: REFUSED,
    LegEnd.CLOSED: REFUSED,
    LegEnd.STREAM_UNREADABLE: POLICY_VIOLATION,
}
"""After any other end the page may open the stream again: `GOING_AWAY`."""

OPEN_TIMEOUT_S = 5.0
"""For the first message."""

LOGIN_CHECK_INTERVAL_S = 5.0
"""A check costs one row of the database."""


class DeskAudio:
    """The audio sockets of one process."""

    def __init__(
        self,
        login: StaffLogin,
        hand_overs: HandOvers,
        stt: SpeechToText,
        tts: TextToSpeech,
        callers: CallerPort,
        settings: Settings,
        *,
        is_closed: Callable[[], bool] = lambda: False,
        open_timeout_s: float = OPEN_TIMEOUT_S,
        login_check_interval_s: float = LOGIN_CHECK_INTERVAL_S,
        silent_after_s: float = SILENT_AFTER_S,
    ) -> None:
        """`is_closed` returns whether new sockets are sent to another process."""
        self._login = login
        self._hand_overs = hand_overs
        self._stt = stt if settings.call_center.transcribe_talks else None
        self._tts = tts
        self._callers = callers
        self._is_closed = is_closed
        self._open_timeout_s = open_timeout_s
        self._login_check_interval_s = login_check_interval_s
        self._silent_after_s = silent_after_s
        self._legs: set[asyncio.Task[LegEnd]] = set()

    def add_route(self, app: FastAPI, path: str = PATH) -> None:
        """Add the socket to an application."""
        app.add_api_websocket_route(path, self._serve)

    def close_streams(self) -> None:
        """Close all streams with `GOING_AWAY`, so that the pages open them again in another process."""
        for leg in self._legs:
            leg.cancel()

    async def _serve(self, websocket: WebSocket) -> None:
        member = await accept_member(websocket, self._login)
        if member is None:
            return
        socket = AudioSocket(websocket)
        if self._is_closed():
            await socket.close(GOING_AWAY)
        elif not _has_desk(member):
            await socket.close(REFUSED)
        elif (opening := await self._receive_opening(socket, member)) is None:
            await socket.close(POLICY_VIOLATION)
        else:
            lift_login_limits(websocket)
            await self._run_leg(socket, opening)

    async def _receive_opening(self, socket: AudioSocket, member: StaffMember) -> StreamOpening | None:
        try:
            async with asyncio.timeout(self._open_timeout_s):
                text = await socket.receive()
            if isinstance(text, bytes) or len(text) > MAX_LOGIN_BYTES:
                return None
            message = DeskAudioOpen.model_validate_json(text)
        except (ConnectionError, TimeoutError, ValidationError) as error:
            log.info("desk_audio_not_opened", staff=member.username, reason=type(error).__name__)
            return None
        call_id = direct_call_id(message.transfer_id, message.attempt)
        return StreamOpening(message.transfer_id, message.attempt, message.stream_key, call_id, member.username)

    async def _run_leg(self, socket: AudioSocket, opening: StreamOpening) -> None:
        """Run the media leg of a stream, for as long as its person is logged in."""
        stream = PageStream(socket, DeskAudioOpened().model_dump_json(), silent_after_s=self._silent_after_s)
        leg = asyncio.create_task(
            MediaLeg(stream, opening, self._hand_overs, self._tts, self._callers, self._stt).run()
        )
        watch = asyncio.create_task(self._watch_login(socket))
        self._legs.add(leg)
        code = GOING_AWAY
        try:
            await asyncio.wait((leg, watch), return_when=asyncio.FIRST_COMPLETED)
            if watch.done():
                code = _code_after_check(watch, opening.desk)
            elif not leg.cancelled():
                code = CLOSE_CODES.get(leg.result(), GOING_AWAY)
        finally:
            self._legs.discard(leg)
            leg.cancel()
            watch.cancel()
            await asyncio.gather(leg, watch, return_exceptions=True)
            await socket.close(code)

    async def _watch_login(self, socket: AudioSocket) -> None:
        # a database that is down ends no talk: the host knows whose call it is
        await watch_login(
            socket.websocket, self._login, _has_desk, self._login_check_interval_s, max_unchecked=math.inf
        )


class AudioSocket:
    """A Starlette WebSocket as a `PageSocket`."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket

    async def receive(self) -> str | bytes:
        try:
            message = await self.websocket.receive()
        except (RuntimeError, WebSocketDisconnect, OSError) as error:
            raise ConnectionError from error
        if message["type"] == "websocket.disconnect":
            raise ConnectionError
        text: str | None = message.get("text")
        return text if text is not None else message["bytes"]

    async def send_text(self, text: str) -> None:
        try:
            await self.websocket.send_text(text)
        except (RuntimeError, WebSocketDisconnect, OSError) as error:
            raise ConnectionError from error

    async def send_audio(self, pcm: bytes) -> None:
        try:
            await self.websocket.send_bytes(pcm)
        except (RuntimeError, WebSocketDisconnect, OSError) as error:
            raise ConnectionError from error

    async def close(self, code: int) -> None:
        """Close the socket, unless it is closed already."""
        if self.websocket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError):
                await self.websocket.close(code)


def _has_desk(member: StaffMember) -> bool:
    return member.telephone is not None


def _code_after_check(watch: asyncio.Task[None], staff: str) -> int:
    """Return the close code after the login check has ended: it does so only by an exception."""
    error = watch.exception()
    if isinstance(error, AuthRefused):
        log.info("desk_audio_logged_out", staff=staff)
        return NOT_LOGGED_IN
    log.error("desk_audio_login_check_crashed", staff=staff, exc_info=error)
    return GOING_AWAY
