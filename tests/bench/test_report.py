"""The table of a comparison: medians of sound runs, ratios and goals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.harness.capacity import find_capacity
from bench.harness.clock import Quantiles
from bench.harness.idle import Idle
from bench.harness.level import Load, Result, Use
from bench.harness.report import Comparison, Run, cpu_of_a_call, memory_of_a_call

QUIET = Use(
    window_s=16.0,
    server_cpu=0.1,
    server_waited=0.0,
    foreign_cpu=0.0,
    stolen_cpu=0.0,
    pss_mib=100.0,
    driver_cpu=0.05,
    driver_lag_ms=Quantiles.of([0.1]),
    vendors={"cpu_share": 0.05, "loop_lag_ms": {"p99": 0.1}, "counts": {}},
)
DISTURBED = replace(QUIET, foreign_cpu=0.5)


def result(callers: int, added_ms: float, use: Use = QUIET, *, failed: int = 0) -> Result:
    return Result(
        load=Load(callers, 16.0),
        critical_path_ms=420.0,
        turns=10,
        added_ms=Quantiles.of([added_ms] * 10),
        first_turn_added_ms=Quantiles.of([]),
        connect_ms=Quantiles.of([]),
        failed_turns=failed,
        lost_sessions=0,
        failures=[],
        turns_with_gaps=0,
        stray_audio_ms=0.0,
        use=use,
        records=[],
    )


def test_quantiles_are_measured_values():
    quantiles = Quantiles.of([float(value) for value in range(1, 101)])
    assert (quantiles.p50, quantiles.p95, quantiles.p99, quantiles.worst) == (50, 95, 99, 100)
    assert Quantiles.of([3.0]).p50 == Quantiles.of([3.0]).p95 == 3.0


def test_suspect_runs_are_left_out_and_listed():
    runs = [Run("convonet", 0, [result(10, 90.0, DISTURBED), result(10, 8.0)]), Run("convonet", 1, [result(10, 6.0)])]
    comparison = Comparison(runs)
    assert comparison.added("convonet", 10, tool=False).p50 == 7.0
    assert "| 10 calls | 7.0 / 7.0 |" in comparison.markdown()
    assert "- ours, 10 calls: others used 50% of the server's core" in comparison.markdown()


def test_a_value_without_a_valid_run_is_marked():
    assert "90.0 / 90.0 (?)" in Comparison([Run("convonet", 0, [result(10, 90.0, DISTURBED)])]).markdown()


@pytest.mark.parametrize(
    ("ours", "failed", "row"),
    [
        (8.0, 0, "| 10 calls | 0.44 pass | 1.33 pass | 1.33 pass | 0.44 pass |"),
        (12.5, 0, "| 10 calls | 0.69 FAIL | 2.08 FAIL | 2.08 FAIL | 0.69 pass |"),
        (8.0, 1, "| 10 calls | 0.44 FAIL | 1.33 FAIL | 1.33 FAIL | 0.44 FAIL |"),
    ],
)
def test_the_ratios_decide(ours, failed, row):
    runs = [
        Run("convonet", 0, [result(10, ours, failed=failed)]),
        Run("pipecat", 0, [result(10, 18.0)]),
        Run("rayfloor", 0, [result(10, 6.0)]),
    ]
    assert row in Comparison(runs).markdown()


def test_the_cost_of_one_more_call_is_the_slope_over_levels_without_failures():
    levels = [
        result(1, 8.0, replace(QUIET, server_cpu=0.105, pss_mib=1000.5)),
        result(11, 8.0, replace(QUIET, server_cpu=0.155, pss_mib=1005.5)),
        result(50, 900.0, replace(QUIET, server_cpu=1.0, pss_mib=2000.0), failed=3),
    ]
    run = Run("convonet", 0, levels)
    assert cpu_of_a_call([run]) == pytest.approx(5.0)
    assert memory_of_a_call([run]) == pytest.approx(0.5)


def test_goals_are_compared():
    idle = Idle(seconds=60.0, cpu_ms_per_s=330.0, foreign_cpu=0.0, pss_mib=3500.0, processes=[])
    text = Comparison([Run("convonet", 0, [], idle)]).markdown()
    assert "| memory of the idle server (PSS), GB | 3.67 | <= 2.0 | FAIL |" in text


@pytest.mark.parametrize(("limit", "holds", "breaks_at"), [(75, 75, 82), (240, 240, None), (7, 7, 8)])
def test_capacity_is_searched_by_doubling_and_halving(limit, holds, breaks_at):
    def run(load: Load) -> Result:
        return result(load.callers, 10.0 if load.callers <= limit else 100.0)

    found = find_capacity(run, first=60, seconds=12.0, pause_s=0.0)
    assert (found.holds, found.breaks_at) == (holds, breaks_at)


def test_a_load_in_which_a_turn_failed_does_not_hold():
    found = find_capacity(lambda load: result(load.callers, 10.0, failed=1), first=4, seconds=12.0, pause_s=0.0)
    assert (found.holds, found.breaks_at) == (0, 1)
