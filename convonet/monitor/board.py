"""The system as it is now, put together from the reports of all processes. It knows no network, no Ray and no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from convonet.monitor.messages import LiveCall, LiveLine, Now, PartView, StoreView
from convonet.monitor.reports import Report
from convonet.monitor.transcript import MOST_LINES

SILENT_S = 15.0
"""A replica that says nothing for this long is taken for dead: its calls are shown no more. It reports every four."""

FORGOTTEN_S = 120.0

GROUPED = ("queue.", "hand_overs.", "desks.")
"""Gauges of the call center that are counted by what follows the point."""


@dataclass(slots=True)
class _Part:
    report: Report
    heard_at: float
    refusals: float = 0.0


@dataclass(slots=True)
class _Call:
    call: LiveCall
    replica: str
    version: int
    lines: dict[int, LiveLine] = field(default_factory=dict)


class Board:
    """Takes reports, and tells what has changed since a version of it."""

    def __init__(self) -> None:
        self.version = 0
        self._parts: dict[str, _Part] = {}
        self._calls: dict[str, _Call] = {}
        self._ended: list[tuple[int, str]] = []
        self._refusals_today = 0.0
        self._midnight = 0.0

    def take(self, report: Report, now: float) -> bool:
        """Take a report in; False when this replica is not known and has to tell everything first."""
        known = self._parts.get(report.replica)
        if not report.complete and (known is None or now - known.heard_at > SILENT_S):
            # its calls are not known, or were taken off the board when it fell silent
            return False
        self.version += 1
        if report.ended:
            self._parts.pop(report.replica, None)
            self._drop_calls_of(report.replica)
            return True
        part = self._parts.setdefault(report.replica, _Part(report, now))
        self._count_refusals(part, report, is_new=known is None)
        part.report, part.heard_at = report, now
        self._take_calls(report)
        return True

    def new_day(self, midnight: float) -> None:
        """The day that began at that moment is today."""
        self._midnight = midnight
        self._refusals_today = 0.0

    def tidy(self, now: float) -> None:
        """Forget the dead."""
        for replica, part in list(self._parts.items()):
            silent = now - part.heard_at
            if silent > SILENT_S:
                self._drop_calls_of(replica)
            if silent > FORGOTTEN_S:
                del self._parts[replica]
                self.version += 1

    def calls(self, since: int = 0) -> list[LiveCall]:
        """Those that are new or changed since that version."""
        return [known.call for known in self._calls.values() if known.version > since]

    def ended(self, since: int) -> list[str]:
        """Calls that have ended since that version and are not going on elsewhere."""
        return [session_id for version, session_id in self._ended if version > since and session_id not in self._calls]

    def lines(self, session_id: str) -> list[LiveLine] | None:
        """The transcript of a call, as far as it is kept; None when this call is not known (any more, or yet)."""
        known = self._calls.get(session_id)
        return sorted(known.lines.values(), key=lambda line: line.number) if known is not None else None

    def now(self, at: float, stores: Sequence[StoreView]) -> Now:
        """The numbers."""
        gauges = Counter[str]()
        for part in self._living(at):
            gauges.update({name: int(value) for name, value in part.report.figures.items()})
        queue, hand_overs, desks = (_group(gauges, prefix) for prefix in GROUPED)
        return Now(
            at=at,
            calls=dict(Counter(known.call.state for known in self._calls.values())),
            turns_in_flight=gauges["turns_in_flight"],
            queue=queue,
            hand_overs=hand_overs,
            desks=desks,
            refusals_today=int(self._refusals_today),
            parts=[_part_view(part, at) for part in sorted(self._parts.values(), key=_place)],
            stores=list(stores),
        )

    def total(self, name: str, at: float) -> float:
        """The sum of one figure over all replicas that are heard of."""
        return sum(part.report.figures.get(name, 0.0) for part in self._living(at))

    def with_room_besides(self, replica: str, at: float) -> int:
        """How many other replicas than this one would take a new caller."""
        living = (part.report for part in self._living(at))
        return sum(bool(report.figures.get("room")) and report.replica != replica for report in living)

    def _living(self, at: float) -> list[_Part]:
        return [part for part in self._parts.values() if at - part.heard_at <= SILENT_S]

    def _take_calls(self, report: Report) -> None:
        if report.complete:
            told = {of.session_id for of in report.calls}
            self._drop_calls_of(report.replica, but=told)
        for of in report.calls:
            known = self._calls.get(of.session_id)
            if of.call is None:
                if known is not None and known.replica == report.replica:
                    self._drop(of.session_id)
                continue
            if known is None or known.replica != report.replica:
                known = self._calls[of.session_id] = _Call(of.call, report.replica, self.version)
            known.call, known.version = of.call, self.version
            known.lines.update({line.number: line for line in of.lines})
            while len(known.lines) > MOST_LINES:
                del known.lines[min(known.lines)]

    def _count_refusals(self, part: _Part, report: Report, *, is_new: bool) -> None:
        refusals = report.figures.get("refusals", 0.0)
        if not is_new:
            self._refusals_today += max(0.0, refusals - part.refusals)
        elif report.since >= self._midnight:
            self._refusals_today += refusals
        part.refusals = refusals

    def _drop_calls_of(self, replica: str, but: Iterable[str] = ()) -> None:
        kept = set(but)
        for session_id, known in list(self._calls.items()):
            if known.replica == replica and session_id not in kept:
                self.version += 1
                self._drop(session_id)

    def _drop(self, session_id: str) -> None:
        del self._calls[session_id]
        self._ended.append((self.version, session_id))
        # who follows is never that far behind
        del self._ended[:-1_000]


def _group(gauges: Counter[str], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in gauges.items() if name.startswith(prefix) and count}


def _part_view(part: _Part, at: float) -> PartView:
    report = part.report
    return PartView(
        part=report.part,
        replica=report.replica,
        since=report.since,
        silent_for_s=round(max(0.0, at - part.heard_at), 1),
        figures=dict(report.figures),
    )


def _place(part: _Part) -> tuple[str, float]:
    return part.report.part, part.report.since
