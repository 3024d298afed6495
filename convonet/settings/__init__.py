"""All settings of the product, in groups by subject; `Settings.load()` reads them once and validates them at start.

Nothing else reads the environment. docs/settings.md is generated from the fields' aliases and descriptions.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from functools import cached_property, lru_cache

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.fields import FieldInfo

from convonet.core.errors import SettingsError
from convonet.settings.agents import AgentSettings
from convonet.settings.call_center import CallCenterSettings
from convonet.settings.callers import CallerSettings
from convonet.settings.crm import CrmSettings
from convonet.settings.generated_secret import stored_secret
from convonet.settings.hanok import HanokSettings
from convonet.settings.limits import LimitSettings
from convonet.settings.login import LoginSettings
from convonet.settings.logs import LogSettings
from convonet.settings.models import ModelSettings
from convonet.settings.monitor import MonitorSettings
from convonet.settings.server import ServerSettings
from convonet.settings.sessions import SessionSettings
from convonet.settings.speech import SpeechSettings
from convonet.settings.storage import StorageSettings
from convonet.settings.telephony import TelephonySettings
from convonet.settings.tracing import TracingSettings
from convonet.settings.unknown import refuse_unknown


class Settings(BaseModel):
    """The product's settings, made of environment variables: `Settings(CONVONET_PORT=8001).server.port`."""

    model_config = ConfigDict(frozen=True)

    server: ServerSettings = ServerSettings()
    storage: StorageSettings = StorageSettings()
    login: LoginSettings = LoginSettings()
    callers: CallerSettings = CallerSettings()
    sessions: SessionSettings = SessionSettings()
    limits: LimitSettings = LimitSettings()
    speech: SpeechSettings = SpeechSettings()
    models: ModelSettings = ModelSettings()
    agents: AgentSettings = AgentSettings()
    call_center: CallCenterSettings = CallCenterSettings()
    telephony: TelephonySettings = TelephonySettings()
    crm: CrmSettings = CrmSettings()
    hanok: HanokSettings = HanokSettings()
    monitor: MonitorSettings = MonitorSettings()
    logs: LogSettings = LogSettings()
    tracing: TracingSettings = TracingSettings()

    @classmethod
    def load(cls) -> Settings:
        """Read and validate the environment.

        Raises:
            SettingsError: It names each setting at fault.
        """
        refuse_unknown(os.environ, VARIABLES)
        try:
            return cls.model_validate(os.environ)
        except ValidationError as error:
            # a fault lies at (group, variable), one of a combination of variables at (group,) or at ()
            faults = ((fault["loc"][1:] or ("settings",), fault["msg"]) for fault in error.errors())
            raise SettingsError("; ".join(f"{location[0]}: {message}" for location, message in faults)) from None

    @model_validator(mode="before")
    @classmethod
    def _split_into_groups(cls, variables: Mapping[str, object]) -> dict[str, dict[str, object]]:
        return {
            group: {name: variables[name] for name in fields if name in variables}
            for group, fields in VARIABLES_BY_GROUP.items()
        }

    @model_validator(mode="after")
    def _check_pin_is_used(self) -> Settings:
        if self.storage.db_uri is not None and self.login.pin is not None:
            raise ValueError("VOICE_PIN contradicts DB_URI: with a database, PINs come from users_anthropic.voice_pin")
        return self

    @cached_property
    def signing_secret(self) -> bytes:
        """The key that signs all tokens; generated at first use and kept in the data folder when none is set."""
        if self.login.signing_key is not None:
            return self.login.signing_key.get_secret_value().encode()
        return stored_secret(self.storage.data_dir / "signing-key", secrets.token_urlsafe(48)).encode()

    @cached_property
    def demo_pin(self) -> str | None:
        """The PIN of the embedded setup: VOICE_PIN, else a random one kept in the data folder; None with DB_URI."""
        if self.storage.db_uri is not None or not self.login.pin_required:
            return None
        if self.login.pin is not None:
            return self.login.pin.get_secret_value()
        return stored_secret(self.storage.data_dir / "voice-pin", f"{secrets.randbelow(1_000_000):06d}")


VARIABLES_BY_GROUP: dict[str, dict[str, FieldInfo]] = {
    group: {str(field.alias): field for field in type(outer.default).model_fields.values()}
    for group, outer in Settings.model_fields.items()
}
"""Name of each environment variable and its field, by the group that reads it."""

VARIABLES: dict[str, FieldInfo] = {
    name: field for fields in VARIABLES_BY_GROUP.values() for name, field in fields.items()
}


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The process's settings; the environment is read once."""
    return Settings.load()
