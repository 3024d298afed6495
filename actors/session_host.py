"""SessionHost: one process that holds many SessionActors; `deployments/voice` makes a Serve deployment of it.

A voice replica opens one `attach` stream per socket and sends commands with `deliver`. Credentials are checked here,
before a session exists, so that an unauthenticated socket costs nothing that lasts.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import AsyncGenerator, Mapping

import structlog

from actors.lifetime import Lifetimes
from actors.session import SessionActor
from convonet.agents.base import Caller
from convonet.auth.pin import PinVerifier
from convonet.auth.throttle import PinThrottle
from convonet.auth.tokens import ResumeClaims, mint_resume_token
from convonet.errors import AuthRefused, CapacityError, ConvonetError, SessionGone
from convonet.ids import SessionId, new_session_id
from convonet.metrics.definitions import BARGE_INS, PIN_FAILURES, REFUSALS
from convonet.metrics.recorder import metrics
from convonet.protocol.server import AuthOk
from convonet.sessions.conversation import Conversation
from convonet.sessions.messages import (
    Attach,
    Attached,
    Command,
    Credentials,
    Delivery,
    HostEvent,
    OpenSession,
    Refused,
    ResumeSession,
    ToClient,
)
from convonet.sessions.services import Services
from convonet.settings import Settings
from convonet.storage.checkpoints import CheckpointStore

log = structlog.get_logger(__name__)

RESUME_TOKEN_S = 86_400.0
"""Longer than any call: whether there is still something to resume, the checkpoint says."""


class SessionHost:
    """Creates, restores, finds and forgets sessions; what happens inside one is the SessionActor's business."""

    def __init__(
        self,
        host: str,
        *,
        settings: Settings,
        pins: PinVerifier,
        throttle: PinThrottle,
        checkpoints: CheckpointStore,
        services: Services,
    ) -> None:
        self._host = host
        self._settings = settings
        self._pins = pins
        self._throttle = throttle
        self._checkpoints = checkpoints
        self._services = services
        self._lifetimes = Lifetimes(idle=settings.idle_timeout_s, grace=settings.resume_grace_s)
        self._sessions: dict[SessionId, SessionActor] = {}
        self._lives: set[asyncio.Task[None]] = set()
        self._restoring: dict[SessionId, asyncio.Lock] = {}

    async def attach(self, request: Attach) -> AsyncGenerator[HostEvent, None]:
        """Let a socket in: `Attached`, `auth_ok`, what the client missed, then all that comes.

        Ends with `Refused`, `Superseded` or `Ended`; closing the stream detaches the socket and leaves the session.
        """
        last_seq = request.last_seq if isinstance(request, ResumeSession) else 0
        try:
            session = await self._let_in(request)
        except ConvonetError as error:
            yield _refusal(error)
            return
        conversation = session.conversation
        yield Attached(conversation.session_id, self._host)
        yield ToClient(0, self._auth_ok(session, resumed=isinstance(request, ResumeSession)))
        async with contextlib.aclosing(session.attach(last_seq)) as events:
            async for event in events:
                yield event

    async def deliver(self, session_id: SessionId, command: Command) -> Delivery:
        """Give a session a command."""
        session = self._sessions.get(session_id)
        if session is None:
            return Delivery.NOT_HERE
        return Delivery.ACCEPTED if session.post(command) else Delivery.FULL

    def figures(self) -> Mapping[str, float]:
        """How this host is doing."""
        return {
            "sessions": len(self._sessions),
            "capacity": self._settings.sessions_per_host,
            "refusals": metrics.total(REFUSALS),
            "pin_failures": metrics.total(PIN_FAILURES),
            "barge_ins": metrics.total(BARGE_INS),
        }

    @property
    def has_room(self) -> bool:
        """Whether one more session may live here."""
        return len(self._sessions) < self._settings.sessions_per_host

    # -- letting in

    async def _let_in(self, request: Attach) -> SessionActor:
        if isinstance(request, OpenSession):
            return await self._open(request)
        return await self._resume(request)

    async def _open(self, request: OpenSession) -> SessionActor:
        self._require_room()
        caller = await self._identify(request.credentials)
        conversation = Conversation(session_id=new_session_id(), caller=caller, began_at=self._services.wall_clock())
        conversation.choose(request.preferences)
        session = self._start(conversation, epoch=1)
        session.greet()
        return session

    async def _identify(self, credentials: Credentials) -> Caller:
        if not self._settings.enable_voice_pin:
            return await self._pins.verify(credentials.pin)
        await self._throttle.check(credentials.connection_id, credentials.address)
        try:
            caller = await self._pins.verify(credentials.pin)
        except (AuthRefused, asyncio.CancelledError):
            # one who hangs up before the answer has tried as well
            metrics.count(PIN_FAILURES)
            await self._throttle.failed(credentials.connection_id, credentials.address)
            raise
        await self._throttle.succeeded(credentials.connection_id, credentials.address)
        return caller

    async def _resume(self, request: ResumeSession) -> SessionActor:
        lock = self._restoring.setdefault(request.session_id, asyncio.Lock())
        try:
            async with lock:
                return self._sessions.get(request.session_id) or await self._restore(request)
        finally:
            if not lock.locked():
                self._restoring.pop(request.session_id, None)

    async def _restore(self, request: ResumeSession) -> SessionActor:
        self._require_room()
        checkpoint = await self._checkpoints.claim(request.session_id)
        if checkpoint is None:
            raise SessionGone
        try:
            conversation = Conversation.from_checkpoint(checkpoint.body)
        except ValueError as error:
            # written by a release that kept other things
            log.warning("checkpoint_unreadable", session_id=request.session_id, error=type(error).__name__)
            raise SessionGone("unreadable checkpoint") from None
        # what the repeated turn says must be numbered after all that the client has
        conversation.seq = max(conversation.seq, request.last_seq)
        session = self._start(conversation, checkpoint.epoch)
        session.repeat_last_turn(request.last_seq)
        log.info("session_restored", session_id=conversation.session_id, epoch=checkpoint.epoch)
        return session

    def _require_room(self) -> None:
        if not self.has_room:
            raise CapacityError("session host is full")

    def _start(self, conversation: Conversation, epoch: int) -> SessionActor:
        session = SessionActor(
            conversation,
            epoch,
            services=self._services,
            checkpoints=self._checkpoints,
            lifetimes=self._lifetimes,
            on_end=self._forget,
        )
        self._sessions[conversation.session_id] = session
        # not in the context of the call that created it: Serve cancels what a cancelled call has called in turn,
        # and a session lives on when its socket is lost
        life = asyncio.create_task(session.run(), context=contextvars.Context())
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        return session

    def _forget(self, session: SessionActor) -> None:
        session_id = session.conversation.session_id
        if self._sessions.get(session_id) is session:
            del self._sessions[session_id]

    def _auth_ok(self, session: SessionActor, *, resumed: bool) -> str:
        conversation = session.conversation
        claims = ResumeClaims(conversation.session_id, self._host)
        message = AuthOk(
            session_id=conversation.session_id,
            user_id=conversation.caller.user_id,
            user_name=conversation.caller.user_name,
            resume_token=mint_resume_token(claims, secret=self._settings.signing_secret, lifetime_s=RESUME_TOKEN_S),
            resumed=resumed,
            pending_utterance_id=session.utterance_at_work,
            offline=embedded_parts(self._settings),
        )
        return message.model_dump_json(exclude_none=True)


def embedded_parts(settings: Settings) -> list[str]:
    """Names of the parts that run on their embedded default, as `auth_ok.offline` lists them."""
    parts = {
        "stt": settings.hears_with == "local",
        "tts": settings.speaks_with == "local",
        "agent": not settings.thinks_with,
        "database": settings.db_uri is None,
        "checkpoints": settings.redis_url is None,
    }
    return [name for name, embedded in parts.items() if embedded]


def _refusal(error: ConvonetError) -> Refused:
    log.info("caller_refused", kind=type(error).__name__)
    metrics.count(REFUSALS, code=error.code)
    return Refused(error.code, error.spoken, getattr(error, "retry_after_ms", None), error.retryable)
