"""Settings of the agent, its tools and its API."""

from __future__ import annotations

from pydantic import AnyHttpUrl, Field

from convonet.settings.group import LongSecret, Seconds, SettingsGroup


class AgentSettings(SettingsGroup):
    turn_timeout_s: Seconds = Field(
        30.0,
        alias="CONVONET_TURN_TIMEOUT_S",
        description="Seconds that the agent may take for a turn, all models and tools included.",
    )
    tool_timeout_s: Seconds = Field(
        6.0, alias="CONVONET_TOOL_TIMEOUT_S", description="Seconds that one call of a tool may take."
    )
    tools_url: AnyHttpUrl | None = Field(
        None,
        alias="CONVONET_TOOLS_URL",
        description="Base URL of other MCP servers, reached by streamable HTTP: a domain's server is at "
        "`<base>/<domain>`. Default: the product's own tools, by a protocol of their own.",
    )
    service_token: LongSecret | None = Field(
        None,
        alias="AGENT_SERVICE_TOKEN",
        description="Bearer token of the programs that may use the agent API, at least 32 characters; unset: the API "
        "is closed.",
    )
