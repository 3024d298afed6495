"""Settings of the departments and queues that callers are handed over to."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from convonet.settings.group import Seconds, SettingsGroup


class CallCenterSettings(SettingsGroup):
    departments: str = Field(
        "support,sales,technical",
        alias="VOICE_AGENT_DEPARTMENTS",
        description="Departments that callers can be handed over to, comma-separated, each with or without its "
        "extension: `support,sales=2002`.",
    )
    fallback_department: str = Field(
        "support",
        alias="VOICE_AGENT_FALLBACK_DEPARTMENT",
        description="Department of callers who name none.",
    )
    fallback_extension: str = Field(
        "2001",
        alias="VOICE_AGENT_FALLBACK_EXTENSION",
        description="Extension of departments that have none of their own.",
    )
    direct_department_names: str = Field(
        "",
        alias="CONVONET_DIRECT_DEPARTMENTS",
        description="Departments whose desks answer calls in their own page even where Twilio and a PBX are set up, "
        "comma-separated: `sales,technical`. The pages of desks without a telephone at the PBX always do.",
    )
    ring_timeout_s: Seconds = Field(
        20.0,
        alias="TRANSFER_TIMEOUT",
        description="Seconds that a desk rings. The PBX must ring 5 s longer, or its voicemail takes the call.",
    )
    transcribe_talks: bool = Field(
        True,
        alias="CONVONET_TRANSCRIBE_TALKS",
        description="Whether the talk between caller and human is transcribed, for the desk to read and the agent to "
        "know.",
    )
    queue_timeout_s: Seconds = Field(
        300.0,
        alias="CONVONET_TRANSFER_WAIT_S",
        description="Seconds that a caller may wait in the queue for a human; then a call back is offered.",
    )
    absent_queue_timeout_s: Seconds = Field(
        60.0,
        alias="CONVONET_TRANSFER_ABSENT_WAIT_S",
        description="Seconds that a caller may wait while no desk is ready; then a call back is offered.",
    )

    @field_validator("departments")
    @classmethod
    def _check_departments(cls, value: str) -> str:
        if not all(re.fullmatch(r"\s*[\w -]{1,40}(=\d{2,10})?\s*", name) for name in value.split(",")):
            raise ValueError("must be names, each with or without an extension: `support=2001,sales=2002`")
        return value

    @model_validator(mode="after")
    def _check_direct_departments(self) -> CallCenterSettings:
        if unknown := self.direct_departments - set(self.department_names):
            raise ValueError(f"CONVONET_DIRECT_DEPARTMENTS: there is no department {', '.join(sorted(unknown))}")
        return self

    @property
    def direct_departments(self) -> frozenset[str]:
        """Departments whose calls are carried by the desk's page, whether or not it has a telephone."""
        names = (name.strip() for name in self.direct_department_names.split(","))
        return frozenset(name for name in names if name)

    @property
    def department_names(self) -> tuple[str, ...]:
        """All departments, the fallback department first."""
        names = (name.partition("=")[0].strip() for name in self.departments.split(","))
        return tuple(dict.fromkeys((self.fallback_department, *names)))
