"""Puts a replica's metrics on Ray's endpoint, and lets its counters begin at 0."""

from __future__ import annotations

from functools import cache

from actors.metrics import RaySink
from convonet.metrics import definitions as d
from convonet.metrics.recorder import metrics
from convonet.metrics.watch import Watch
from convonet.records import turn_metrics as turns
from convonet.settings import Settings, get_settings

OWN_MODEL, OWN_SPEECH = "offline", "local"


@cache
def measure(part: str) -> Watch:
    """Call when a replica starts, in its event loop; `part` is a value of the tag of that name."""
    metrics.use(RaySink())
    metrics.know(d.DEPARTMENT, get_settings().call_center.department_names)
    return Watch(metrics, part)


def begin_session_counters(settings: Settings) -> None:
    """Of a voice replica."""
    turns.begin(metrics, (*settings.models.hosted, OWN_MODEL), sources=("voice", "text"))
    for service, provider in (("hearing", settings.speech.stt_provider), ("speaking", settings.speech.tts_provider)):
        providers = dict.fromkeys((provider, OWN_SPEECH))
        metrics.begin(d.PROVIDER_ERRORS, service=[service], provider=providers)
        metrics.begin(d.FALLBACKS, service=[service], provider=[OWN_SPEECH])
    for counter in (d.HAND_OVERS, d.TALK, d.BARGE_INS, d.REFUSALS, d.PIN_FAILURES, d.RECORDS_LOST):
        metrics.begin(counter)


def begin_agent_counters(settings: Settings) -> None:
    """Of a replica of the agent; those of the tools begin when their servers have named them."""
    turns.begin(metrics, (*settings.models.hosted, OWN_MODEL), sources=("api",))
    for counter in (d.PROVIDER_ERRORS, d.FALLBACKS):
        metrics.begin(counter, service=["thinking"], provider=(*settings.models.hosted, OWN_MODEL))
    metrics.begin(d.RECORDS_LOST)
