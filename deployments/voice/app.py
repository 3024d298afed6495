"""The voice application: the gateway that browsers reach, and the session hosts behind it.

Apart from both, so that a replica of one does not import the other: that costs a second per process at start.
"""

from ray import serve
from ray.serve import Application, Deployment
from ray.serve.config import RequestRouterConfig

from actors.placement import SessionPlacement
from convonet.settings import get_settings
from deployments.voice.gateway import Voice
from deployments.voice.session_hosts import ServedSessionHost

CALLS_PER_SOCKET = 2
"""A socket is one ongoing request of its replica for as long as it lives, and one stream of its session host."""


def build(args: dict[str, str]) -> Application:
    """The Serve application; `serve_config.yaml` sets the number of replicas."""
    settings = get_settings()
    hosts = serve.deployment(ServedSessionHost).options(  # type: ignore[attr-defined]
        name="SessionHost",
        max_ongoing_requests=settings.sessions_per_host * CALLS_PER_SOCKET + 100,
        request_router_config=RequestRouterConfig(request_router_class=SessionPlacement),  # type: ignore[arg-type]
    )
    voice: Deployment = Voice  # type: ignore[assignment]
    return voice.options(max_ongoing_requests=settings.sessions_per_host * CALLS_PER_SOCKET).bind(hosts.bind())
