"""Telephony as a Serve application: the one host of all hand-overs. It has no route; others reach it by its handle."""

from __future__ import annotations

from ray import serve
from ray.serve import Application

MAX_FOLLOWERS = 4_000
"""A hand-over has two to three ongoing streams, a desk one."""


def build(args: dict[str, str]) -> Application:
    """The Serve application; there is one replica, whoever comes later takes all over from it."""
    from deployments.telephony.host import ServedTransferHost

    host = serve.deployment(ServedTransferHost).options(  # type: ignore[attr-defined]
        name="TransferHost", num_replicas=1, max_ongoing_requests=MAX_FOLLOWERS
    )
    app: Application = host.bind()
    return app
