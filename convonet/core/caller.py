"""The caller and the domain that answers them, as every floor of the product knows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from convonet.core.ids import UserId

AgentType = Literal["todo", "mortgage", "healthcare", "hanok_table", "general"]

Proof = Literal["PIN"]
"""How a caller has shown who they are."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling, as the server knows it; never taken from a client's field or a model's argument."""

    user_id: UserId
    user_name: str
    timezone: str = "UTC"
    """IANA name."""
    llm_provider: str | None = None
    """The hosted model that answers them first, if it is set up."""
    verified_by: Proof | None = None
    """None: it was taken on trust."""
