"""All settings of the product, read from the environment once and validated at start.

Nobody else reads the environment. Each field's alias is the variable's name, its description is the line in
docs/settings.md (generated from here).
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import secrets
import tempfile
from functools import cached_property, lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AnyHttpUrl, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from convonet.core.errors import SettingsError
from convonet.core.logs import PARTS, Level, levels_by_part
from convonet.core.opening_hours import OpeningHours

OWN_PREFIXES = ("CONVONET_", "DEEPGRAM_", "ENABLE_VOICE_", "FREEPBX_", "SUITECRM_", "TWILIO_")
"""A variable that starts like this is ours; one that no field knows is a typing error of the operator."""

FOREIGN_PREFIX = "OTEL_"
"""OpenTelemetry's: it has many more than we read, with names that are much alike, and other programs read them."""

NEAR_MISS = 0.88
"""Similarity (difflib ratio) from which another variable counts as a misspelt setting: `REDIS_ULR`, `VIOCE_PIN`."""

LlmVendor = Literal["anthropic", "google", "openai", "compatible"]
"""Who hosts a chat model; `compatible` is a server of one's own that speaks OpenAI's protocol."""

LlmServer = Literal["vllm", "ollama", "llamacpp", "compatible"]
"""What serves one's own model. Records, metrics and pages show this name."""

LLM_NAMES: dict[str, LlmVendor | None] = {
    "anthropic": "anthropic",
    "claude": "anthropic",
    "google": "google",
    "gemini": "google",
    "openai": "openai",
    "vllm": "compatible",
    "ollama": "compatible",
    "llamacpp": "compatible",
    "compatible": "compatible",
    "offline": None,
}
"""What LLM_PROVIDER may name, older names included; our own model is no vendor."""

_LLM_NEEDS: dict[LlmVendor, str] = {
    "anthropic": "ANTHROPIC_API_KEY",
    "google": "GOOGLE_API_KEY",
    "openai": "OPENAI_API_KEY",
    "compatible": "LLM_BASE_URL",
}

_PRICE = re.compile(r"\s*([^=,\s]+)=(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)\s*")

