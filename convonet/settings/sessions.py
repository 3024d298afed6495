"""Settings of the life of a session and of its WebSocket."""

from __future__ import annotations

from pydantic import Field

from convonet.settings.group import Seconds, SettingsGroup


class SessionSettings(SettingsGroup):
    idle_timeout_s: Seconds = Field(
        900.0, alias="CONVONET_IDLE_TIMEOUT_S", description="Seconds without use after which a session ends."
    )
    resume_grace_s: Seconds = Field(
        120.0,
        alias="CONVONET_RESUME_GRACE_S",
        description="Seconds that a session waits for its caller to reconnect after the connection was lost.",
    )
    max_socket_life_s: Seconds = Field(
        6_600.0,
        alias="CONVONET_MAX_SOCKET_LIFE_S",
        description="Age in seconds at which a caller's WebSocket is replaced by a new one; in the five minutes before "
        "it is replaced as soon as nobody speaks. Keep it below the longest life that a load balancer gives to a "
        "connection: on GKE 7200 s.",
    )
