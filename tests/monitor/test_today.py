"""Today in numbers: counted once, from midnight of the configured time zone on."""

from zoneinfo import ZoneInfo

from convonet.monitor.today import TodaysTurns
from convonet.records.record import HandOverRecord
from tests.monitor.conftest import NOON, tool_call, turn

DAY = 86_400


def today(zone="UTC", prices=None):
    counted = TodaysTurns(ZoneInfo(zone), prices or {}, "USD")
    counted.roll_over(NOON)
    return counted


def test_turns_are_counted_by_their_properties():
    counted = today()
    counted.add_turn(turn(1))
    counted.add_turn(turn(2, status="failed", provider="google", agent_type="hanok_table"))
    counted.add_turn(turn(3601, status="cancelled"))
    view = counted.view()
    assert (view.date, view.turns) == ("2026-11-27", 3)
    assert view.by_status == {"success": 1, "failed": 1, "cancelled": 1}
    assert view.by_provider == {"offline": 2, "google": 1}
    assert view.by_agent_type == {"todo": 2, "hanok_table": 1}
    hours = {hour.hour: (hour.turns, hour.failed) for hour in view.hours if hour.turns}
    assert hours == {12: (2, 1), 13: (1, 0)}
    assert len(view.hours) == 24


def test_latencies_are_given_by_stage():
    counted = today()
    for number in range(1, 101):
        counted.add_turn(turn(number, timings={"stt_ms": float(number), "first_audio_ms": 10.0 * number}))
    stt, audio = counted.view().latency
    assert (stt.stage, stt.count, stt.p50_ms, stt.p95_ms) == ("stt_ms", 100, 51.0, 96.0)
    assert (audio.stage, audio.p95_ms) == ("first_audio_ms", 960.0)


def test_a_tool_that_failed_counts_as_failed():
    counted = today()
    counted.add_turn(turn(1, tools=[tool_call(took=3.0), tool_call("get_todos", "failed", 9.0)]))
    tools = {tool.tool: (tool.calls, tool.failed, tool.p95_ms) for tool in counted.view().tools}
    assert tools == {"create_todo": (1, 0, 3.0), "get_todos": (1, 1, 9.0)}


def test_tokens_cost_their_price_in_the_settings_and_nothing_without_one():
    counted = today(prices={"big": (3.0, 15.0)})
    counted.add_turn(turn(1, provider="anthropic", model="big", tokens_in=1_000_000, tokens_out=100_000))
    counted.add_turn(turn(2, provider="google", model="small", tokens_in=10, tokens_out=1))
    counted.add_turn(turn(3))
    costs = {used.model: (used.tokens_in, used.tokens_out, used.cost) for used in counted.view().tokens}
    assert costs == {"big": (1_000_000, 100_000, 4.5), "small": (10, 1, None)}


def test_a_hand_over_is_counted_by_its_outcome_and_is_no_turn():
    counted = today()
    facts = {
        "department": "support",
        "extension": "2001",
        "agent_name": "",
        "waited_s": 1,
        "talked_s": 0,
        "sentences": 0,
    }
    counted.add_turn(turn(1, source="transfer", hand_over=HandOverRecord(outcome="failed", why="no_answer", **facts)))
    counted.add_turn(turn(2, source="transfer", hand_over=HandOverRecord(outcome="ended", why=None, **facts)))
    view = counted.view()
    assert (view.turns, view.hand_overs) == (0, {"no_answer": 1, "ended": 1})


def test_midnight_is_that_of_the_configured_zone():
    counted = today("America/Los_Angeles")
    counted.add_turn(turn(1))
    assert counted.view().hours[4].turns == 1
    assert counted.midnight(NOON) == NOON - 4 * 3600
    counted.roll_over(NOON + DAY)
    assert (counted.view().date, counted.view().turns) == ("2026-11-28", 0)


def test_turns_of_another_day_are_not_counted():
    counted = today()
    counted.add_turn(turn(1))
    counted.add_turn(turn(-DAY))
    counted.add_turn(turn(DAY))
    assert (counted.view().date, counted.view().turns) == ("2026-11-27", 1)


def test_a_tool_whose_only_call_was_interrupted_has_no_time():
    counted = today()
    counted.add_turn(turn(1, status="cancelled", tools=[tool_call(status="pending", took=None)]))
    (tool,) = counted.view().tools
    assert (tool.calls, tool.failed, tool.p95_ms) == (1, 0, None)
