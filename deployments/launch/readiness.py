"""What of the product answers already, as `/ready` and the other applications say."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

OTHER_APPLICATIONS = ("hanok", "crm", "agent-monitor")
"""They are not among the parts of a turn."""

OTHERS_SERVERS = frozenset({"redis", "records"})
"""What an operator may start later: calls go on without."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Names of what answers, whether all does that must, and what may come later, each with its state."""

    ready: set[str]
    is_complete: bool
    later: dict[str, str]


def look(url: str) -> Readiness:
    """How it is now."""
    parts = _parts_at(f"{url}/ready")
    found = {name: bool(part["ok"]) for name, part in parts.items()}
    found |= {name: _answers(f"{url}/{name}/health") for name in OTHER_APPLICATIONS}
    missing = {name for name, ok in found.items() if not ok}
    return Readiness(
        ready=found.keys() - missing,
        is_complete=bool(parts) and missing <= OTHERS_SERVERS,
        later={name: parts[name]["state"] for name in sorted(missing & OTHERS_SERVERS)},
    )


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 -- our own address
            return bool(answer.status == 200)
    except OSError:
        return False


def _parts_at(url: str) -> dict[str, Any]:
    """The parts by name; nothing while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 -- our own address
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read() if error.code == 503 else b""
    except OSError:
        return {}
    try:
        parts: dict[str, Any] = json.loads(body).get("parts", {})
    except ValueError:
        # the proxy's own 503 is a page
        return {}
    return parts
