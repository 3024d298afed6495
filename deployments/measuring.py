"""Metrics of a replica on Ray's endpoint; its counters start at 0 when the replica does."""

from __future__ import annotations

from functools import cache

from convonet.metrics import definitions as d
from convonet.metrics.recorder import metrics
from convonet.metrics.watch import Watch
from convonet.records import turn_metrics as turns
from convonet.settings import Settings, get_settings
from deployments.ray_metrics import RaySink

OWN_MODEL, OWN_SPEECH = "offline", "local"


@cache
def measure(component: str) -> Watch:
    """Start this process's metrics, inside its event loop; `component` is a value of the tag `part`."""
    metrics.set_sink(RaySink())
    metrics.add_tag_values(d.DEPARTMENT, get_settings().call_center.department_names)
    return Watch(metrics, component)


def begin_session_counters(settings: Settings) -> None:
    """Start the counters of a voice replica."""
    turns.declare_counters(metrics, (*settings.models.hosted, OWN_MODEL), sources=("voice", "text"))
    for service, provider in (("hearing", settings.speech.stt_provider), ("speaking", settings.speech.tts_provider)):
        providers = dict.fromkeys((provider, OWN_SPEECH))
        metrics.declare(d.PROVIDER_ERRORS, service=[service], provider=providers)
        metrics.declare(d.FALLBACKS, service=[service], provider=[OWN_SPEECH])
    for counter in (d.HAND_OVERS, d.TALK, d.BARGE_INS, d.REFUSALS, d.PIN_FAILURES, d.RECORDS_LOST):
        metrics.declare(counter)


def begin_agent_counters(settings: Settings) -> None:
    """Start the counters of a replica of the agent, except those of tools, whose names their servers give later."""
    turns.declare_counters(metrics, (*settings.models.hosted, OWN_MODEL), sources=("api",))
    for counter in (d.PROVIDER_ERRORS, d.FALLBACKS):
        metrics.declare(counter, service=["thinking"], provider=(*settings.models.hosted, OWN_MODEL))
    metrics.declare(d.RECORDS_LOST)
