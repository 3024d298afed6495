"""Reports of each process to the monitor: its gauges, the changes of its calls, and the turns that have ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from convonet.monitor.messages import ComponentName, LiveCall, LiveLine
from convonet.records.record import TurnRecord


@dataclass(frozen=True, slots=True)
class CallReport:
    """One call as it is now, with the transcript entries that are new or changed; `call` is None when it has ended."""

    session_id: str
    call: LiveCall | None
    lines: tuple[LiveLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """The report of one replica."""

    part: ComponentName
    replica: str
    since: float
    """Start of the replica; Unix time."""
    figures: Mapping[str, float]
    calls: tuple[CallReport, ...] = ()
    complete: bool = False
    """`calls` are all calls of this replica, with all their transcript entries."""
    ended: bool = False
    """The replica stops; this is its last report."""
    records: tuple[TurnRecord, ...] = ()


class Attention(StrEnum):
    """The monitor's interest in a process, sent with each answer."""

    WATCHED = "watched"
    """A supervisor has the page open."""
    UNWATCHED = "unwatched"
    UNAVAILABLE = "away"
    """The monitor does not answer, or did not understand the report."""
    SEND_ALL = "tell_all"
    """The monitor does not know this process, or not any more: the next report must be complete."""


@dataclass(frozen=True, slots=True)
class ReportAnswer:
    """The monitor's answer to a report."""

    attention: Attention
    not_kept: str = ""
    """Why the records of the report were not kept; empty when they were."""
    refused: bool = False
    """One of the records can never be kept."""
    others_with_room: int = 0
    """Number of other replicas that would admit a new caller."""
