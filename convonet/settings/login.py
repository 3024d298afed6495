"""Settings of the login: signed tokens, the caller's PIN and the limits on wrong ones."""

from __future__ import annotations

import re

from pydantic import Field, SecretStr, field_validator, model_validator

from convonet.settings.group import LongSecret, Seconds, SettingsGroup


class LoginSettings(SettingsGroup):
    signing_key: LongSecret | None = Field(
        None,
        alias="CONVONET_SIGNING_KEY",
        description="Key that signs all tokens, at least 32 characters; default: generated once and kept in the data "
        "folder. Set it on a cluster, where the nodes share no folder.",
    )
    pin_required: bool = Field(True, alias="ENABLE_VOICE_PIN", description="Whether callers must give a PIN.")
    pin: SecretStr | None = Field(
        None,
        alias="VOICE_PIN",
        description="PIN of the demo caller when there is no DB_URI, 4 to 10 digits; default: a random one, which is "
        "printed at start.",
    )
    pin_attempts_per_session: int = Field(
        5,
        alias="CONVONET_PIN_ATTEMPTS_PER_SESSION",
        ge=1,
        description="Wrong PINs that one session may give before it must wait.",
    )
    pin_attempts_per_address: int = Field(
        10,
        alias="CONVONET_PIN_ATTEMPTS_PER_ADDRESS",
        ge=1,
        description="Wrong PINs that one address may give in 15 minutes.",
    )
    pin_attempts_overall: int = Field(
        300,
        alias="CONVONET_PIN_ATTEMPTS_OVERALL",
        ge=1,
        description="Wrong PINs that all callers together may give in 15 minutes.",
    )
    timeout_s: Seconds = Field(
        120.0,
        alias="CONVONET_LOGIN_TIMEOUT_S",
        description="Seconds for which a WebSocket may stay open without a login. The page opens another one when "
        "needed.",
    )
    max_unauthenticated: int = Field(
        400,
        alias="CONVONET_MAX_UNAUTHENTICATED",
        ge=1,
        description="WebSockets without a login that one replica holds. When there are more, the one that has waited "
        "longest is closed.",
    )

    @field_validator("pin")
    @classmethod
    def _check_digits(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[0-9]{4,10}", value.get_secret_value()):
            raise ValueError("must be 4 to 10 digits")
        return value

    @model_validator(mode="after")
    def _check_pin_is_used(self) -> LoginSettings:
        if not self.pin_required and self.pin is not None:
            raise ValueError("VOICE_PIN contradicts ENABLE_VOICE_PIN=false")
        return self
