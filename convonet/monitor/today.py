"""Totals of today's turns, updated with each turn instead of recounted; the monitor's host owns them."""

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
class _TokenUse:
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(slots=True)
class _Tool:
    calls: int = 0
    failed: int = 0
    times_ms: list[float] = field(default_factory=list)

    @property
    def p95_ms(self) -> float | None:
        return self.times_ms[int(0.95 * len(self.times_ms))] if self.times_ms else None


class TodaysTurns:
    """The totals of one day. Each record is added once; `roll_over` begins a new day."""

    def __init__(self, zone: ZoneInfo, prices: Mapping[str, tuple[float, float]], currency: str) -> None:
        """`prices` gives, by model, the price of a million input tokens and that of a million output tokens."""
        self._zone = zone
        self._prices = prices
        self._currency = currency
        self._begin("")

    def midnight(self, now: float) -> float:
        """Return the Unix time at which the day of `now` began."""
        local = datetime.fromtimestamp(now, self._zone)
        return local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()

    def roll_over(self, now: float) -> None:
        """Start again from zero if midnight has passed."""
        date = datetime.fromtimestamp(now, self._zone).date().isoformat()
        if date > self._date:
            self._begin(date)

    def add_turn(self, record: TurnRecord) -> None:
        """Count a turn, if it is one of today's."""
        local = datetime.fromtimestamp(record.timestamp, self._zone)
        if local.date().isoformat() != self._date:
            return
        if (hand_over := record.metadata.hand_over) is not None:
            # the turn that led to the hand-over is a record of its own
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
        """Return the totals so far."""
        return Today(
            date=self._date,
            timezone=str(self._zone),
            turns=sum(self._status.values()),
            by_status=dict(self._status),
            by_provider=dict(self._providers),
            by_agent_type=dict(self._agent_types),
            hand_overs=dict(self._hand_overs),
            latency=[_stage_latency(stage, times) for stage in STAGES if (times := self._times[stage])],
            tools=[
                ToolToday(tool=name, calls=tool.calls, failed=tool.failed, p95_ms=tool.p95_ms)
                for name, tool in sorted(self._tools.items())
            ],
            tokens=[
                self._token_totals(*key, use)
                for key, use in sorted(self._tokens.items())
                if use.tokens_in or use.tokens_out
            ],
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
        self._tokens: defaultdict[tuple[str, str], _TokenUse] = defaultdict(_TokenUse)
        self._hours = [Hour(hour=number, turns=0, failed=0) for number in range(24)]

    def _add_times(self, record: TurnRecord) -> None:
        for stage in STAGES:
            if (took := record.metadata.voice_timing.get(stage)) is not None:
                # kept sorted, so that a percentile is a single lookup
                insort(self._times[stage], took)

    def _add_tools(self, record: TurnRecord) -> None:
        for call in record.tool_calls:
            tool = self._tools[call.tool_name]
            tool.calls += 1
            tool.failed += call.status == "failed"
            if call.duration_ms is not None:
                insort(tool.times_ms, call.duration_ms)

    def _token_totals(self, provider: str, model: str, use: _TokenUse) -> Tokens:
        cost = None
        if model in self._prices:
            input_price, output_price = self._prices[model]
            cost = round((use.tokens_in * input_price + use.tokens_out * output_price) / 1e6, 4)
        return Tokens(provider=provider, model=model, tokens_in=use.tokens_in, tokens_out=use.tokens_out, cost=cost)


def _stage_latency(stage: str, times: list[float]) -> StageLatency:
    p50, p95 = times[len(times) // 2], times[int(0.95 * len(times))]
    return StageLatency(stage=stage, count=len(times), p50_ms=p50, p95_ms=p95)
