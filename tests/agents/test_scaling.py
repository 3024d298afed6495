"""The numbers of replicas of voice and agent that Serve gets."""

from types import SimpleNamespace

import pytest
from ray.serve.config import AutoscalingConfig

from deployments.agent.scaling import TURNS
from deployments.voice import replica
from deployments.voice.app import Voice
from deployments.voice.scaling import SESSIONS

POLICIES = [
    pytest.param("deployments.agent.scaling:by_turns", TURNS, id="agent"),
    pytest.param("deployments.voice.scaling:by_sessions", SESSIONS, id="voice"),
]


def wanted(policy, metrics):
    config = AutoscalingConfig(
        min_replicas=2, max_replicas=4, target_ongoing_requests=20, policy={"policy_function": policy}
    )
    function = config.policy.get_policy()
    assert function.__name__ == policy.partition(":")[2]
    replicas, _ = function(SimpleNamespace(aggregated_metrics=metrics, config=config))
    return replicas


@pytest.mark.parametrize(("policy", "metric"), POLICIES)
def test_without_work_there_is_nothing_to_do(policy, metric):
    for metrics in (None, {}, {metric: {}}, {"ray_running_requests": {"a": 90.0}}):
        assert wanted(policy, metrics) == 0


@pytest.mark.parametrize(("policy", "metric"), POLICIES)
def test_each_replica_has_its_share_of_the_work(policy, metric):
    assert wanted(policy, {metric: {"a": 30.0, "b": 50.0}}) == 4


async def test_a_voice_replica_reports_the_sessions_that_it_holds(monkeypatch):
    sessions = SimpleNamespace(gauges=lambda: {"sessions": 7, "capacity": 400})
    monkeypatch.setattr(replica, "voice_replica", lambda: SimpleNamespace(sessions=sessions))
    assert await Voice.func_or_class.record_autoscaling_stats(None) == {SESSIONS: 7}
