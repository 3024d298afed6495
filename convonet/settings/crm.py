"""Settings of the CRM domain: SuiteCRM, when one is used, and the CRM API."""

from __future__ import annotations

from pydantic import AnyHttpUrl, Field, SecretStr, model_validator

from convonet.settings.group import LongSecret, Seconds, SettingsGroup, require_together


class CrmSettings(SettingsGroup):
    suitecrm_url: AnyHttpUrl | None = Field(
        None,
        alias="SUITECRM_URL",
        description="Address of SuiteCRM, without /Api, as in `https://crm.example.com`; default: contacts are in the "
        "product's own tables.",
    )
    suitecrm_client_id: str | None = Field(
        None, alias="SUITECRM_CLIENT_ID", description="OAuth2 client id of SuiteCRM's V8 API."
    )
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
        10.0, alias="SUITECRM_AUTH_TIMEOUT_S", description="Seconds to wait for a token of SuiteCRM."
    )
    suitecrm_timeout_s: Seconds = Field(
        15.0, alias="SUITECRM_TIMEOUT_S", description="Seconds to wait for any other answer of SuiteCRM."
    )
    service_token: LongSecret | None = Field(
        None,
        alias="CRM_SERVICE_TOKEN",
        description="Bearer token of the programs that may use the CRM API, at least 32 characters; unset: the API is "
        "closed.",
    )

    @model_validator(mode="after")
    def _check_complete(self) -> CrmSettings:
        require_together(
            {
                "SUITECRM_URL": self.suitecrm_url,
                "SUITECRM_CLIENT_ID": self.suitecrm_client_id,
                "SUITECRM_CLIENT_SECRET": self.suitecrm_client_secret,
            },
            optional={"SUITECRM_USERNAME": self.suitecrm_username, "SUITECRM_PASSWORD": self.suitecrm_password},
        )
        return self
