"""The objects of one voice replica: the sessions of its callers, and all that they need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from ray import serve

from actors.cluster import Cluster
from actors.session_registry import SessionRegistry
from actors.turn_records import TurnRecords
from convonet.auth.pin import pin_verifier
from convonet.auth.throttle import throttle
from convonet.gateway.admission import Admission, AdmissionLimits
from convonet.metrics.definitions import RECORDS_WAITING, SESSIONS
from convonet.monitor.live_calls import LiveCalls
from convonet.records.turn_metrics import with_metrics
from convonet.sessions.services import SessionServices, Timeouts
from convonet.settings import get_settings
from convonet.speech.base import SpeechToText, TextToSpeech
from convonet.storage.checkpoints import checkpoint_store
from convonet.storage.database import Database
from convonet.storage.serving import serving_store
from deployments.measuring import begin_session_counters, measure
from deployments.ray_compat import cluster_id
from deployments.replicas import remote_agent, remote_hand_overs, remote_speech, tool_pool
from deployments.reporting import replica_name, start_reports
from deployments.voice.health import health_of
from deployments.voice.speech import hosted_speech

AGENT_OVERHEAD_S = 2.0
"""Time for the request to the agent, in addition to the agent's own turn timeout."""


class VoiceReplica:
    """All objects of this process. Make it inside the event loop; `close` it at the end."""

    def __init__(self) -> None:
        settings = self.settings = get_settings()
        local = self._local_speech = remote_speech()
        self.is_closed: Callable[[], bool] = lambda: False
        """True when new callers are sent elsewhere; the gateway sets it."""
        hosted = hosted_speech(settings.speech, local, replicas=max(1, serve.get_replica_context().world_size))
        self._vendor = hosted.vendor if hosted else None
        self.recognizers: dict[str, SpeechToText] = {local.name: local}
        self.voices: dict[str, TextToSpeech] = {local.name: local}
        if hosted is not None:
            speech = hosted.speech
            self.recognizers[speech.name] = self.voices[speech.name] = speech
        self.hand_overs = remote_hand_overs()
        self._tools = tool_pool()
        self.cluster = Cluster(cluster_id(), serving_store(settings.storage))
        self._calls = LiveCalls(replica_name())
        self._reporter = start_reports("voice", self.gauges, self._calls)
        self._records = TurnRecords(settings.storage, self._reporter)
        self._agent = remote_agent()
        checkpoints = checkpoint_store(settings.storage)
        self._admission = Admission(
            AdmissionLimits.of(settings.limits), others_with_room=lambda: self._reporter.others_with_room
        )
        self.sessions = SessionRegistry(
            settings=settings,
            pins=pin_verifier(settings),
            throttle=throttle(settings, "pin"),
            checkpoints=checkpoints,
            services=SessionServices(
                stt_providers=self.recognizers,
                tts_providers=self.voices,
                agent=self._agent,
                default_stt=settings.speech.stt_provider,
                default_tts=settings.speech.tts_provider,
                hand_overs=self.hand_overs,
                record=with_metrics(self._records.add),
                observe_call=self._calls.watch,
                timeouts=Timeouts(agent_s=settings.agents.turn_timeout_s + AGENT_OVERHEAD_S),
            ),
            admission=self._admission,
        )
        self.database = Database(settings.storage.database_url)
        self.health = health_of(
            settings,
            self.database,
            checkpoints,
            ports={
                "speech": self._local_speech.pool,
                "agent": self._agent.pool,
                "tools": self._tools,
                "call_center": self.hand_overs.pool,
            },
            has_room=lambda: self._admission.has_room,
            store_is_down=lambda: self._records.store_is_down,
        )
        begin_session_counters(settings)
        watch = measure("voice")
        watch.gauge(SESSIONS, lambda: {"": self.sessions.gauges()["sessions"]})
        watch.gauge(RECORDS_WAITING, lambda: {"": len(self._records)})

    def gauges(self) -> Mapping[str, float]:
        """See `ReadGauges`."""
        gauges = self.sessions.gauges()
        return {
            **gauges,
            "room": bool(gauges["room"]) and not self.is_closed(),
            **self._calls.gauges(),
            **self._records.gauges(),
        }

    async def start(self) -> None:
        """Start the background tasks, and open the connections that the first caller would wait for."""
        await self.cluster.start()
        self.sessions.start()
        self._agent.start()
        self._local_speech.start()
        self.hand_overs.start()
        # the first readiness check asks the tools
        self._tools.start_discovery()
        if self._vendor is not None:
            await self._vendor.start()

    async def close(self) -> None:
        """Stop the background tasks, write waiting records, and close all connections."""
        await self.cluster.stop()
        await self.sessions.stop()
        await self._agent.close()
        await self._local_speech.close()
        await self.hand_overs.close()
        await self._tools.close()
        if self._vendor is not None:
            await self._vendor.close()
        await self._records.close()
        await self._reporter.close()
        await self.database.close()


@cache
def voice_replica() -> VoiceReplica:
    """Return the replica of this process, for the web application and for the handle."""
    return VoiceReplica()
