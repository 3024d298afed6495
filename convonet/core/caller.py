"""The caller and the name of the agent that answers them: types that every floor of the product shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from convonet.core.ids import UserId

AgentType = Literal["todo", "mortgage", "healthcare", "hanok_table", "general"]

Proof = Literal["PIN"]
"""Means by which callers prove their identity."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The identity of a caller, established by the server; never taken from a client's field or a model's argument."""

    user_id: UserId
    user_name: str
    timezone: str = "UTC"
    """IANA time zone."""
    llm_provider: str | None = None
    """Vendor of the hosted model that is asked first, if it is configured."""
    verified_by: Proof | None = None
    """None: the identity was not checked."""
