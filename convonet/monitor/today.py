"""Today's turns in numbers, kept up to date with each turn, so that nobody ever has to count them again."""

from __future__ import annotations

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from convonet.monitor.messages import Hour, StageLatency, Today, Tokens, ToolToday
from convonet.records.record import TurnRecord

STAGES = (
    "stt_ms",
    "agent_start_ms",
    "first_token_ms",
    "first_sentence_ms",
    "agent_ms",
    "tts_ms",
    "first_audio_ms",
    "last_audio_ms",
)
"""Keys of `voice_timing`, in the order in which a turn reaches them."""


@dataclass(slots=True)
class _Use:
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(slots=True)
class _Tool:
    calls: int = 0
    failed: int = 0
    times_ms: list[float] = field(default_factory=list)


class TodaysTurns:
    """Takes each record once, and counts those of today; `at` says which day that is."""

    def __init__(self, zone: ZoneInfo, prices: Mapping[str, tuple[float, float]], currency: str) -> None:
        """`prices` are those of a million tokens, read and written, by model."""
        self._zone = zone
        self._prices = prices
        self._currency = currency
        self._begin("")

    def midnight(self, now: float) -> float:
        """When today began; Unix time."""
        local = datetime.fromtimestamp(now, self._zone)
        return local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()

    def at(self, now: float) -> None:
        """It is this moment: when midnight has passed, all is counted anew."""
        date = datetime.fromtimestamp(now, self._zone).date().isoformat()
        if date > self._date:
            self._begin(date)

    def add(self, record: TurnRecord) -> None:
        """Count one turn."""
        local = datetime.fromtimestamp(record.timestamp, self._zone)
        if local.date().isoformat() != self._date:
            return
        if (hand_over := record.metadata.hand_over) is not None:
            # the turn that led to it is counted as such
            self._hand_overs[hand_over.why or hand_over.outcome] += 1
            return
        self._status[record.status] += 1
        self._providers[record.provider] += 1
        self._agent_types[record.metadata.agent_type] += 1
        hour = self._hours[local.hour]
        hour.turns += 1
        hour.failed += record.status in {"failed", "timeout"}
        self._add_times(record)
        self._add_tools(record)
        use = self._tokens[record.provider, record.model]
        use.tokens_in += record.metadata.tokens_in
        use.tokens_out += record.metadata.tokens_out

    def view(self) -> Today:
        """What was counted."""
        return Today(
            date=self._date,
            timezone=str(self._zone),
            turns=sum(self._status.values()),
            by_status=dict(self._status),
            by_provider=dict(self._providers),
            by_agent_type=dict(self._agent_types),
            hand_overs=dict(self._hand_overs),
            latency=[
                StageLatency(stage=stage, count=len(times), p50_ms=_part(times, 0.5), p95_ms=_part(times, 0.95))
                for stage in STAGES
                if (times := self._times[stage])
            ],
            tools=[
                ToolToday(
                    tool=name, calls=t.calls, failed=t.failed, p95_ms=_part(t.times_ms, 0.95) if t.times_ms else None
                )
                for name, t in sorted(self._tools.items())
            ],
            tokens=[self._use(*of, use) for of, use in sorted(self._tokens.items()) if use.tokens_in or use.tokens_out],
            currency=self._currency,
            hours=[hour.model_copy() for hour in self._hours],
        )

    def _begin(self, date: str) -> None:
        self._date = date
        self._status: Counter[str] = Counter()
        self._providers: Counter[str] = Counter()
        self._agent_types: Counter[str] = Counter()
        self._hand_overs: Counter[str] = Counter()
        self._times: defaultdict[str, list[float]] = defaultdict(list)
        self._tools: defaultdict[str, _Tool] = defaultdict(_Tool)
        self._tokens: defaultdict[tuple[str, str], _Use] = defaultdict(_Use)
        self._hours = [Hour(hour=number, turns=0, failed=0) for number in range(24)]

    def _add_times(self, record: TurnRecord) -> None:
        for stage in STAGES:
            if (took := record.metadata.voice_timing.get(stage)) is not None:
                # sorted at all times: a percentile is then one look
                insort(self._times[stage], took)

    def _add_tools(self, record: TurnRecord) -> None:
        for call in record.tool_calls:
            tool = self._tools[call.tool_name]
            tool.calls += 1
            tool.failed += call.status == "failed"
            if call.duration_ms is not None:
                insort(tool.times_ms, call.duration_ms)

    def _use(self, provider: str, model: str, use: _Use) -> Tokens:
        cost = None
        if model in self._prices:
            read, written = self._prices[model]
            cost = round((use.tokens_in * read + use.tokens_out * written) / 1e6, 4)
        return Tokens(provider=provider, model=model, tokens_in=use.tokens_in, tokens_out=use.tokens_out, cost=cost)


def _part(times: list[float], part: float) -> float:
    """The value below which that part of them lies."""
    return times[min(len(times) - 1, int(part * len(times)))]
