"""A care program as its tools show it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import BaseModel


class Program(BaseModel):
    """A care program, and whether the member is in it."""

    program_id: str
    program_code: str
    name: str
    kind: str
    description: str | None
    for_whom: str | None
    conditions: list[str]
    coaching: bool
    monitoring: bool
    rewards: bool
    enrolled_on: date | None
    completion_percentage: Decimal | None