Milliseconds = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """The product's settings; `Settings.load()` is the way to get them."""

    model_config = SettingsConfigDict(case_sensitive=True, extra="ignore", frozen=True)

    # -- where it lives
    host: str = Field("127.0.0.1", alias="CONVONET_HOST", description="Address that `make run` serves on.")
    port: int = Field(8000, alias="CONVONET_PORT", ge=1, le=65535, description="Port that `make run` serves on.")
    metrics_port: int | None = Field(
        None,
        alias="CONVONET_METRICS_PORT",
        ge=1,
        le=65535,
        description="Port of `/metrics` that `make run` serves for Prometheus; default: a free one, which it prints.",
    )
    dashboard_port: int | None = Field(
        None,
        alias="CONVONET_DASHBOARD_PORT",
        ge=1,
        le=65535,
        description="Port of Ray's dashboard, as in `8265`: `make run` starts it on 127.0.0.1 and prints its address "
        "and token. Default: no dashboard, which saves 0.3 GB of memory and 2 % of a core.",
    )
    data_dir: Path = Field(
        Path(".convonet"),
        alias="CONVONET_DATA_DIR",
        description="Folder of all that is kept on this machine: databases, calls, signing key, demo PIN.",
    )
    public_origins: str = Field(
        "",
        alias="CONVONET_ORIGINS",
        description="Comma-separated origins whose pages may open the WebSocket, besides the one that serves it.",
    )
    forwarded_allow_ips: str = Field(
        "",
        alias="FORWARDED_ALLOW_IPS",
        description="Comma-separated addresses and networks of trusted proxies in front of the product, which name "
        "their callers in X-Forwarded-For, as in `10.0.0.5,35.191.0.0/16`. They have no limit of connections.",
    )
    max_connections: int = Field(
        8_192,
        alias="CONVONET_MAX_CONNECTIONS",
        ge=64,
        description="Connections that HAProxy holds on each node; fewer where it may not open two files for each.",
    )
    connections_per_address: int = Field(
        500,
        alias="CONVONET_CONNECTIONS_PER_ADDRESS",
        ge=1,
        description="Connections of one address (IPv6: of one /64 network) that HAProxy holds on each node, idle ones "
        "included. A page has up to seven; a trusted proxy has no limit.",
    )
    proxy_metrics_host: str = Field(
        "127.0.0.1",
        alias="CONVONET_PROXY_METRICS_HOST",
        description="Address on which each node's HAProxy serves its own metrics (port 9101, `/metrics`): `0.0.0.0` on "
        "a cluster, where a network policy lets only Prometheus in.",
    )
    log_level: Level = Field("info", alias="CONVONET_LOG_LEVEL", description="Lowest level that is logged.")
    log_levels: str = Field(
        "",
        alias="CONVONET_LOG_LEVELS",
        description=f"Other levels for single parts, as in `speech=debug,agent=warning`: {', '.join(PARTS)}.",
    )
    log_words: bool = Field(
        False,
        alias="CONVONET_LOG_WORDS",
        description="Whether debug lines may hold what callers say and hear, and tracebacks the texts of all errors.",
    )
    otlp_endpoint: AnyHttpUrl | None = Field(
        None,
        alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="OpenTelemetry collector (OTLP/HTTP) that gets a trace of each turn; default: none is made.",
    )
    otlp_headers: SecretStr | None = Field(
        None,
        alias="OTEL_EXPORTER_OTLP_HEADERS",
        description="Headers that the collector wants, such as a token: `name=value,name=value`.",
    )
    trace_ratio: float = Field(
        1.0, alias="CONVONET_TRACE_RATIO", ge=0, le=1, description="Share of the turns that are traced."
    )
    trace_words: bool = Field(
        False,
        alias="CONVONET_TRACE_WORDS",
        description="Whether traces may hold what callers say, what they are answered and what tools are given.",
    )
    tools_url: AnyHttpUrl | None = Field(
        None,
        alias="CONVONET_TOOLS_URL",
        description="Base URL of other MCP servers, reached by streamable HTTP: a domain's is at `<base>/<domain>`. "
        "Default: the product's own tools, by a way of their own.",
    )
    signing_key: SecretStr | None = Field(
        None,
        alias="CONVONET_SIGNING_KEY",
        description="Key of all signed tokens, at least 32 characters; default: made once, kept in the data folder. "
        "Set it on a cluster, where the nodes share no folder.",
    )

    # -- stores
    db_uri: SecretStr | None = Field(
        None, alias="DB_URI", description="PostgreSQL database; default: an embedded SQLite file."
    )
    redis_url: SecretStr | None = Field(
        None,
        alias="REDIS_URL",
        description="Redis for checkpoints, attempts and turn records; needed on more than one machine. "
        "Default: files of the data folder.",
    )

    # -- callers
    enable_voice_pin: bool = Field(True, alias="ENABLE_VOICE_PIN", description="Whether callers must give a PIN.")
    voice_pin: SecretStr | None = Field(
        None, alias="VOICE_PIN", description="The PIN when there is no DB_URI; default: a random one that is printed."
    )
    caller_timezone: str = Field(
        "UTC", alias="CONVONET_TIMEZONE", description="IANA time zone of callers of whom none is known."
    )
    pin_attempts_per_session: int = Field(
        5, alias="CONVONET_PIN_ATTEMPTS_PER_SESSION", ge=1, description="Wrong PINs of one session until it must wait."
    )
    pin_attempts_per_address: int = Field(
        10, alias="CONVONET_PIN_ATTEMPTS_PER_ADDRESS", ge=1, description="Wrong PINs an address may give in 15 minutes."
    )
    pin_attempts_overall: int = Field(
        300, alias="CONVONET_PIN_ATTEMPTS_OVERALL", ge=1, description="Wrong PINs all may give in 15 minutes."
    )

    login_timeout_s: Seconds = Field(
        120.0,
        alias="CONVONET_LOGIN_TIMEOUT_S",
        description="How long a WebSocket may stay open without a login. The page opens another when one is needed.",
    )
    max_unauthenticated: int = Field(
        400,
        alias="CONVONET_MAX_UNAUTHENTICATED",
        ge=1,
        description="WebSockets without a login that one replica holds. Of more, the one that has waited longest is "
        "closed.",
    )

    # -- sessions
    sessions_per_host: int = Field(
        400, alias="CONVONET_SESSIONS_PER_HOST", ge=1, description="Sessions that one host holds before it refuses."
    )
    sessions_per_address: int = Field(
        50, alias="CONVONET_SESSIONS_PER_ADDRESS", ge=1, description="Open sockets one address may hold per replica."
    )
    max_new_callers: int = Field(
        12,
        alias="CONVONET_MAX_NEW_CALLERS",
        ge=1,
        description="New callers that a voice replica takes within eight seconds, before it can tell what they cost; "
        "fewer the more load there is.",
    )
    max_cpu_percent: int = Field(
        85,
        alias="CONVONET_MAX_CPU_PERCENT",
        ge=1,
        le=100,
        description="How busy the cores of a voice replica may be on average before it takes no new callers, in "
        "percent; 100 switches it off. Cores that are busy with other programs count too.",
    )
    max_loop_lag_ms: Milliseconds = Field(
        5,
        alias="CONVONET_MAX_LOOP_LAG_MS",
        description="Average lateness of a voice replica's event loop from which on it takes no new callers, in "
        "milliseconds. A turn passes the loop a dozen times: at 5 ms it takes about 1.3 times as long as with room.",
    )
    max_turn_wait_ms: Milliseconds = Field(
        1_000,
        alias="CONVONET_MAX_TURN_WAIT_MS",
        description="Longest time that a turn may wait for its agent before no new callers are taken, in milliseconds.",
    )
    idle_timeout_s: Seconds = Field(
        900.0, alias="CONVONET_IDLE_TIMEOUT_S", description="A session nobody uses for this long ends."
    )
    resume_grace_s: Seconds = Field(
        120.0, alias="CONVONET_RESUME_GRACE_S", description="How long a session waits for a lost caller to come back."
    )
    max_socket_life_s: Seconds = Field(
        6_600.0,
        alias="CONVONET_MAX_SOCKET_LIFE_S",
        description="Age at which a caller's WebSocket is replaced by a new one; from five minutes before on that is "
        "done when nobody speaks. Keep it below what a load balancer lets a connection live: on GKE 7200 s.",
    )
    max_message_bytes: int = Field(
        262_144, alias="CONVONET_MAX_MESSAGE_BYTES", ge=1024, description="Largest WebSocket message."
    )
    max_utterance_bytes: int = Field(
        3_000_000, alias="CONVONET_MAX_UTTERANCE_BYTES", ge=10_000, description="Largest recording."
    )
    min_utterance_bytes: int = Field(
        600, alias="CONVONET_MIN_UTTERANCE_BYTES", ge=1, description="Shorter recordings are refused as too short."
    )
    max_messages_per_s: int = Field(
        100, alias="CONVONET_MAX_MESSAGES_PER_S", ge=1, description="Messages a second one socket may send (burst: 4x)."
    )

    # -- speech
    stt_provider: Literal["deepgram", "local"] | None = Field(
        None, alias="VOICE_STT_PROVIDER", description="Who hears; default: deepgram when its key is set, else local."
    )
    tts_provider: Literal["deepgram", "local"] | None = Field(
        None, alias="VOICE_TTS_PROVIDER", description="Who speaks; default: deepgram when its key is set, else local."
    )
    deepgram_api_key: SecretStr | None = Field(None, alias="DEEPGRAM_API_KEY", description="Key of a Deepgram account.")
    deepgram_model: str = Field("nova-3", alias="DEEPGRAM_MODEL", description="Deepgram recognition model.")
    deepgram_voice_id: str = Field("aura-2-thalia-en", alias="DEEPGRAM_VOICE_ID", description="Deepgram voice.")
    deepgram_base_url: AnyHttpUrl | None = Field(
        None, alias="DEEPGRAM_BASE_URL", description="Another address of Deepgram's API (self-hosted, tests)."
    )
    stt_timeout_s: Seconds = Field(
        8.0, alias="CONVONET_STT_TIMEOUT_S", description="Longest wait for a hosted recogniser, retries included."
    )
    tts_timeout_s: Seconds = Field(
        8.0, alias="CONVONET_TTS_TIMEOUT_S", description="Longest wait for a hosted voice, retries included."
    )
    tts_sockets: int = Field(
        45,
        alias="CONVONET_TTS_SOCKETS",
        ge=0,
        description="Voice connections (WebSockets) that all replicas together hold open at Deepgram, which allows 45 "
        "for a project without a contract. Other answers are spoken by a request for each sentence; 0: all are.",
    )
    local_voice: str = Field(
        "en-us+klatt5", alias="CONVONET_LOCAL_VOICE", description="eSpeak NG voice of local speech."
    )
    max_utterance_s: Seconds = Field(
        30.0, alias="CONVONET_MAX_UTTERANCE_S", description="Local recognition refuses longer speech."
    )

    # -- agent
    llm_provider: str | None = Field(
        None,
        alias="LLM_PROVIDER",
        description="Models in the order in which they are asked, comma-separated: anthropic, google, openai, "
        "vllm, offline; default: those that have a key or an address. `vllm` (also `ollama`, `llamacpp`, `compatible`) "
        "is the server at LLM_BASE_URL; `offline` is our own model, without a key, and always last.",
    )
    anthropic_api_key: SecretStr | None = Field(None, alias="ANTHROPIC_API_KEY", description="Key of Claude.")
    anthropic_model: str = Field("claude-sonnet-5-5", alias="ANTHROPIC_MODEL", description="Which Claude.")
    anthropic_base_url: AnyHttpUrl | None = Field(
        None, alias="ANTHROPIC_BASE_URL", description="Another address of Anthropic's API (gateway, tests)."
    )
    google_api_key: SecretStr | None = Field(None, alias="GOOGLE_API_KEY", description="Key of Gemini.")
    google_model: str = Field("gemini-3.5-flash", alias="GOOGLE_MODEL", description="Which Gemini.")
    google_base_url: AnyHttpUrl | None = Field(
        None, alias="GOOGLE_BASE_URL", description="Another address of the Gemini API (gateway, tests)."
    )
    openai_api_key: SecretStr | None = Field(None, alias="OPENAI_API_KEY", description="Key of OpenAI.")
    openai_model: str = Field("gpt-5.4-mini", alias="OPENAI_MODEL", description="Which model of OpenAI.")
    openai_base_url: AnyHttpUrl | None = Field(
        None, alias="OPENAI_BASE_URL", description="Another address of OpenAI's API (gateway, tests)."
    )
    llm_base_url: AnyHttpUrl | None = Field(
        None,
        alias="LLM_BASE_URL",
        description="Address of a server of your own that speaks OpenAI's protocol (vLLM, Ollama, llama.cpp), with its "
        "`/v1`: `http://127.0.0.1:8001/llm/v1`. `convonet model check` tells what it can.",
    )
    llm_server: LlmServer = Field(
        "vllm",
        alias="LLM_SERVER",
        description="What this server is: vllm, ollama, llamacpp or compatible. Records, metrics and pages show this "
        "name as the provider. A `compatible` one may end an answer without saying why it stops.",
    )
    llm_model: str | None = Field(
        None, alias="LLM_MODEL", description="The model that this server serves, as its `/v1/models` names it."
    )
    llm_api_key: SecretStr | None = Field(
        None, alias="LLM_API_KEY", description="The server's key, if it was started with one."
    )
    llm_silence_s: Seconds = Field(
        5.0,
        alias="CONVONET_LLM_SILENCE_S",
        description="Longest wait for a hosted model's next words before another model is asked.",
    )
    llm_timeout_s: Seconds = Field(
        20.0, alias="CONVONET_LLM_TIMEOUT_S", description="Longest time one answer of a hosted model may take."
    )
    llm_rest_s: Seconds = Field(
        15.0, alias="CONVONET_LLM_REST_S", description="How long a hosted model that failed is left alone."
    )
    turn_timeout_s: Seconds = Field(
        30.0, alias="CONVONET_TURN_TIMEOUT_S", description="Longest time an answer may take."
    )
    tool_timeout_s: Seconds = Field(6.0, alias="CONVONET_TOOL_TIMEOUT_S", description="Longest time one tool may take.")

    # -- hand-over to a human
    freepbx_domain: str | None = Field(
        None, alias="FREEPBX_DOMAIN", description="SIP domain of the PBX; unset: nobody can be handed over."
    )
    departments: str = Field(
        "support,sales,technical",
        alias="VOICE_AGENT_DEPARTMENTS",
        description="Departments that callers can be handed over to, each with its extension: `sales=2002`.",
    )
    fallback_department: str = Field(
        "support", alias="VOICE_AGENT_FALLBACK_DEPARTMENT", description="For callers who name no department."
    )
    fallback_extension: str = Field(
        "2001", alias="VOICE_AGENT_FALLBACK_EXTENSION", description="Of departments without one of their own."
    )
    freepbx_sip_transport: Literal["udp", "tcp", "tls"] = Field(
        "udp", alias="FREEPBX_SIP_TRANSPORT", description="How Twilio reaches the PBX."
    )
    freepbx_sip_username: str | None = Field(
        None, alias="FREEPBX_SIP_USERNAME", description="What Twilio shows a PBX that asks who calls."
    )
    freepbx_sip_password: SecretStr | None = Field(
        None, alias="FREEPBX_SIP_PASSWORD", description="The password to it."
    )
    freepbx_wss_url: str | None = Field(
        None,
        alias="FREEPBX_WSS_URL",
        description="Where the desks' browsers reach the PBX, as in `wss://pbx.example.com:7443`.",
    )
    public_url: AnyHttpUrl | None = Field(
        None,
        alias="VOICE_GATEWAY_PUBLIC_URL",
        description="Address at which Twilio reaches this product, `https://` and without a path.",
    )
    twilio_account_sid: str | None = Field(None, alias="TWILIO_ACCOUNT_SID", description="Twilio account.")
    twilio_auth_token: SecretStr | None = Field(
        None, alias="TWILIO_AUTH_TOKEN", description="Its token; also what its webhooks are signed with."
    )
    twilio_caller_id: str = Field(
        "convonet", alias="TWILIO_CALLER_ID", description="Who calls, as the desk's telephone shows it."
    )
    twilio_phone_number: str | None = Field(
        None, alias="TWILIO_PHONE_NUMBER", description="Number of yours at Twilio from which callers are called back."
    )
    twilio_base_url: AnyHttpUrl | None = Field(
        None, alias="TWILIO_BASE_URL", description="Another address of Twilio's API (tests)."
    )
    transfer_ring_s: Seconds = Field(
        20.0,
        alias="TRANSFER_TIMEOUT",
        description="How long a desk rings. The PBX must ring 5 s longer, else its voicemail takes the call.",
    )
    transcribe_talks: bool = Field(
        True,
        alias="CONVONET_TRANSCRIBE_TALKS",
        description="Whether what caller and human say is written down, for the desk to read and the agent to know.",
    )
    transfer_wait_s: Seconds = Field(
        300.0, alias="CONVONET_TRANSFER_WAIT_S", description="Longest time in the queue for a human."
    )
    transfer_absent_wait_s: Seconds = Field(
        60.0,
        alias="CONVONET_TRANSFER_ABSENT_WAIT_S",
        description="The same while all desks are not ready; then a call back is offered.",
    )

    # -- the monitor
    llm_prices: str = Field(
        "",
        alias="CONVONET_LLM_PRICES",
        description="What a million tokens cost, read and written, by model: `claude-sonnet-5-5=3/15,other=0.5/2`. "
        "The monitor shows costs of these models only.",
    )
    currency: str = Field("USD", alias="CONVONET_CURRENCY", description="Currency of these prices.")

    # -- CRM
    suitecrm_url: AnyHttpUrl | None = Field(
        None, alias="SUITECRM_URL", description="SuiteCRM's address, without /Api; default: contacts in our own tables."
    )
    suitecrm_client_id: str | None = Field(None, alias="SUITECRM_CLIENT_ID", description="OAuth2 client of its V8 API.")
    suitecrm_client_secret: SecretStr | None = Field(
        None, alias="SUITECRM_CLIENT_SECRET", description="Secret of that client."
    )
    suitecrm_username: str | None = Field(
        None,
        alias="SUITECRM_USERNAME",
        description="SuiteCRM user to act as (password grant); default: the client's own user (client credentials).",
    )
    suitecrm_password: SecretStr | None = Field(None, alias="SUITECRM_PASSWORD", description="Password of that user.")
    suitecrm_auth_timeout_s: Seconds = Field(
        10.0, alias="SUITECRM_AUTH_TIMEOUT_S", description="Longest wait for a token of SuiteCRM."
    )
    suitecrm_timeout_s: Seconds = Field(
        15.0, alias="SUITECRM_TIMEOUT_S", description="Longest wait for any other answer of SuiteCRM."
    )
    agent_service_token: SecretStr | None = Field(
        None,
        alias="AGENT_SERVICE_TOKEN",
        description="Bearer token of who may use the agent API, at least 32 characters; unset: the API is closed.",
    )
    crm_service_token: SecretStr | None = Field(
        None,
        alias="CRM_SERVICE_TOKEN",
        description="Bearer token of those who may use the CRM API, at least 32 characters; unset: the API is closed.",
    )
    phone_region: str = Field(
        "US",
        alias="CONVONET_PHONE_REGION",
        description="Country (ISO 3166, two letters) of phone numbers said without a country code.",
    )

    # -- the restaurant
    hanok_timezone: str = Field(
        "America/Los_Angeles", alias="HANOK_TIMEZONE", description="IANA time zone of the Hanok restaurant."
    )
    hanok_opening_hours: str = Field(
        "mon-thu 11:30-22:00; fri-sat 11:30-23:00; sun 11:30-21:30",
        alias="HANOK_OPENING_HOURS",
        description="When the Hanok restaurant is open, in its own time; the last guests come an hour before closing.",
    )
    hanok_requests_per_minute: int = Field(
        120,
        alias="HANOK_REQUESTS_PER_MINUTE",
        ge=1,
        description="Requests to its public API that one address may make, per replica.",
    )

    @classmethod
    def load(cls) -> Settings:
        """Read and validate the environment. Raises `SettingsError` naming each setting at fault."""
        _refuse_unknown(cls)
        try:
            return cls()
        except ValidationError as error:
            lines = [f"{'.'.join(str(p) for p in e['loc']) or 'settings'}: {e['msg']}" for e in error.errors()]
            raise SettingsError("; ".join(lines)) from None

    @field_validator("db_uri")
    @classmethod
    def _only_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        scheme = urlsplit(value.get_secret_value()).scheme
        if scheme not in {"postgresql", "postgres", "postgresql+asyncpg"}:
            raise ValueError("must be a postgresql:// address; leave it unset for the embedded database")
        return value

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _proxies_are_networks(cls, value: str) -> str:
        try:
            _networks_in(value)
        except ValueError:
            raise ValueError("must be addresses or networks, as in `10.0.0.5,35.191.0.0/16`") from None
        return value

    @field_validator("log_levels")
    @classmethod
    def _parts_are_known(cls, value: str) -> str:
        levels_by_part(value)
        return value

    @field_validator("departments")
    @classmethod
    def _departments_are_names(cls, value: str) -> str:
        if not all(re.fullmatch(r"\s*[\w -]{1,40}(=\d{2,10})?\s*", name) for name in value.split(",")):
            raise ValueError("must be names, each with or without an extension: `support=2001,sales=2002`")
        return value

    @field_validator("llm_prices")
    @classmethod
    def _prices_are_numbers(cls, value: str) -> str:
        if value and not all(_PRICE.fullmatch(part) for part in value.split(",")):
            raise ValueError("must be prices of models, read and written: `claude-sonnet-5-5=3/15,other=0.5/2`")
        return value

    @field_validator("llm_provider")
    @classmethod
    def _models_are_known(cls, value: str | None) -> str | None:
        unknown = [name for name in _names_in(value) if name not in LLM_NAMES]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is none of {', '.join(LLM_NAMES)}")
        return value

    @field_validator("caller_timezone", "hanok_timezone")
    @classmethod
    def _zone_is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("must be an IANA time zone such as America/Los_Angeles") from error
        return value

    @field_validator("hanok_opening_hours")
    @classmethod
    def _hours_can_be_read(cls, value: str) -> str:
        OpeningHours.parse(value)
        return value

    @field_validator("voice_pin")
    @classmethod
    def _pin_is_digits(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[0-9]{4,10}", value.get_secret_value()):
            raise ValueError("must be 4 to 10 digits")
        return value

    @field_validator("phone_region")
    @classmethod
    def _region_has_phones(cls, value: str) -> str:
        if value not in SUPPORTED_REGIONS:
            raise ValueError("must be a country of two capital letters such as US")
        return value

    @field_validator("signing_key", "agent_service_token", "crm_service_token")
    @classmethod
    def _key_is_long(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("must have at least 32 characters")
        return value

    @model_validator(mode="after")
    def _no_contradiction(self) -> Settings:
        if self.db_uri is not None and self.voice_pin is not None:
            raise ValueError("VOICE_PIN contradicts DB_URI: with a database, PINs come from users_anthropic.voice_pin")
        if not self.enable_voice_pin and self.voice_pin is not None:
            raise ValueError("VOICE_PIN contradicts ENABLE_VOICE_PIN=false")
        for name, provider in (("VOICE_STT_PROVIDER", self.stt_provider), ("VOICE_TTS_PROVIDER", self.tts_provider)):
            if provider == "deepgram" and self.deepgram_api_key is None:
                raise ValueError(f"{name}=deepgram needs DEEPGRAM_API_KEY")
        return self

    @model_validator(mode="after")
    def _ports_differ(self) -> Settings:
        ports = {
            "CONVONET_PORT": self.port,
            "CONVONET_METRICS_PORT": self.metrics_port,
            "CONVONET_DASHBOARD_PORT": self.dashboard_port,
        }
        for (name, port), (other, other_port) in combinations(ports.items(), 2):
            if port is not None and port == other_port:
                raise ValueError(f"{other} must be another port than {name}")
        return self

    @model_validator(mode="after")
    def _models_can_be_reached(self) -> Settings:
        if bool(self.llm_base_url) != bool(self.llm_model):
            raise ValueError("LLM_BASE_URL and LLM_MODEL need each other")
        missing = [_LLM_NEEDS[vendor] for vendor in self.thinks_with if vendor not in self._llm_set]
        if missing:
            raise ValueError(f"LLM_PROVIDER={self.llm_provider} needs {' and '.join(missing)}")
        return self

    @model_validator(mode="after")
    def _telephone_is_whole(self) -> Settings:
        needed = {
            "TWILIO_ACCOUNT_SID": self.twilio_account_sid,
            "TWILIO_AUTH_TOKEN": self.twilio_auth_token,
            "FREEPBX_DOMAIN": self.freepbx_domain,
            "FREEPBX_WSS_URL": self.freepbx_wss_url,
            "VOICE_GATEWAY_PUBLIC_URL": self.public_url,
        }
        given = [name for name, value in needed.items() if value]
        missing = [name for name, value in needed.items() if not value]
        if given and missing:
            raise ValueError(f"{', '.join(given)} needs {' and '.join(missing)} too")
        if self.public_url is not None and self.public_url.scheme != "https":
            raise ValueError("VOICE_GATEWAY_PUBLIC_URL must begin with https://, Twilio connects to nothing else")
        if bool(self.freepbx_sip_username) != bool(self.freepbx_sip_password):
            raise ValueError("FREEPBX_SIP_USERNAME and FREEPBX_SIP_PASSWORD need each other")
        return self

    @model_validator(mode="after")
    def _suitecrm_is_whole(self) -> Settings:
        needed = {
            "SUITECRM_URL": self.suitecrm_url,
            "SUITECRM_CLIENT_ID": self.suitecrm_client_id,
            "SUITECRM_CLIENT_SECRET": self.suitecrm_client_secret,
        }
        user = {"SUITECRM_USERNAME": self.suitecrm_username, "SUITECRM_PASSWORD": self.suitecrm_password}
        given = [name for name, value in (needed | user).items() if value]
        missing = [name for name, value in needed.items() if not value] if given else []
        if any(user.values()):
            missing += [name for name, value in user.items() if not value]
        if missing:
            raise ValueError(f"{', '.join(given)} needs {' and '.join(missing)} too")
        return self

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the database: asyncpg for DB_URI, else aiosqlite on the embedded file."""
        if self.db_uri is None:
            return f"sqlite+aiosqlite:///{self.data_dir.absolute() / 'convonet.db'}"
        address, _, query = self.db_uri.get_secret_value().split("://", 1)[1].partition("?")
        # hosted databases hand out libpq's name of this option; SQLAlchemy passes options to asyncpg by asyncpg's name
        options = "&".join(
            "ssl" + o.removeprefix("sslmode") if o.startswith("sslmode=") else o for o in query.split("&")
        )
        return f"postgresql+asyncpg://{address}" + (f"?{options}" if options else "")

    @property
    def otlp_headers_by_name(self) -> dict[str, str]:
        listed = self.otlp_headers.get_secret_value() if self.otlp_headers else ""
        pairs = (header.partition("=") for header in listed.split(",") if header.strip())
        return {name.strip(): unquote(value.strip()) for name, _, value in pairs}

    @property
    def hears_with(self) -> Literal["deepgram", "local"]:
        return self.stt_provider or ("deepgram" if self.deepgram_api_key else "local")

    @property
    def speaks_with(self) -> Literal["deepgram", "local"]:
        return self.tts_provider or ("deepgram" if self.deepgram_api_key else "local")

    @property
    def thinks_with(self) -> tuple[LlmVendor, ...]:
        """The hosted models in the order in which they are asked; none when our own thinks alone."""
        if self.llm_provider is None:
            return self._llm_set
        named = [LLM_NAMES[name] for name in _names_in(self.llm_provider)]
        return tuple(dict.fromkeys(vendor for vendor in named if vendor is not None))

    @property
    def department_names(self) -> tuple[str, ...]:
        """All departments, the one for everybody first."""
        named = (name.partition("=")[0].strip() for name in self.departments.split(","))
        return tuple(dict.fromkeys((self.fallback_department, *named)))

    @property
    def token_prices(self) -> dict[str, tuple[float, float]]:
        """What a million tokens cost, read and written, by model."""
        found = (_PRICE.fullmatch(part) for part in self.llm_prices.split(","))
        return {price[1]: (float(price[2]), float(price[3])) for price in found if price is not None}

    @property
    def has_telephone(self) -> bool:
        """Whether callers can be handed over to a human: Twilio and the PBX are set."""
        return self.freepbx_domain is not None

    @property
    def _llm_set(self) -> tuple[LlmVendor, ...]:
        """Hosted models that have what they need."""
        keys: dict[LlmVendor, object] = {
            "anthropic": self.anthropic_api_key,
            "google": self.google_api_key,
            "openai": self.openai_api_key,
            "compatible": self.llm_base_url,
        }
        return tuple(vendor for vendor, key in keys.items() if key)

    @property
    def trusted_proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Whose X-Forwarded-For is believed."""
        return _networks_in(self.forwarded_allow_ips)

    @property
    def allowed_origins(self) -> frozenset[str]:
        return frozenset(o.strip().rstrip("/") for o in self.public_origins.split(",") if o.strip())

    @cached_property
    def signing_secret(self) -> bytes:
        """The key of all signed tokens; made on first use and kept in the data folder when none is set."""
        if self.signing_key is not None:
            return self.signing_key.get_secret_value().encode()
        return _kept_secret(self.data_dir / "signing-key", secrets.token_urlsafe(48)).encode()

    @cached_property
    def demo_pin(self) -> str | None:
        """The PIN of the embedded setup: VOICE_PIN, else a random one kept in the data folder; None with DB_URI."""
        if self.db_uri is not None or not self.enable_voice_pin:
            return None
        if self.voice_pin is not None:
            return self.voice_pin.get_secret_value()
        return _kept_secret(self.data_dir / "voice-pin", f"{secrets.randbelow(1_000_000):06d}")


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings; the environment is read once."""
    return Settings.load()


def _networks_in(listed: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(entry.strip(), strict=False) for entry in listed.split(",") if entry.strip())


def _names_in(listed: str | None) -> list[str]:
    return [name.strip() for name in (listed or "").split(",") if name.strip()]


def _refuse_unknown(model: type[Settings]) -> None:
    known = {field.alias for field in model.model_fields.values() if field.alias}
    faults = []
    for name in os.environ:
        if name in known or name.startswith(FOREIGN_PREFIX):
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=NEAR_MISS)
        if name.startswith(OWN_PREFIXES) or near:
            hint = f", did you mean {near[0]}?" if near else " (docs/settings.md lists them all)"
            faults.append(f"unknown setting {name}{hint}")
    if faults:
        raise SettingsError("; ".join(sorted(faults)))


def _kept_secret(path: Path, fresh: str) -> str:
    """The secret in `path`; `fresh` is put there first if the file does not exist, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # written aside and linked: of several processes that start at once, none may read a file that is still empty
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-") as draft:
        draft.write(fresh)
        draft.flush()
        with contextlib.suppress(FileExistsError):
            os.link(draft.name, path)
    kept = path.read_text().strip()
    if not kept:
        raise SettingsError(f"{path} is empty: delete it, a new one is made then")
    return kept
