"""Tags hold closed values only, and counters begin at 0."""

from convonet.metrics import definitions as d
from convonet.metrics.recorder import Recorder


def test_an_unknown_tag_value_becomes_other(kept):
    kept.recorder.count(d.REFUSALS, code="busy")
    kept.recorder.count(d.REFUSALS, code="made up by a caller")
    assert kept.of(d.REFUSALS, code="busy") == 1
    assert kept.of(d.REFUSALS, code="other") == 1


def test_tag_values_are_added_at_run_time(kept):
    kept.recorder.add_tag_values(d.TOOL, ["create_todo"])
    kept.recorder.add_tag_values(d.TOOL, ["list_todos"])
    kept.recorder.add_tag_values(d.SERVER, ["todo"])
    for tool in ("create_todo", "list_todos", "drop_tables"):
        kept.recorder.count(d.TOOL_CALLS, tool=tool, server="todo", result="success")
    assert {dict(key)["tool"] for key in kept.all_of(d.TOOL_CALLS)} == {"create_todo", "list_todos", "other"}


def test_a_tag_value_that_is_added_later_is_not_cached_as_other(kept):
    kept.recorder.count(d.TOOL_CALLS, tool="create_todo", server="todo", result="success")
    kept.recorder.add_tag_values(d.TOOL, ["create_todo"])
    kept.recorder.count(d.TOOL_CALLS, tool="create_todo", server="todo", result="success")
    assert {dict(key)["tool"] for key in kept.all_of(d.TOOL_CALLS)} == {"other", "create_todo"}


def test_the_total_of_a_counter_is_that_of_all_its_tags(kept):
    kept.recorder.count(d.REFUSALS, code="busy")
    kept.recorder.count(d.REFUSALS, code="full", value=2)
    assert kept.recorder.total(d.REFUSALS) == 3
    assert kept.recorder.total(d.BARGE_INS) == 0


def test_a_flood_of_unknown_values_makes_one_series_and_takes_no_memory(kept):
    for number in range(5_000):
        kept.recorder.count(d.REFUSALS, code=f"code-{number}")
    assert len(kept.all_of(d.REFUSALS)) == 1
    assert len(kept.recorder._checked) == 0


def test_counters_begin_at_0_for_every_combination(kept):
    kept.recorder.declare(d.FALLBACKS, provider=["local", "offline"])
    assert len(kept.all_of(d.FALLBACKS)) == 3 * 2
    assert set(kept.all_of(d.FALLBACKS).values()) == {0}


def test_a_counter_without_tags_begins_as_well(kept):
    kept.recorder.declare(d.BARGE_INS)
    assert kept.of(d.BARGE_INS) == 0


def test_a_clock_that_is_behind_makes_no_negative_observation(kept):
    kept.recorder.observe(d.FIRST_AUDIO, -3.0, source="voice")
    assert kept.of(d.FIRST_AUDIO, source="voice") == [0.0]


def test_a_process_without_a_sink_counts_and_does_not_fail():
    from convonet.metrics.recorder import NullSink

    recorder = Recorder(NullSink())
    recorder.count(d.BARGE_INS)
    recorder.observe(d.FIRST_AUDIO, 1.0, source="voice")
    recorder.set(d.SESSIONS, 1)


def test_no_tag_is_open_and_every_metric_says_what_it_is():
    for metric in d.METRICS:
        assert metric.name.startswith("convonet_")
        assert metric.description.endswith(".")
        assert metric.name.endswith("_ms") == (metric.unit == "ms")
        assert metric.name.endswith("_s") == (metric.unit == "s")
        assert bool(metric.buckets) == (metric.kind == "histogram")
        assert list(metric.buckets) == sorted(metric.buckets)
        for tag in metric.tags:
            assert bool(tag.values) != bool(tag.from_), f"{tag.name} is not closed"
