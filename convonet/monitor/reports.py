"""What each process tells the monitor: its own figures, what has changed in its calls, and the turns that are over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from convonet.monitor.messages import LiveCall, LiveLine, PartName
from convonet.records.record import TurnRecord


@dataclass(frozen=True, slots=True)
class CallReport:
    """One call as it is now, and those of its lines that are new or changed; `call` is None when it is over."""

    session_id: str
    call: LiveCall | None
    lines: tuple[LiveLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What one replica says of itself."""

    part: PartName
    replica: str
    since: float
    """When it started; Unix time."""
    figures: Mapping[str, float]
    calls: tuple[CallReport, ...] = ()
    complete: bool = False
    """These are all calls of this replica, with all their lines."""
    ended: bool = False
    """The replica stops: this is its last report."""
    records: tuple[TurnRecord, ...] = ()


class Attention(StrEnum):
    """How the monitor takes a report."""

    WATCHED = "watched"
    """Somebody looks at it."""
    UNWATCHED = "unwatched"
    AWAY = "away"
    """It does not answer, or has not understood."""
    TELL_ALL = "tell_all"
    """It does not know this process (any more): the next report must hold everything."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The monitor's answer to a report."""

    attention: Attention
    not_kept: str = ""
    """Why its records were not kept; empty when they were."""
    refused: bool = False
    """One of them never will be."""
    others_with_room: int = 0
    """How many other replicas would take a new caller."""
