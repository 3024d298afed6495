"""One WebSocket of /webrtc/ws: validates what the client sends and relays it to the caller's session and back.

It holds nothing that must survive: a session lives in a session host, and whoever has its resume token finds it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable

import structlog

from convonet.auth.tokens import read_resume_token
from convonet.errors import AuthRefused, ConvonetError, ErrorCode, ProtocolError, SessionGone
from convonet.gateway.caller_line import CallerLine
from convonet.gateway.frames import parse
from convonet.gateway.limits import MessageRate
from convonet.gateway.link import ADMISSION_TIMEOUT_S, Link, Verdict
from convonet.gateway.ports import ClientGone, ClientSocket, HostLost, SessionHosts
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
from convonet.protocol.server import AuthRequired, ErrorMessage, HeartbeatAck, Reconnect, ServerMessage, Status
from convonet.sessions.messages import (
    AnyUtterance,
    Attach,
    CancelTransfer,
    CancelTurn,
    Choose,
    Command,
    Credentials,
    Ended,
    HangUp,
    OpenSession,
    Preferences,
    Refused,
    ResumeSession,
    StillThere,
    TypedUtterance,
)
from convonet.settings import Settings
from convonet.speech.base import Language
from convonet.telephony.messages import LineAddress

log = structlog.get_logger(__name__)

UNAUTHENTICATED_S = 300.0
"""How long a page may show its PIN form before the socket is closed; the page then connects again when needed."""

CONTROL_BYTES = 200
"""No stop, cancel or hang-up is longer; longer ones beyond the rate are not even parsed."""

CLOSE_NORMAL = 1000
CLOSE_POLICY = 1008
CLOSE_TRY_LATER = 1013
CLOSE_REPLACED = 4001
"""Another socket took up this session."""


class Relay:
    """The life of one socket. `run` returns when the socket is closed."""

    def __init__(
        self,
        socket: ClientSocket,
        hosts: SessionHosts,
        settings: Settings,
        *,
        address: str,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._socket = socket
        self._hosts = hosts
        self._settings = settings
        self._address = address
        self._wall_clock = wall_clock
        self.connected_at = wall_clock()
        """Seconds since 1970."""
        self._connection_id = secrets.token_hex(8)
        self._rate = MessageRate(settings.max_messages_per_s, asyncio.get_running_loop().time)
        self._rate_told_at = -1.0
        self._login_until = asyncio.get_running_loop().time() + UNAUTHENTICATED_S
        self._link: Link | None = None
        self._following: asyncio.Task[None] | None = None
        self._recording: Recording | None = None
        self._line: CallerLine | None = None
        self._acknowledged = 0

    async def run(self) -> None:
        """Relay until either side closes."""
        try:
            await self._send(AuthRequired(pin_required=self._settings.enable_voice_pin))
            while True:
                frame = await self._next_frame()
                try:
                    await self._handle_frame(frame)
                except ProtocolError as error:
                    await self._send_error(error.wire_code, error.spoken)
                except ConvonetError as error:
                    await self._send_error(error.code, error.spoken)
        except ClientGone:
            pass
        except TimeoutError:
            await self._socket.close(CLOSE_POLICY)
        finally:
            await self._let_go()

    async def ask_to_reconnect(self) -> None:
        """This process is about to stop: the client should resume elsewhere."""
        with contextlib.suppress(ClientGone):
            await self._send(Reconnect())

    # -- from the client

    async def _next_frame(self) -> str | bytes:
        async with asyncio.timeout_at(None if self._link is not None else self._login_until):
            return await self._socket.receive()

    async def _handle_frame(self, frame: str | bytes) -> None:
        within_rate = self._rate.allow(1 + len(frame) // self._settings.max_message_bytes)
        if isinstance(frame, bytes):
            if within_rate:
                self._add_binary(frame)
            else:
                self._drop()
        elif within_rate:
            await self._handle(parse(frame, most_bytes=self._settings.max_message_bytes))
        else:
            await self._handle_excess(frame)

    async def _handle_excess(self, frame: str) -> None:
        """A message beyond the rate is dropped, but not one that ends something: the page could not repeat it."""
        message = parse(frame, most_bytes=CONTROL_BYTES) if len(frame) <= CONTROL_BYTES else None
        if isinstance(message, StopRecording | Cancel | Hangup):
            await self._handle(message)
        else:
            self._drop()

    async def _handle(self, message: AnyClientMessage) -> None:
        match message:
            case Authenticate():
                await self._authenticate(message)
            case Heartbeat(ts_ms=ts_ms, last_seq=last_seq):
                await self._send(HeartbeatAck(ts_ms=ts_ms))
                await self._acknowledge(last_seq)
            case StartRecording() | AudioChunk() | StreamReset() | StopRecording():
                await self._record(message)
            case TextInput(text=text, utterance_id=utterance_id):
                await self._say(TypedUtterance(utterance_id or secrets.token_hex(8), text, self._wall_clock()))
            case Cancel():
                self._recording = None
                await self._tell(CancelTurn())
            case VoiceProviders():
                await self._tell(Choose(_preferences(message)))
            case TransferRequest():
                # the agent decides about it as if it had been said: it knows who is there, and what to tell them
                await self._say(TypedUtterance(secrets.token_hex(8), _in_words(message), self._wall_clock()))
            case TransferCancel():
                await self._tell(CancelTransfer())
            case Hangup():
                await self._tell(HangUp())

    async def _record(self, message: StartRecording | AudioChunk | StreamReset | StopRecording) -> None:
        match message:
            case StartRecording():
                self._require_link()
                await self._start_recording(message)
            case AudioChunk():
                self._require_recording().add_chunk(message)
            case StreamReset():
                self._require_recording().clear()
            case StopRecording():
                recording, self._recording = self._require_recording(), None
                await self._say(recording.finish(self._wall_clock()))

    def _add_binary(self, audio: bytes) -> None:
        if self._line is not None and self._recording is None:
            self._line.send(audio)
            return
        if len(audio) > self._settings.max_message_bytes:
            most = self._settings.max_message_bytes
            raise ProtocolError(ErrorCode.MESSAGE_TOO_LARGE, f"A message may have {most} bytes at most.")
        self._require_recording().add_bytes(audio)

    async def _start_recording(self, message: StartRecording) -> None:
        self._recording = Recording(
            message,
            began_at=self._wall_clock(),
            most_bytes=self._settings.max_utterance_bytes,
            least_bytes=self._settings.min_utterance_bytes,
        )
        await self._send(Status(message="Recording…"))

    async def _say(self, utterance: AnyUtterance) -> None:
        if not await self._require_link().say(utterance):
            raise ProtocolError(ErrorCode.BUSY, "One moment, I'm still working on what you said.")

    async def _tell(self, command: Command) -> None:
        if not await self._require_link().tell(command):
            raise ProtocolError(ErrorCode.BUSY, "One moment, I'm still working on what you said.")

    async def _acknowledge(self, last_seq: int | None) -> None:
        if self._link is not None and last_seq is not None and last_seq > self._acknowledged:
            self._acknowledged = last_seq
            await self._link.tell(StillThere(last_seq))

    def _drop(self) -> None:
        if self._recording is not None:
            self._recording.has_gap = True
        if asyncio.get_running_loop().time() - self._rate_told_at > 1:
            self._rate_told_at = asyncio.get_running_loop().time()
            raise ProtocolError(ErrorCode.RATE_LIMITED, "Too many messages; some were dropped.")

    def _require_link(self) -> Link:
        if self._link is None:
            raise ProtocolError(ErrorCode.AUTH_REQUIRED, "Please enter your PIN first.")
        return self._link

    def _require_recording(self) -> Recording:
        self._require_link()
        if self._recording is None:
            raise ProtocolError(ErrorCode.INVALID_MODE, "No recording is in progress; send start_recording first.")
        return self._recording

    # -- letting in

    async def _authenticate(self, message: Authenticate) -> None:
        if self._link is not None:
            raise ProtocolError(ErrorCode.INVALID_MODE, "This connection is authenticated already.")
        request, host = self._attach_request(message)
        link = Link(self._hosts, self._forward, self._change_line)
        self._following = asyncio.create_task(self._follow(link, request, host))
        admitted = asyncio.create_task(link.admitted())
        try:
            async with asyncio.timeout(ADMISSION_TIMEOUT_S):
                await asyncio.wait((admitted, self._following), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            self._following.cancel()
            raise HostLost("admission took too long") from None
        finally:
            if not admitted.done():
                admitted.cancel()
        if admitted.done() and not admitted.cancelled():
            self._link = link
            self._socket.allow_large_messages()

    def _attach_request(self, message: Authenticate) -> tuple[Attach, str]:
        if message.resume_token is not None:
            try:
                claims = read_resume_token(message.resume_token, secret=self._settings.signing_secret)
            except AuthRefused:
                raise SessionGone("bad resume token") from None
            return ResumeSession(claims.session_id, message.last_seq or 0), claims.host
        credentials = Credentials(message.pin or "", self._address, self._connection_id)
        return OpenSession(credentials, _preferences(message)), ""

    async def _follow(self, link: Link, request: Attach, host: str) -> None:
        try:
            verdict = await link.follow(request, host=host)
            await self._conclude(verdict)
        except ClientGone:
            pass
        except HostLost as error:
            log.error("session_lost", session_id=link.session_id)
            await self._give_up(error)
        except Exception:
            # the top of this task: a caller must never sit before an open socket that leads nowhere
            log.exception("relay_crashed", session_id=link.session_id)
            await self._give_up(ConvonetError())

    async def _give_up(self, error: ConvonetError) -> None:
        with contextlib.suppress(ClientGone):
            await self._send_error(error.code, error.spoken)
            await self._socket.close(CLOSE_TRY_LATER)

    async def _conclude(self, verdict: Verdict) -> None:
        if isinstance(verdict, Refused):
            await self._send(
                ErrorMessage(code=verdict.code, message=verdict.message, retry_after_ms=verdict.retry_after_ms)
            )
            if self._link is not None:
                # the call was going on: a new connection may find it again
                await self._socket.close(CLOSE_TRY_LATER)
        else:
            await self._socket.close(CLOSE_NORMAL if isinstance(verdict, Ended) else CLOSE_REPLACED)

    # -- to the client

    async def _forward(self, text: str) -> None:
        await self._socket.send(text)

    async def _send(self, message: ServerMessage) -> None:
        message.session_id = self._link.session_id if self._link else ""
        await self._socket.send(message.model_dump_json(exclude_none=True))

    async def _send_error(self, code: ErrorCode, message: str) -> None:
        metrics.count(REFUSALS, code=code)
        await self._send(ErrorMessage(code=code, message=message))

    def _change_line(self, address: LineAddress | None) -> None:
        """The caller is connected with a human, with another line of theirs, or with nobody any more."""
        if self._line is not None:
            self._line.close()
        self._line = CallerLine(address, self._socket) if address is not None else None

    async def _let_go(self) -> None:
        self._change_line(None)
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following


def _in_words(wanted: TransferRequest) -> str:
    asked = f"I want to talk to a person in {wanted.department or 'support'}"
    return f"{asked} about {wanted.reason}" if wanted.reason else asked


def _preferences(message: Authenticate | VoiceProviders) -> Preferences:
    language = message.language if isinstance(message, Authenticate) else None
    return Preferences(Language(language) if language else None, message.stt_provider, message.tts_provider)
