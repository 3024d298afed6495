"""The check for misspelt variables, made before the settings are read."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from convonet.core.errors import SettingsError

OWN_PREFIXES = ("CONVONET_", "DEEPGRAM_", "ENABLE_VOICE_", "FREEPBX_", "SUITECRM_", "TWILIO_")
"""A variable that starts with one of these is ours; if no field knows it, the operator has misspelt it."""

FOREIGN_PREFIX = "OTEL_"
"""OpenTelemetry's prefix: it has many more variables than we read, with similar names, and other programs read them."""

NEAR_MISS = 0.88
"""Similarity (difflib ratio) from which another variable counts as a misspelt setting: `REDIS_ULR`, `VIOCE_PIN`."""


def refuse_unknown(names: Iterable[str], known: Collection[str]) -> None:
    """Raise `SettingsError` naming each variable that is probably a misspelt setting."""
    faults = []
    for name in names:
        if name in known or name.startswith(FOREIGN_PREFIX):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=NEAR_MISS)
        if name.startswith(OWN_PREFIXES) or near:
            hint = f", did you mean {near[0]}?" if near else " (docs/settings.md lists them all)"
            faults.append(f"unknown setting {name}{hint}")
    if faults:
        raise SettingsError("; ".join(sorted(faults)))
