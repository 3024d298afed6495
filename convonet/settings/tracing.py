"""Settings of the traces sent to an OpenTelemetry collector."""

from __future__ import annotations

from urllib.parse import unquote

from pydantic import AnyHttpUrl, Field, SecretStr

from convonet.settings.group import SettingsGroup


class TracingSettings(SettingsGroup):
    endpoint: AnyHttpUrl | None = Field(
        None,
        alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="OpenTelemetry collector (OTLP over HTTP) to which a trace of each turn is sent, as in "
        "`http://collector:4318`; default: no traces.",
    )
    headers: SecretStr | None = Field(
        None,
        alias="OTEL_EXPORTER_OTLP_HEADERS",
        description="Headers that the collector requires, such as a token: `name=value,name=value`.",
    )
    ratio: float = Field(
        1.0, alias="CONVONET_TRACE_RATIO", ge=0, le=1, description="Share of the turns that is traced, from 0 to 1."
    )
    words: bool = Field(
        False,
        alias="CONVONET_TRACE_WORDS",
        description="Whether traces may hold transcripts, answers and the arguments of tools.",
    )

    @property
    def headers_by_name(self) -> dict[str, str]:
        listed = self.headers.get_secret_value() if self.headers else ""
        pairs = (header.partition("=") for header in listed.split(",") if header.strip())
        return {name.strip(): unquote(value.strip()) for name, _, value in pairs}
