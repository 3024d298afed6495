"""Settings of speech recognition (STT) and synthesis (TTS)."""

from __future__ import annotations

from typing import Literal

from pydantic import AnyHttpUrl, Field, SecretStr, model_validator

from convonet.settings.group import Seconds, SettingsGroup

SpeechVendor = Literal["deepgram", "local"]


class SpeechSettings(SettingsGroup):
    chosen_stt: SpeechVendor | None = Field(
        None,
        alias="VOICE_STT_PROVIDER",
        description="Speech recognition (STT): `deepgram` or `local`; default: deepgram when its key is set, else "
        "local.",
    )
    chosen_tts: SpeechVendor | None = Field(
        None,
        alias="VOICE_TTS_PROVIDER",
        description="Speech synthesis (TTS): `deepgram` or `local`; default: deepgram when its key is set, else local.",
    )
    deepgram_api_key: SecretStr | None = Field(
        None, alias="DEEPGRAM_API_KEY", description="API key of a Deepgram account."
    )
    deepgram_model: str = Field(
        "nova-3", alias="DEEPGRAM_MODEL", description="Deepgram model that recognizes speech, as in `nova-3`."
    )
    deepgram_voice: str = Field(
        "aura-2-thalia-en", alias="DEEPGRAM_VOICE_ID", description="Deepgram voice that speaks the answers."
    )
    deepgram_base_url: AnyHttpUrl | None = Field(
        None, alias="DEEPGRAM_BASE_URL", description="Another address of Deepgram's API (self-hosted, tests)."
    )
    stt_timeout_s: Seconds = Field(
        8.0,
        alias="CONVONET_STT_TIMEOUT_S",
        description="Seconds to wait for a hosted recognizer, retries included.",
    )
    tts_timeout_s: Seconds = Field(
        8.0,
        alias="CONVONET_TTS_TIMEOUT_S",
        description="Seconds to wait for a hosted synthesizer, retries included.",
    )
    tts_sockets: int = Field(
        45,
        alias="CONVONET_TTS_SOCKETS",
        ge=0,
        description="WebSockets for synthesis that all replicas together hold open at Deepgram, which allows 45 for a "
        "project without a contract. Further answers are synthesized by one request per sentence; 0: all are.",
    )
    local_voice: str = Field(
        "en-us+klatt5", alias="CONVONET_LOCAL_VOICE", description="eSpeak NG voice of local speech."
    )
    max_utterance_s: Seconds = Field(
        30.0,
        alias="CONVONET_MAX_UTTERANCE_S",
        description="Longest utterance, in seconds, that local recognition accepts.",
    )

    @model_validator(mode="after")
    def _check_key_is_set(self) -> SpeechSettings:
        for name, chosen in (("VOICE_STT_PROVIDER", self.chosen_stt), ("VOICE_TTS_PROVIDER", self.chosen_tts)):
            if chosen == "deepgram" and self.deepgram_api_key is None:
                raise ValueError(f"{name}=deepgram needs DEEPGRAM_API_KEY")
        return self

    @property
    def stt_provider(self) -> SpeechVendor:
        return self.chosen_stt or ("deepgram" if self.deepgram_api_key else "local")

    @property
    def tts_provider(self) -> SpeechVendor:
        return self.chosen_tts or ("deepgram" if self.deepgram_api_key else "local")
