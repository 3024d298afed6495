"""Settings of how much one replica takes on, and how much one caller may send."""

from __future__ import annotations

from pydantic import Field

from convonet.settings.group import SettingsGroup


class LimitSettings(SettingsGroup):
    sessions_per_host: int = Field(
        400,
        alias="CONVONET_SESSIONS_PER_HOST",
        ge=1,
        description="Sessions that one session registry holds before it refuses new ones.",
    )
    sessions_per_address: int = Field(
        50,
        alias="CONVONET_SESSIONS_PER_ADDRESS",
        ge=1,
        description="Open WebSockets that one address may have at each replica.",
    )
    max_new_callers: int = Field(
        12,
        alias="CONVONET_MAX_NEW_CALLERS",
        ge=1,
        description="New callers that a voice replica takes within eight seconds, before their load can be measured; "
        "fewer the more load there is, and where a container's CPU limit is less than a core.",
    )
    max_cpu_percent: int = Field(
        85,
        alias="CONVONET_MAX_CPU_PERCENT",
        ge=1,
        le=100,
        description="Average CPU use of a voice replica's cores, in percent, from which it takes no new callers; 100 "
        "switches this limit off. Other programs on these cores count too.",
    )
    max_loop_lag_ms: int = Field(
        5,
        alias="CONVONET_MAX_LOOP_LAG_MS",
        gt=0,
        description="Average lateness of a voice replica's event loop, in milliseconds, from which it takes no new "
        "callers. A turn passes the loop a dozen times: at 5 ms it takes about 1.3 times as long as on an idle one.",
    )
    max_turn_wait_ms: int = Field(
        1_000,
        alias="CONVONET_MAX_TURN_WAIT_MS",
        gt=0,
        description="Wait of a turn for its agent, in milliseconds, from which no new callers are taken.",
    )
    max_message_bytes: int = Field(
        262_144, alias="CONVONET_MAX_MESSAGE_BYTES", ge=1024, description="Largest WebSocket message, in bytes."
    )
    max_utterance_bytes: int = Field(
        3_000_000, alias="CONVONET_MAX_UTTERANCE_BYTES", ge=10_000, description="Largest recording, in bytes."
    )
    min_utterance_bytes: int = Field(
        600,
        alias="CONVONET_MIN_UTTERANCE_BYTES",
        ge=1,
        description="Smallest recording, in bytes; smaller ones are refused as too short.",
    )
    max_messages_per_s: int = Field(
        100,
        alias="CONVONET_MAX_MESSAGES_PER_S",
        ge=1,
        description="Messages per second that one WebSocket may send; a burst may be four times as large.",
    )
