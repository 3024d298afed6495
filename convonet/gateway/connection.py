"""One WebSocket of /webrtc/ws: validates the client's messages and passes them to the caller's session.

Created by the voice gateway for each socket. It keeps no state that must survive: a client with the session's resume
token resumes the session on another connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable

import structlog

from convonet.auth.tokens import read_resume_token
from convonet.core.background import BackgroundTasks
from convonet.core.errors import AuthRefused, CapacityError, ConvonetError, ErrorCode, ProtocolError, ResumeFailed
from convonet.gateway.frames import parse
from convonet.gateway.login import LoginAttempts, UnauthenticatedSockets
from convonet.gateway.media_bridge import MediaBridge
from convonet.gateway.ports import CallerSession, ClientDisconnected, ClientSocket, Sessions
from convonet.gateway.recording import Recording
from convonet.metrics.definitions import REFUSALS
from convonet.metrics.recorder import metrics
from convonet.protocol.client import (
    AnyClientMessage,
    AudioChunk,
    Authenticate,
    Cancel,
    Hangup,
    Heartbeat,
    StartRecording,
    StopRecording,
    StreamReset,
    TextInput,
    TransferCancel,
    TransferRequest,
    VoiceProviders,
)
from convonet.protocol.frames import HEADER_BYTES, FrameHeader, SoundKind
from convonet.protocol.server import AuthRequired, ErrorMessage, HeartbeatAck, Reconnect, ServerMessage, Status
from convonet.sessions.messages import (
    BinaryFrame,
    CancelHandOver,
    CancelTurn,
    ChangePreferences,
    Credentials,
    Ended,
    HangUp,
    MediaLegChanged,
    Outgoing,
    Preferences,
    ReconnectRequested,
    Superseded,
    ToClient,
    TypedUtterance,
)
from convonet.sessions.outbox import SlowReader
from convonet.settings import Settings
from convonet.speech.base import Language
from convonet.telephony.messages import MediaLegAddress
from convonet.web.login_limits import BURST_S
from convonet.web.rate_limit import TokenBucket

log = structlog.get_logger(__name__)

ADMISSION_TIMEOUT_S = 10.0
"""Limit for a login; PIN lookup, throttle and restore take milliseconds when the stores work."""

CONTROL_BYTES = 200
"""Maximum size of a stop, cancel or hang-up. Beyond the rate limit, larger messages are dropped without parsing."""

RECONNECT_GRACE_S = 5.0
"""Time for a client to leave after `reconnect`. An older client ignores it and reconnects when it is closed then."""

MOVE_BEFORE_S = 300.0
"""Last part of a socket's life, at most a quarter of it, in which its caller is moved at the next silence."""

CLOSE_NORMAL = 1000
CLOSE_POLICY = 1008
CLOSE_RESTART = 1012
CLOSE_TRY_LATER = 1013
CLOSE_REPLACED = 4001
"""Another socket has resumed this session."""


