"""Settings of the chat models that answer callers."""

from __future__ import annotations

from typing import Literal

from pydantic import AnyHttpUrl, Field, SecretStr, field_validator, model_validator

from convonet.settings.group import Seconds, SettingsGroup

LlmVendor = Literal["anthropic", "google", "openai", "compatible"]
"""Host of a chat model; `compatible` is the operator's own server that speaks OpenAI's protocol."""

LlmServer = Literal["vllm", "ollama", "llamacpp", "compatible"]
"""Software of the operator's own server. Records, metrics and pages show this name."""

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
"""Names that LLM_PROVIDER may hold, older names included; the offline model has no vendor."""

_VARIABLES: dict[LlmVendor, str] = {
    "anthropic": "ANTHROPIC_API_KEY",
    "google": "GOOGLE_API_KEY",
    "openai": "OPENAI_API_KEY",
    "compatible": "LLM_BASE_URL",
}


class ModelSettings(SettingsGroup):
    chosen: str | None = Field(
        None,
        alias="LLM_PROVIDER",
        description="Models in the order in which they are asked, comma-separated: anthropic, google, openai, "
        "vllm, offline; default: those that have a key or an address. `vllm` (also `ollama`, `llamacpp`, `compatible`) "
        "is the server at LLM_BASE_URL; `offline` is our own model, which needs no key and always comes last.",
    )
    anthropic_api_key: SecretStr | None = Field(
        None, alias="ANTHROPIC_API_KEY", description="API key of Anthropic; with it Claude answers callers."
    )
    anthropic_model: str = Field(
        "claude-sonnet-5-5",
        alias="ANTHROPIC_MODEL",
        description="Claude model that is asked, as Anthropic's API names it.",
    )
    anthropic_base_url: AnyHttpUrl | None = Field(
        None, alias="ANTHROPIC_BASE_URL", description="Another address of Anthropic's API (gateway, tests)."
    )
    google_api_key: SecretStr | None = Field(
        None, alias="GOOGLE_API_KEY", description="API key of Google; with it Gemini answers callers."
    )
    google_model: str = Field(
        "gemini-3.5-flash", alias="GOOGLE_MODEL", description="Gemini model that is asked, as Google's API names it."
    )
    google_base_url: AnyHttpUrl | None = Field(
        None, alias="GOOGLE_BASE_URL", description="Another address of the Gemini API (gateway, tests)."
    )
    openai_api_key: SecretStr | None = Field(
        None, alias="OPENAI_API_KEY", description="API key of OpenAI; with it OpenAI's model answers callers."
    )
    openai_model: str = Field(
        "gpt-5.4-mini", alias="OPENAI_MODEL", description="OpenAI model that is asked, as OpenAI's API names it."
    )
    openai_base_url: AnyHttpUrl | None = Field(
        None, alias="OPENAI_BASE_URL", description="Another address of OpenAI's API (gateway, tests)."
    )
    compatible_base_url: AnyHttpUrl | None = Field(
        None,
        alias="LLM_BASE_URL",
        description="Address of a server of your own that speaks OpenAI's protocol (vLLM, Ollama, llama.cpp), with its "
        "`/v1`: `http://127.0.0.1:8001/llm/v1`. `convonet model check` tells what it can do.",
    )
    compatible_server: LlmServer = Field(
        "vllm",
        alias="LLM_SERVER",
        description="Software of this server: vllm, ollama, llamacpp or compatible. Records, metrics and pages show "
        "this name as the provider. A `compatible` one may end an answer without saying why it stops.",
    )
    compatible_model: str | None = Field(
        None, alias="LLM_MODEL", description="Model that this server serves, as its `/v1/models` names it."
    )
    compatible_api_key: SecretStr | None = Field(
        None, alias="LLM_API_KEY", description="API key of this server, if it was started with one."
    )
    silence_timeout_s: Seconds = Field(
        5.0,
        alias="CONVONET_LLM_SILENCE_S",
        description="Seconds to wait for a hosted model's next words before another model is asked.",
    )
    answer_timeout_s: Seconds = Field(
        20.0,
        alias="CONVONET_LLM_TIMEOUT_S",
        description="Seconds that one whole answer of a hosted model may take.",
    )
    retry_delay_s: Seconds = Field(
        15.0,
        alias="CONVONET_LLM_REST_S",
        description="Seconds for which a hosted model that failed is not asked again.",
    )

    @field_validator("chosen")
    @classmethod
    def _check_names(cls, value: str | None) -> str | None:
        unknown = [name for name in _names(value) if name not in LLM_NAMES]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is none of {', '.join(LLM_NAMES)}")
        return value

    @model_validator(mode="after")
    def _check_models_are_reachable(self) -> ModelSettings:
        if bool(self.compatible_base_url) != bool(self.compatible_model):
            raise ValueError("LLM_BASE_URL and LLM_MODEL need each other")
        missing = [_VARIABLES[vendor] for vendor in self.hosted if vendor not in self._reachable]
        if missing:
            raise ValueError(f"LLM_PROVIDER={self.chosen} needs {' and '.join(missing)}")
        return self

    @property
    def hosted(self) -> tuple[LlmVendor, ...]:
        """Vendors of the hosted models in the order in which they are asked; empty when only the offline model is."""
        if self.chosen is None:
            return self._reachable
        named = [LLM_NAMES[name] for name in _names(self.chosen)]
        return tuple(dict.fromkeys(vendor for vendor in named if vendor is not None))

    @property
    def _reachable(self) -> tuple[LlmVendor, ...]:
        """Vendors whose key or address is set."""
        keys: dict[LlmVendor, object] = {
            "anthropic": self.anthropic_api_key,
            "google": self.google_api_key,
            "openai": self.openai_api_key,
            "compatible": self.compatible_base_url,
        }
        return tuple(vendor for vendor, key in keys.items() if key)


def _names(listed: str | None) -> list[str]:
    return [name.strip() for name in (listed or "").split(",") if name.strip()]
