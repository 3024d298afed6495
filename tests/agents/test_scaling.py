"""How many replicas of the agent Serve is told to have."""

from types import SimpleNamespace

import pytest
from ray.serve.config import AutoscalingConfig

from deployments.agent.scaling import TURNS, by_turns


def wanted(metrics):
    config = AutoscalingConfig(
        min_replicas=2,
        max_replicas=4,
        target_ongoing_requests=20,
        policy={"policy_function": "deployments.agent.scaling:by_turns"},
    )
    assert config.policy.get_policy().__name__ == by_turns.__name__
    replicas, _ = config.policy.get_policy()(SimpleNamespace(aggregated_metrics=metrics, config=config))
    return replicas


@pytest.mark.parametrize("metrics", [None, {}, {TURNS: {}}, {"ray_running_requests": {"a": 90.0}}])
def test_without_turns_there_is_nothing_to_do(metrics):
    assert wanted(metrics) == 0


def test_each_replica_has_its_share_of_the_turns():
    assert wanted({TURNS: {"a": 30.0, "b": 50.0}}) == 4