class CallerConnection:
    """One socket of a caller. `run` returns when it is closed."""

    def __init__(
        self,
        socket: ClientSocket,
        sessions: Sessions,
        settings: Settings,
        *,
        address: str,
        login_attempts: LoginAttempts,
        unauthenticated: UnauthenticatedSockets,
        proxy: str = "",
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._socket = socket
        self._sessions = sessions
        self._settings = settings
        self._address = address
        self._login_attempts = login_attempts
        self._unauthenticated = unauthenticated
        self._wall_clock = wall_clock
        self.proxy = proxy
        """Address of the node whose HAProxy forwards this socket."""
        self.connected_at = wall_clock()
        """Unix time in seconds."""
        self._connection_id = secrets.token_hex(8)
        self._rate = TokenBucket(
            settings.limits.max_messages_per_s,
            settings.limits.max_messages_per_s * BURST_S,
            asyncio.get_running_loop().time,
        )
        self._rate_reported_at = -1.0
        self._session: CallerSession | None = None
        self._is_streaming = False
        self._tasks = BackgroundTasks()
        self._bridge: MediaBridge | None = None
        self._acknowledged = 0
        self._end_of_life_timer: asyncio.TimerHandle | None = None
        self._is_leaving = False

    async def run(self) -> None:
        """Serve the client until either side closes."""
        try:
            async with self._unauthenticated.wait_for_login():
                await self._send(AuthRequired(pin_required=self._settings.login.pin_required))
                while self._session is None:
                    await self._serve_frame()
            while True:
                await self._serve_frame()
        except ClientDisconnected:
            pass
        except TimeoutError:
            await self._socket.close(CLOSE_POLICY)
        except Exception:
            log.exception("connection_crashed")
            await self._give_up()
        finally:
            await self._detach()

    async def move(self, within_s: float, *, with_talks: bool) -> None:
        """Ask the client to reconnect when nobody speaks, and wait until it has; see `CallerSession.move`.

        A client without a session is asked at once.
        """
        if self._session is None:
            await self._ask_to_reconnect()
        else:
            await asyncio.shield(self._session.move(within_s, with_talks=with_talks))

    async def _ask_to_reconnect(self) -> None:
        if not self._is_leaving:
            self._is_leaving = True
            self._tasks.spawn(self._close_after_grace(), own_context=True)
            with contextlib.suppress(ClientDisconnected):
                await self._send(Reconnect())

    async def _close_after_grace(self) -> None:
        await asyncio.sleep(RECONNECT_GRACE_S)
        await self._socket.close(CLOSE_RESTART)

    def _limit_life(self, session: CallerSession) -> None:
        """Move the caller before a proxy closes the old connection, maybe in the middle of a sentence."""
        life_s = self._settings.sessions.max_socket_life_s
        before_s = min(MOVE_BEFORE_S, life_s / 4)
        wait_s = max(0.0, self.connected_at + life_s - before_s - self._wall_clock())
        loop = asyncio.get_running_loop()
        self._end_of_life_timer = loop.call_later(wait_s, lambda: session.move(before_s, with_talks=True))

    # -- from the client

    async def _serve_frame(self) -> None:
        """Handle the client's next frame, and report errors to the client."""
        frame = await self._socket.receive()
        try:
            if not self._rate.take(1 + len(frame) // self._settings.limits.max_message_bytes):
                await self._handle_excess(frame)
            elif isinstance(frame, bytes):
                self._add_audio(frame)
            else:
                await self._handle(parse(frame, max_bytes=self._settings.limits.max_message_bytes))
        except ConvonetError as error:
            await self._send_error(error)

    async def _handle_excess(self, frame: str | bytes) -> None:
        """Drop a frame beyond the rate limit, except a stop, cancel or hang-up, which the page would not repeat."""
        message = None
        if isinstance(frame, str) and len(frame) <= CONTROL_BYTES:
            message = parse(frame, max_bytes=CONTROL_BYTES)
        if isinstance(message, StopRecording | Cancel | Hangup):
            await self._handle(message)
        else:
            self._note_drop()

    async def _handle(self, message: AnyClientMessage) -> None:
        match message:
            case AudioChunk():
                recording = self._require_recording()
                if recording.add_chunk(message):
                    await self._send(recording.acknowledged())
            case Heartbeat(ts_ms=ts_ms, last_seq=last_seq):
                await self._send(HeartbeatAck(ts_ms=ts_ms))
                self._acknowledge(last_seq)
            case StartRecording():
                await self._start_recording(message)
            case StopRecording():
                session, recording = self._require_session(), self._require_recording()
                session.recording = None
                session.post(recording.finish(self._wall_clock()))
            case StreamReset():
                self._require_recording().clear()
            case Authenticate():
                await self._authenticate(message)
            case _:
                self._post_command(message)

    def _post_command(
        self, message: TextInput | Cancel | VoiceProviders | TransferRequest | TransferCancel | Hangup
    ) -> None:
        session = self._require_session()
        match message:
            case TextInput(text=text, utterance_id=utterance_id):
                session.post(TypedUtterance(utterance_id or secrets.token_hex(8), text, self._wall_clock()))
            case Cancel():
                session.recording = None
                session.post(CancelTurn())
            case VoiceProviders():
                session.post(ChangePreferences(_preferences(message)))
            case TransferRequest():
                # handled as if it had been said: the agent knows the departments and prepares the hand-over
                session.post(TypedUtterance(secrets.token_hex(8), _transfer_request_text(message), self._wall_clock()))
            case TransferCancel():
                session.post(CancelHandOver())
            case Hangup():
                session.post(HangUp())

    def _add_audio(self, frame: bytes) -> None:
        """Add audio to the utterance in progress, or send it to the human who talks with the caller."""
        if len(frame) > self._settings.limits.max_message_bytes:
            limit = self._settings.limits.max_message_bytes
            raise ProtocolError(ErrorCode.MESSAGE_TOO_LARGE, f"A message may have {limit} bytes at most.")
        if self._is_streaming:
            self._add_framed_audio(frame)
        elif self._bridge is not None and self._require_session().recording is None:
            self._bridge.send_to_human(frame)
        else:
            self._require_recording().add_bytes(frame)

    def _add_framed_audio(self, frame: bytes) -> None:
        """Add audio of a streaming client, whose frames have a header."""
        try:
            kind = FrameHeader.unpack(frame).kind
        except ValueError as error:
            raise ProtocolError(ErrorCode.BAD_FIELD, f"Binary frame: {error}.") from None
        match kind:
            case SoundKind.TALK_PCM16:
                if self._bridge is not None:
                    self._bridge.send_to_human(frame[HEADER_BYTES:])
            case SoundKind.CALLER_PCM16 if (recording := self._require_recording()).format == "pcm16":
                recording.add_bytes(frame[HEADER_BYTES:])
            case _:
                raise ProtocolError(ErrorCode.BAD_FIELD, "Binary frame: no sound of this kind is expected now.")

    async def _start_recording(self, message: StartRecording) -> None:
        session = self._require_session()
        recording = session.recording
        if recording is not None and message.utterance_id == recording.utterance_id:
            recording.resume()
        else:
            recording = session.recording = Recording(
                message,
                began_at=self._wall_clock(),
                max_bytes=self._settings.limits.max_utterance_bytes,
                min_bytes=self._settings.limits.min_utterance_bytes,
            )
        if recording.is_named_by_client:
            await self._send(recording.acknowledged())
        await self._send(Status(message="Recording…"))

    def _acknowledge(self, last_seq: int | None) -> None:
        if self._session is not None and last_seq is not None and last_seq > self._acknowledged:
            self._acknowledged = last_seq
            self._session.acknowledge(last_seq)

    def _note_drop(self) -> None:
        if self._session is not None and self._session.recording is not None:
            self._session.recording.has_gap = True
        if asyncio.get_running_loop().time() - self._rate_reported_at > 1:
            self._rate_reported_at = asyncio.get_running_loop().time()
            raise ProtocolError(ErrorCode.RATE_LIMITED, "Too many messages; some were dropped.")

    def _require_session(self) -> CallerSession:
        if self._session is None:
            raise ProtocolError(ErrorCode.AUTH_REQUIRED, "Please enter your PIN first.")
        return self._session

    def _require_recording(self) -> Recording:
        recording = self._require_session().recording
        if recording is None:
            raise ProtocolError(ErrorCode.INVALID_MODE, "No recording is in progress; send start_recording first.")
        return recording

    # -- login

    async def _authenticate(self, message: Authenticate) -> None:
        if self._session is not None:
            raise ProtocolError(ErrorCode.INVALID_MODE, "This connection is authenticated already.")
        resumed = message.resume_token is not None
        try:
            async with asyncio.timeout(ADMISSION_TIMEOUT_S):
                session = await (self._resume(message) if resumed else self._open(message))
        except TimeoutError:
            raise CapacityError("admission took too long") from None
        self._session, self._is_streaming = session, message.audio == "stream"
        self._limit_life(session)
        self._socket.allow_large_messages()
        log.info("session_attached", session_id=session.session_id, resumed=resumed)
        await self._socket.send(session.auth_ok(resumed=resumed).model_dump_json(exclude_none=True))
        self._tasks.spawn(self._send_all(session, message.last_seq or 0 if resumed else 0))

    async def _open(self, message: Authenticate) -> CallerSession:
        credentials = Credentials(message.pin or "", self._address, self._connection_id)
        with self._login_attempts.attempt():
            return await self._sessions.open(credentials, _preferences(message))

    async def _resume(self, message: Authenticate) -> CallerSession:
        try:
            session_id = read_resume_token(message.resume_token or "", secret=self._settings.signing_secret)
        except AuthRefused:
            raise ResumeFailed("bad resume token") from None
        return await self._sessions.resume(session_id, message.last_seq or 0, _preferences(message))

    # -- to the client

    async def _send_all(self, session: CallerSession, last_seq: int) -> None:
        """Send the session's output until it ends or another socket resumes it."""
        try:
            async with contextlib.aclosing(session.attach(last_seq)) as outgoing:
                async for entry in outgoing:
                    await self._send_entry(entry)
        except ClientDisconnected:
            pass
        except SlowReader:
            log.warning("client_too_slow", session_id=session.session_id)
            await self._socket.close(CLOSE_TRY_LATER)
        except Exception:
            log.exception("connection_crashed", session_id=session.session_id)
            await self._give_up()

    async def _send_entry(self, entry: Outgoing) -> None:
        match entry:
            case ToClient(text=text):
                await self._socket.send(text)
            case BinaryFrame(frame=frame):
                await self._socket.send_audio(frame)
            case MediaLegChanged(address=address):
                await self._change_bridge(address)
            case ReconnectRequested():
                await self._ask_to_reconnect()
            case Ended():
                await self._socket.close(CLOSE_NORMAL)
            case Superseded():
                await self._socket.close(CLOSE_REPLACED)

    async def _give_up(self) -> None:
        """Report an internal error and close the socket, which would otherwise stay open and do nothing."""
        with contextlib.suppress(ClientDisconnected):
            await self._send_error(ConvonetError())
        await self._socket.close(CLOSE_TRY_LATER)

    async def _send(self, message: ServerMessage) -> None:
        message.session_id = self._session.session_id if self._session else ""
        await self._socket.send(message.model_dump_json(exclude_none=True))

    async def _send_error(self, error: ConvonetError) -> None:
        code = error.wire_code if isinstance(error, ProtocolError) else error.code
        metrics.count(REFUSALS, code=code)
        retry_after_ms: int | None = getattr(error, "retry_after_ms", None)
        await self._send(ErrorMessage(code=code, message=error.spoken, retry_after_ms=retry_after_ms))

    async def _change_bridge(self, address: MediaLegAddress | None) -> None:
        """Connect the caller with the human at `address`; None ends the talk."""
        if self._bridge is not None:
            await self._bridge.close()
            self._bridge = None
        if address is not None:
            self._bridge = MediaBridge(address, self._socket, with_headers=self._is_streaming)

    async def _detach(self) -> None:
        await self._change_bridge(None)
        if self._end_of_life_timer is not None:
            self._end_of_life_timer.cancel()
        await self._tasks.cancel_and_wait()


def _transfer_request_text(request: TransferRequest) -> str:
    text = f"I want to talk to a person in {request.department or 'support'}"
    return f"{text} about {request.reason}" if request.reason else text


def _preferences(message: Authenticate | VoiceProviders) -> Preferences:
    if isinstance(message, VoiceProviders):
        return Preferences(stt_provider=message.stt_provider, tts_provider=message.tts_provider)
    language = Language(message.language) if message.language else None
    return Preferences(language, message.stt_provider, message.tts_provider, message.audio)
