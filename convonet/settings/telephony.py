"""Settings of the PBX (FreePBX) and of Twilio, which connects callers to it."""

from __future__ import annotations

from typing import Literal

from pydantic import AnyHttpUrl, Field, SecretStr, model_validator

from convonet.settings.group import SettingsGroup, require_together


class TelephonySettings(SettingsGroup):
    sip_domain: str | None = Field(
        None,
        alias="FREEPBX_DOMAIN",
        description="SIP domain of the PBX, as in `pbx.example.com`; unset: the desks' pages carry all calls.",
    )
    sip_transport: Literal["udp", "tcp", "tls"] = Field(
        "udp", alias="FREEPBX_SIP_TRANSPORT", description="Transport by which Twilio reaches the PBX: udp, tcp or tls."
    )
    sip_username: str | None = Field(
        None, alias="FREEPBX_SIP_USERNAME", description="User name of Twilio at a PBX that asks callers to log in."
    )
    sip_password: SecretStr | None = Field(
        None, alias="FREEPBX_SIP_PASSWORD", description="Password of that user name."
    )
    pbx_wss_url: str | None = Field(
        None,
        alias="FREEPBX_WSS_URL",
        description="Address at which the desks' browsers reach the PBX, as in `wss://pbx.example.com:7443`.",
    )
    public_url: AnyHttpUrl | None = Field(
        None,
        alias="VOICE_GATEWAY_PUBLIC_URL",
        description="Address at which Twilio reaches this product, as in `https://voice.example.com`, without a path.",
    )
    twilio_account_sid: str | None = Field(
        None, alias="TWILIO_ACCOUNT_SID", description="SID of the Twilio account, as in `AC...`."
    )
    twilio_auth_token: SecretStr | None = Field(
        None,
        alias="TWILIO_AUTH_TOKEN",
        description="Auth token of the Twilio account; Twilio signs its webhooks with it too.",
    )
    twilio_caller_id: str = Field(
        "convonet",
        alias="TWILIO_CALLER_ID",
        description="Caller id that the desk's telephone shows for calls of this product.",
    )
    twilio_phone_number: str | None = Field(
        None,
        alias="TWILIO_PHONE_NUMBER",
        description="Your number at Twilio from which callers are called back, as in `+14155550100`.",
    )
    twilio_base_url: AnyHttpUrl | None = Field(
        None, alias="TWILIO_BASE_URL", description="Another address of Twilio's API (tests)."
    )

    @model_validator(mode="after")
    def _check_complete(self) -> TelephonySettings:
        require_together(
            {
                "TWILIO_ACCOUNT_SID": self.twilio_account_sid,
                "TWILIO_AUTH_TOKEN": self.twilio_auth_token,
                "FREEPBX_DOMAIN": self.sip_domain,
                "FREEPBX_WSS_URL": self.pbx_wss_url,
                "VOICE_GATEWAY_PUBLIC_URL": self.public_url,
            }
        )
        if self.public_url is not None and self.public_url.scheme != "https":
            raise ValueError("VOICE_GATEWAY_PUBLIC_URL must begin with https://, Twilio connects to nothing else")
        if bool(self.sip_username) != bool(self.sip_password):
            raise ValueError("FREEPBX_SIP_USERNAME and FREEPBX_SIP_PASSWORD need each other")
        return self

    @property
    def is_configured(self) -> bool:
        """Whether Twilio and the PBX are set, so that a desk may have a telephone."""
        return self.sip_domain is not None
