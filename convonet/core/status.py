"""Sources and results of a turn: closed sets that records, metrics and traces share."""

from __future__ import annotations

from typing import Literal

Source = Literal["voice", "text", "api", "transfer"]
TurnStatus = Literal["success", "failed", "timeout", "cancelled"]
