"""SessionHost as a Serve deployment: built from the settings, with handles to the other applications."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from actors.failures import remote_errors
from actors.remote import RemoteAgent, RemoteSpeech
from actors.remote_transfers import RemoteTransfers
from actors.reporting import Reporting, TurnRecords, replica_name
from actors.session_host import SessionHost
from actors.store import checkpoint_store, throttle
from convonet.auth.pin import pin_verifier
from convonet.errors import ConvonetError
from convonet.monitor.live_calls import LiveCalls
from convonet.records.record import TurnRecord
from convonet.sessions.happenings import Watch
from convonet.sessions.services import Services, Timeouts
from convonet.settings import Settings, get_settings
from convonet.speech.base import SpeechToText, TextToSpeech
from deployments.logs import log_to_own_stderr
from deployments.voice.speech import hosted_speech

AGENT_OVERHEAD_S = 2.0
"""What the hop to the agent may take beyond the agent's own turn timeout."""

PART_TIMEOUT_S = 2.0
"""A part that is up answers a ready question within milliseconds."""


class ServedSessionHost(SessionHost):
    """One replica."""

    def __init__(self) -> None:
        settings = get_settings()
        log_to_own_stderr(settings)
        # the other applications are deployed at the same time and may not exist yet
        self._parts = {
            "speech": serve.get_deployment_handle("Speech", "speech", _check_exists=False),
            "agent": serve.get_deployment_handle("AgentRouter", "agent", _check_exists=False),
        }
        transfers = RemoteTransfers(serve.get_deployment_handle("CallCenter", "call-center", _check_exists=False))
        self._records = TurnRecords(settings)
        self._calls = LiveCalls(replica_name())
        super().__init__(
            replica_name(),
            settings=settings,
            pins=pin_verifier(settings),
            throttle=throttle(settings, "pin"),
            checkpoints=checkpoint_store(settings),
            services=_services(
                settings,
                RemoteSpeech(self._parts["speech"]),
                RemoteAgent(self._parts["agent"]),
                transfers,
                self._records.add,
                self._calls.watch,
            ),
        )
        self._reporting = Reporting("sessions", self._figures, self._calls)

    async def __del__(self) -> None:  # Serve awaits it
        await self._reporting.close()
        await self._records.close()

    async def parts(self) -> dict[str, dict[str, bool]]:
        """The parts a turn needs, each with whether it answers."""
        answers = await asyncio.gather(*(_answers(handle) for handle in self._parts.values()))
        return {name: {"ok": ok} for name, ok in zip(self._parts, answers, strict=True)} | {"sessions": {"ok": True}}

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


async def _answers(handle: DeploymentHandle[Any]) -> bool:
    try:
        with remote_errors(ConvonetError, "part"):
            async with asyncio.timeout(PART_TIMEOUT_S):
                return bool(await handle.ready.remote())
    except (ConvonetError, TimeoutError):
        return False
