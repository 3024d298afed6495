"""Telephony as a Serve application: what Twilio reaches at /twilio, and the host of the hand-overs behind it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ray import serve
from ray.serve import Application, Deployment

from convonet.settings import get_settings
from deployments.logs import log_to_own_stderr

if TYPE_CHECKING:
    from fastapi import FastAPI

MAX_ONGOING = 400
"""A media stream is one ongoing request for as long as the call lasts."""

MAX_FOLLOWERS = 4_000
"""A hand-over has two to three ongoing streams, a desk one."""


def build_http() -> FastAPI:
    """The replica's application.

    What only a replica needs is imported here: to build the Serve application is a process's work of its own.
    """
    import ray

    from actors.remote import RemoteSpeech
    from actors.remote_transfers import RemoteTransfers
    from convonet.telephony.caller_port import CallerPort
    from convonet.telephony.http import TwilioGate
    from convonet.web.service import http_service

    settings = get_settings()
    log_to_own_stderr(settings)
    callers = CallerPort()
    hub = RemoteTransfers(serve.get_deployment_handle("TransferHost", "telephony", _check_exists=False))
    voice = RemoteSpeech(serve.get_deployment_handle("Speech", "speech", _check_exists=False))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        await callers.start(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        yield
        await callers.stop()

    app = http_service("twilio-gate", lifespan)
    app.include_router(TwilioGate(settings, hub, voice, callers).router())

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Alive: this replica answers."""
        return {"status": "ok", "service": "twilio-gate"}

    return app


@serve.deployment(max_ongoing_requests=MAX_ONGOING)
@serve.ingress(build_http)
class TwilioGate:
    """One replica; it depends on the host so that both are one application."""

    def __init__(self, _host: object) -> None:
        """The host is found by its name: it may be replaced."""


def build(args: dict[str, str]) -> Application:
    """The Serve application; there is one host, and `serve_config.yaml` sets the number of gates."""
    from deployments.telephony.host import ServedTransferHost

    host = serve.deployment(ServedTransferHost).options(  # type: ignore[attr-defined]
        name="TransferHost", max_ongoing_requests=MAX_FOLLOWERS
    )
    gate: Deployment = TwilioGate  # type: ignore[assignment]
    return gate.bind(host.bind())
