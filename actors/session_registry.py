"""The sessions of one voice replica: creates and restores them, confirms them once a second, ends abandoned ones.

Credentials are checked here, before a session exists, so that an unauthenticated socket leaves nothing behind. Used by
the callers' connections through `convonet.gateway.ports.Sessions`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Generator, Mapping
from dataclasses import replace
from weakref import WeakValueDictionary

import structlog

from actors.lifetime import Lifetimes
from actors.session import SessionActor
from convonet.auth.pin import PinVerifier
from convonet.auth.throttle import PinThrottle
from convonet.auth.tokens import mint_resume_token
from convonet.core.background import BackgroundTasks
from convonet.core.caller import Caller
from convonet.core.errors import AuthRefused, ConvonetError, Fenced, ResumeFailed, StorageError
from convonet.core.ids import SessionId, new_session_id
from convonet.gateway.admission import Admission, Place
from convonet.metrics.definitions import BARGE_INS, PIN_FAILURES
from convonet.metrics.recorder import metrics
from convonet.protocol.server import AuthOk
from convonet.sessions.abandoned import end_abandoned
from convonet.sessions.conversation import Conversation
from convonet.sessions.messages import Credentials, Preferences
from convonet.sessions.services import SessionServices
from convonet.settings import Settings
from convonet.storage.checkpoints import Checkpoint, CheckpointStore

log = structlog.get_logger(__name__)

RESUME_TOKEN_TTL_S = 86_400.0
"""Longer than any call; the checkpoint decides whether a session can still be resumed."""

CONFIRM_INTERVAL_S = 1.0
"""Time within which a copy detects that its caller has moved to another process."""

CONFIRM_TIMEOUT_S = 20.0
"""Asking an unreachable store fails within ten seconds. A store that is silent for longer may still answer others."""

SWEEP_INTERVAL_S = 10.0
MAX_SWEPT = 20
"""Limit of abandoned sessions per sweep. After the loss of a node there may be hundreds, while other calls go on."""


class SessionRegistry:
    """Implements `convonet.gateway.ports.Sessions`. Call `start` inside the event loop and `stop` at the end."""

    def __init__(
        self,
        *,
        settings: Settings,
        pins: PinVerifier,
        throttle: PinThrottle,
        checkpoints: CheckpointStore,
        services: SessionServices,
        admission: Admission,
        confirm_timeout_s: float = CONFIRM_TIMEOUT_S,
    ) -> None:
        self._settings = settings
        self._pins = pins
        self._throttle = throttle
        self._checkpoints = checkpoints
        self._services = replace(services, waiting_for_agent=admission.waiting)
        self._admission = admission
        self._lifetimes = Lifetimes(idle=settings.sessions.idle_timeout_s, grace=settings.sessions.resume_grace_s)
        self._sessions: dict[SessionId, SessionActor] = {}
        self._running = BackgroundTasks()
        self._restoring: WeakValueDictionary[SessionId, asyncio.Lock] = WeakValueDictionary()
        """Locks of the sessions that are being resumed."""
        self._housekeeping = BackgroundTasks()
        self._store_is_down = False
        self._confirm_timeout_s = confirm_timeout_s
        self._confirming_since: float | None = None
        self._refused = 0

    def start(self) -> None:
        """Start confirming sessions and ending abandoned ones."""
        self._housekeeping.spawn(self._confirm_periodically(), own_context=True)
        self._housekeeping.spawn(self._sweep_periodically(), own_context=True)

    def check_confirming(self) -> None:
        """Raise `StorageError` when the store does not answer this process: its calls would count as abandoned.

        A failed request counts as an answer: the store is down for every process then.
        """
        since = self._confirming_since
        if since is not None and (silent_for := asyncio.get_running_loop().time() - since) > self._confirm_timeout_s:
            raise StorageError(f"the sessions of this process are not confirmed for {silent_for:.0f} s")

    async def stop(self) -> None:
        """Stop confirming and sweeping. The checkpoints of the sessions stay."""
        await self._housekeeping.cancel_and_wait()

    async def open(self, credentials: Credentials, preferences: Preferences) -> SessionActor:
        with self._counting_refusals(), self._place(returning=False) as place:
            caller = await self._verify_pin(credentials)
        conversation = Conversation(session_id=new_session_id(), caller=caller, began_at=self._services.wall_clock())
        conversation.apply_preferences(preferences)
        session = self._start_session(conversation, 1, place)
        session.greet()
        return session

    async def resume(self, session_id: SessionId, last_seq: int, preferences: Preferences) -> SessionActor:
        lock = self._restoring.setdefault(session_id, asyncio.Lock())
        with self._counting_refusals():
            async with lock:
                session = await self._held_here(session_id) or await self._restore(session_id, last_seq)
        session.conversation.apply_preferences(preferences)
        return session

    def gauges(self) -> Mapping[str, float]:
        """Return the gauges and counters of this replica for the monitor."""
        return {
            **self._admission.gauges(),
            "sessions": len(self._sessions),
            "capacity": self._settings.limits.sessions_per_host,
            "refusals": self._refused,
            "pin_failures": metrics.total(PIN_FAILURES),
            "barge_ins": metrics.total(BARGE_INS),
        }

    # -- admission

    @contextlib.contextmanager
    def _counting_refusals(self) -> Generator[None, None, None]:
        try:
            yield
        except ConvonetError as error:
            self._refused += 1
            log.info("caller_refused", kind=type(error).__name__)
            raise

    @contextlib.contextmanager
    def _place(self, *, returning: bool) -> Generator[Place, None, None]:
        """Take a place for a session, and release it when the block fails. Raises `CapacityError`."""
        place = self._admission.admit(returning=returning)
        try:
            yield place
        except BaseException:
            place.release()
            raise

    async def _verify_pin(self, credentials: Credentials) -> Caller:
        if not self._settings.login.pin_required:
            return await self._pins.verify(credentials.pin)
        await self._throttle.check(credentials.connection_id, credentials.address)
        try:
            caller = await self._pins.verify(credentials.pin)
        except (AuthRefused, asyncio.CancelledError):
            # hanging up before the answer counts as an attempt
            metrics.count(PIN_FAILURES)
            await self._throttle.failed(credentials.connection_id, credentials.address)
            raise
        await self._throttle.succeeded(credentials.connection_id, credentials.address)
        return caller

    async def _held_here(self, session_id: SessionId) -> SessionActor | None:
        """Return the session if it lives here and no other process has taken it over meanwhile."""
        session = self._sessions.get(session_id)
        if session is None:
            return None
        try:
            # even after a recent confirmation: the caller may just have been on another process
            await session.lease.confirm_if_reachable(ask=True)
        except Fenced:
            self._forget(session)
            return None
        return session

    async def _restore(self, session_id: SessionId, last_seq: int) -> SessionActor:
        with self._place(returning=True) as place:
            checkpoint = await self._checkpoints.claim(session_id, lease_s=self._lifetimes.grace)
            if checkpoint is None:
                raise ResumeFailed
            conversation = _conversation_in(checkpoint)
            if conversation is None:
                raise ResumeFailed("unreadable checkpoint")
        # the repeated turn's messages must be numbered after those that the client has
        conversation.seq = max(conversation.seq, last_seq)
        session = self._start_session(conversation, checkpoint.epoch, place)
        session.resume_after_restore(last_seq)
        log.info("session_restored", session_id=session_id, epoch=checkpoint.epoch)
        return session

    def _start_session(self, conversation: Conversation, epoch: int, place: Place) -> SessionActor:
        session = SessionActor(
            conversation,
            epoch,
            services=self._services,
            checkpoints=self._checkpoints,
            lifetimes=self._lifetimes,
            auth_ok=self._auth_ok,
            on_end=self._forget,
        )
        self._sessions[conversation.session_id] = session
        # a session lives on when its socket is lost, so it must not run in the context of that request
        task = self._running.spawn(session.run(), own_context=True)
        task.add_done_callback(lambda _: place.release())
        return session

    def _forget(self, session: SessionActor) -> None:
        if self._sessions.get(session.session_id) is session:
            del self._sessions[session.session_id]

    def _auth_ok(self, session: SessionActor, resumed: bool) -> AuthOk:
        caller, secret = session.conversation.caller, self._settings.signing_secret
        return AuthOk(
            session_id=session.session_id,
            user_id=caller.user_id,
            user_name=caller.user_name,
            resume_token=mint_resume_token(session.session_id, secret=secret, lifetime_s=RESUME_TOKEN_TTL_S),
            resumed=resumed,
            pending_utterance_id=session.pending_utterance_id,
            offline=embedded_parts(self._settings),
        )

    # -- housekeeping

    async def _confirm_periodically(self) -> None:
        while True:
            await asyncio.sleep(CONFIRM_INTERVAL_S)
            self._confirming_since = asyncio.get_running_loop().time()
            try:
                if self._sessions:
                    await self._confirm_all()
            except Exception:
                # the top of a background task: without it the calls of this process would count as abandoned
                log.exception("confirming_crashed")
            self._confirming_since = None

    async def _confirm_all(self) -> None:
        sessions, asked_at = dict(self._sessions), asyncio.get_running_loop().time()
        epochs = {session_id: session.lease.epoch for session_id, session in sessions.items()}
        try:
            held = await self._checkpoints.hold(epochs, self._lifetimes.grace)
        except StorageError as error:
            if not self._store_is_down:
                log.warning("sessions_unconfirmed", error=str(error))
            self._store_is_down = True
            return
        self._store_is_down = False
        for session_id, session in sessions.items():
            if session_id in held.claimed:
                session.lease.mark_claimed()
            elif session_id in held.missing:
                session.lease.mark_missing()
            else:
                session.lease.mark_confirmed(asked_at)

    async def _sweep_periodically(self) -> None:
        suspects: set[SessionId] = set()
        while True:
            # all replicas sweep, at different moments
            await asyncio.sleep(SWEEP_INTERVAL_S * random.uniform(0.5, 1.5))  # noqa: S311 -- nothing secret
            try:
                found = await self._checkpoints.abandoned(MAX_SWEPT)
                # only what two sweeps find: after an outage of the store every lease has expired for a moment
                for session_id in suspects.intersection(found):
                    await self._end_abandoned(session_id)
                suspects = set(found)
            except ConvonetError as error:
                # a session that was claimed and not ended is found again when its lease expires
                log.warning("abandoned_sessions_wait", error=str(error))
                suspects = set()
            except Exception:
                # the top of a background task: the next sweep may succeed
                log.exception("sweep_crashed")

    async def _end_abandoned(self, session_id: SessionId) -> None:
        """End a session whose process died and whose caller did not return."""
        if session_id in self._sessions:
            return
        # the caller may have returned since it was listed
        checkpoint = await self._checkpoints.claim(session_id, lease_s=self._lifetimes.grace, only_abandoned=True)
        if checkpoint is None:
            return
        if (conversation := _conversation_in(checkpoint)) is not None:
            await end_abandoned(conversation, self._services)
        await self._checkpoints.delete(session_id, checkpoint.epoch)
        log.info("abandoned_session_ended", session_id=session_id)


def embedded_parts(settings: Settings) -> list[str]:
    """Return the components that run on their embedded default, for `auth_ok.offline`."""
    components = {
        "stt": settings.speech.stt_provider == "local",
        "tts": settings.speech.tts_provider == "local",
        "agent": not settings.models.hosted,
        "database": settings.storage.db_uri is None,
        "checkpoints": settings.storage.redis_url is None,
    }
    return [name for name, embedded in components.items() if embedded]


def _conversation_in(checkpoint: Checkpoint) -> Conversation | None:
    try:
        return Conversation.from_checkpoint(checkpoint.body)
    except ValueError as error:
        # written by a release with another format
        log.warning("checkpoint_unreadable", session_id=checkpoint.session_id, error=type(error).__name__)
        return None
