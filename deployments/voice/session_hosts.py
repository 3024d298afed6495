"""SessionHost as a Serve deployment: built from the settings, with handles to the other applications."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from actors.failures import remote_errors
from actors.handles import handle_to
from actors.remote import RemoteAgent, RemoteSpeech
from actors.remote_transfers import RemoteTransfers
from actors.session_host import SessionHost
from actors.store import checkpoint_store, throttle
from actors.turn_records import TurnRecords
from convonet.auth.pin import pin_verifier
from convonet.errors import ConvonetError
from convonet.health import OK, Check, Health, PartHealth
from convonet.metrics.definitions import RECORDS_WAITING, SESSIONS
from convonet.metrics.turns import measured
from convonet.monitor.live_calls import LiveCalls
from convonet.records.record import TurnRecord
from convonet.sessions.happenings import Watch
from convonet.sessions.services import Services, Timeouts
from convonet.settings import Settings, get_settings
from convonet.speech.base import SpeechToText, TextToSpeech
from convonet.storage.database import Database
from convonet.storage.redis_client import ping
from deployments.logs import log_to_own_stderr
from deployments.measuring import begin_session_counters, measure
from deployments.reporting import replica_name, reporting
from deployments.voice.speech import hosted_speech

AGENT_OVERHEAD_S = 2.0
"""What the hop to the agent may take beyond the agent's own turn timeout."""


class ServedSessionHost(SessionHost):
    """One replica."""

    def __init__(self) -> None:
        settings = get_settings()
        log_to_own_stderr(settings)
        watch = measure("sessions")
        speech, agent = handle_to("Speech", "speech"), handle_to("AgentRouter", "agent")
        transfers = RemoteTransfers(handle_to("CallCenter", "call-center"))
        self._calls = LiveCalls(replica_name())
        self._reporter = reporting("sessions", self._figures, self._calls)
        self._records = TurnRecords(settings, self._reporter)
        super().__init__(
            replica_name(),
            settings=settings,
            pins=pin_verifier(settings),
            throttle=throttle(settings, "pin"),
            checkpoints=checkpoint_store(settings),
            services=_services(
                settings,
                RemoteSpeech(speech),
                RemoteAgent(agent),
                transfers,
                measured(self._records.add),
                self._calls.watch,
            ),
        )
        begin_session_counters(settings)
        watch.gauge(SESSIONS, lambda: {"": self.figures()["sessions"]})
        watch.gauge(RECORDS_WAITING, lambda: {"": len(self._records)})
        self._database = Database(settings.database_url)
        self._health = Health(self._checks(settings))

    async def __del__(self) -> None:  # Serve awaits it
        await self._records.close()
        await self._reporter.close()
        await self._database.close()

    async def parts(self) -> dict[str, PartHealth]:
        """All that a turn needs, and what else the product has, each with its state."""
        return await self._health.parts()

    def _checks(self, settings: Settings) -> dict[str, Check]:
        checks = {
            "speech": Check(_answer_of("Speech", "speech")),
            "agent": Check(_answer_of("AgentRouter", "agent")),
            "tools": Check(_answer_of("Tools", "tools")),
            "call_center": Check(_answer_of("CallCenter", "call-center"), needed=False),
            "monitor": Check(_answer_of("Monitor", "agent-monitor"), needed=False),
            "sessions": Check(self._room, needed=False),
            "database": Check(self._database_state),
            "records": Check(self._records_state, needed=False),
        }
        if settings.redis_url:
            url = settings.redis_url.get_secret_value()
            # without it calls go on, but nobody finds theirs again when a host is lost
            checks["redis"] = Check(lambda: _redis_state(url), needed=False)
        return checks

    async def _room(self) -> str:
        return OK if self.has_room else "full"

    async def _database_state(self) -> str:
        await self._database.ping()
        return OK

    async def _records_state(self) -> str:
        return "waiting for their store" if self._records.store_is_away else OK

    def _figures(self) -> Mapping[str, float]:
        return {**self.figures(), **self._calls.figures(), **self._records.figures()}


def _services(
    settings: Settings,
    local: RemoteSpeech,
    agent: RemoteAgent,
    transfers: RemoteTransfers,
    record: Callable[[TurnRecord], None],
    watch: Watch,
) -> Services:
    """One set for all sessions; vendors' clients are made here, once, and pooled."""
    ears: dict[str, SpeechToText] = {local.name: local}
    voices: dict[str, TextToSpeech] = {local.name: local}
    if (hosted := hosted_speech(settings, local)) is not None:
        ears[hosted.name] = hosted
        voices[hosted.name] = hosted
    return Services(
        ears=ears,
        voices=voices,
        agent=agent,
        default_ear=settings.hears_with,
        default_voice=settings.speaks_with,
        transfers=transfers,
        record=record,
        watch=watch,
        timeouts=Timeouts(think=settings.turn_timeout_s + AGENT_OVERHEAD_S),
    )


def _answer_of(deployment: str, application: str) -> Callable[[], Awaitable[str]]:
    ready = handle_to(deployment, application).ready

    async def look() -> str:
        with remote_errors(ConvonetError, "part"):
            return OK if await ready.remote() else "starting"

    return look


async def _redis_state(url: str) -> str:
    await ping(url)
    return OK
