"""The readiness of the product while it starts, by `/ready` and the health routes of the other applications."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

OTHER_APPLICATIONS = ("hanok", "crm", "agent-monitor")
"""Applications that no turn needs, so that `/ready` leaves them out."""

OPTIONAL = frozenset({"redis", "records"})
"""Components that an operator may start later: calls work without them."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Components that answer, whether all needed ones do, and the states of optional ones that do not."""

    ready: set[str]
    is_complete: bool
    later: dict[str, str]


def check_readiness(url: str) -> Readiness:
    """Ask all applications of the product at this address."""
    components = _components_at(f"{url}/ready")
    found = {name: bool(component["ok"]) for name, component in components.items()}
    found |= {name: _answers(f"{url}/{name}/health") for name in OTHER_APPLICATIONS}
    missing = {name for name, ok in found.items() if not ok}
    return Readiness(
        ready=found.keys() - missing,
        is_complete=bool(components) and missing <= OPTIONAL,
        later={name: components[name]["state"] for name in sorted(missing & OPTIONAL)},
    )


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 -- our own address
            return bool(answer.status == 200)
    except OSError:
        return False


def _components_at(url: str) -> dict[str, Any]:
    """Return the components of /ready by name; none while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 -- our own address
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read() if error.code == 503 else b""
    except OSError:
        return {}
    try:
        components: dict[str, Any] = json.loads(body).get("parts", {})
    except ValueError:
        # the proxy's own 503 is HTML
        return {}
    return components
