"""The live state of the system, assembled from the reports of all processes; the monitor's host owns the board.

It uses neither network nor Ray, and gets the time from its callers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from convonet.monitor.messages import LiveCall, LiveLine, Now, PartView, StoreView
from convonet.monitor.reports import Report
from convonet.monitor.transcript import MAX_ENTRIES

STALE_AFTER_S = 15.0
"""A replica that is silent for this long is presumed dead, and its calls disappear. Reports come every four seconds."""

RETENTION_S = 120.0
"""A silent replica stays in the list for this long after its last report."""

GROUPED = ("queue.", "hand_overs.", "desks.")
"""Prefixes of the call center's gauges; the rest of the name is the department or the state."""


@dataclass(slots=True)
class _Component:
    report: Report
    reported_at: float
    refusals: float = 0.0


@dataclass(slots=True)
class _Call:
    call: LiveCall
    replica: str
    version: int
    entries: dict[int, LiveLine] = field(default_factory=dict)


class Board:
    """All live calls and components; `version` grows with each change."""

    def __init__(self) -> None:
        self.version = 0
        self._components: dict[str, _Component] = {}
        self._calls: dict[str, _Call] = {}
        self._ended: list[tuple[int, str]] = []
        self._refusals_today = 0.0
        self._midnight = 0.0

    def apply(self, report: Report, now: float) -> bool:
        """Apply a report; return False when this replica is unknown and has to send a complete report first."""
        known = self._components.get(report.replica)
        if not report.complete and (known is None or now - known.reported_at > STALE_AFTER_S):
            # its calls are unknown, or were dropped when it fell silent
            return False
        self.version += 1
        if report.ended:
            self._components.pop(report.replica, None)
            self._drop_calls_of(report.replica)
            return True
        component = self._components.setdefault(report.replica, _Component(report, now))
        self._count_refusals(component, report, is_new=known is None)
        component.report, component.reported_at = report, now
        self._apply_calls(report)
        return True

    def new_day(self, midnight: float) -> None:
        """Begin the day that started at this Unix time."""
        self._midnight = midnight
        self._refusals_today = 0.0

    def drop_stale(self, now: float) -> None:
        """Drop the calls of silent replicas, and later the replicas themselves."""
        for replica, component in list(self._components.items()):
            silent_s = now - component.reported_at
            if silent_s > STALE_AFTER_S:
                self._drop_calls_of(replica)
            if silent_s > RETENTION_S:
                del self._components[replica]
                self.version += 1

    def calls(self, since: int = 0) -> list[LiveCall]:
        """Return the calls that are new or changed since that version."""
        return [known.call for known in self._calls.values() if known.version > since]

    def ended(self, since: int) -> list[str]:
        """Return the session ids of calls that have ended since that version and were not continued elsewhere."""
        return [session_id for version, session_id in self._ended if version > since and session_id not in self._calls]

    def transcript(self, session_id: str) -> list[LiveLine] | None:
        """Return the newest entries of a call's transcript; None when the call is not yet known, or over."""
        known = self._calls.get(session_id)
        return sorted(known.entries.values(), key=lambda entry: entry.number) if known is not None else None

    def now(self, at: float, stores: Sequence[StoreView]) -> Now:
        """Add up the gauges of all replicas that are not stale."""
        gauges = Counter[str]()
        for component in self._living(at):
            gauges.update({name: int(value) for name, value in component.report.figures.items()})
        queue, hand_overs, desks = (_group(gauges, prefix) for prefix in GROUPED)
        return Now(
            at=at,
            calls=dict(Counter(known.call.state for known in self._calls.values())),
            turns_in_flight=gauges["turns_in_flight"],
            queue=queue,
            hand_overs=hand_overs,
            desks=desks,
            refusals_today=int(self._refusals_today),
            parts=[_view(component, at) for component in sorted(self._components.values(), key=_order)],
            stores=list(stores),
        )

    def total(self, name: str, at: float) -> float:
        """Return the sum of one gauge over all replicas that are not stale."""
        return sum(component.report.figures.get(name, 0.0) for component in self._living(at))

    def others_with_room(self, replica: str, at: float) -> int:
        """Count the replicas besides this one that would admit a new caller."""
        living = (component.report for component in self._living(at))
        return sum(bool(report.figures.get("room")) and report.replica != replica for report in living)

    def _living(self, at: float) -> list[_Component]:
        return [one for one in self._components.values() if at - one.reported_at <= STALE_AFTER_S]

    def _apply_calls(self, report: Report) -> None:
        if report.complete:
            self._drop_calls_of(report.replica, keep={change.session_id for change in report.calls})
        for change in report.calls:
            known = self._calls.get(change.session_id)
            if change.call is None:
                if known is not None and known.replica == report.replica:
                    self._drop(change.session_id)
                continue
            if known is None or known.replica != report.replica:
                known = self._calls[change.session_id] = _Call(change.call, report.replica, self.version)
            known.call, known.version = change.call, self.version
            known.entries.update({entry.number: entry for entry in change.lines})
            while len(known.entries) > MAX_ENTRIES:
                del known.entries[min(known.entries)]

    def _count_refusals(self, component: _Component, report: Report, *, is_new: bool) -> None:
        refusals = report.figures.get("refusals", 0.0)
        if not is_new:
            self._refusals_today += max(0.0, refusals - component.refusals)
        elif report.since >= self._midnight:
            self._refusals_today += refusals
        component.refusals = refusals

    def _drop_calls_of(self, replica: str, keep: Collection[str] = ()) -> None:
        for session_id, known in list(self._calls.items()):
            if known.replica == replica and session_id not in keep:
                self.version += 1
                self._drop(session_id)

    def _drop(self, session_id: str) -> None:
        del self._calls[session_id]
        self._ended.append((self.version, session_id))
        # no page is ever that far behind
        del self._ended[:-1_000]


def _group(gauges: Counter[str], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): count for name, count in gauges.items() if name.startswith(prefix) and count}


def _view(component: _Component, at: float) -> PartView:
    report = component.report
    return PartView(
        part=report.part,
        replica=report.replica,
        since=report.since,
        silent_for_s=round(max(0.0, at - component.reported_at), 1),
        figures=dict(report.figures),
    )


def _order(component: _Component) -> tuple[str, float]:
    return component.report.part, component.report.since
