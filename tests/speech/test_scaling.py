"""The number of Speech replicas that Serve is asked for."""

from types import SimpleNamespace

from ray.serve.config import AutoscalingConfig

from deployments.speech.scaling import WORK, by_work


def test_each_replica_has_its_share_of_the_work():
    policy = {"policy_function": "deployments.speech.scaling:by_work"}
    config = AutoscalingConfig(min_replicas=1, max_replicas=8, target_ongoing_requests=3, policy=policy)
    assert config.policy.get_policy().__name__ == by_work.__name__
    for metrics, wanted in (({WORK: {"a": 6.0, "b": 3.0}}, 3), ({}, 0), (None, 0)):
        replicas, _ = config.policy.get_policy()(SimpleNamespace(aggregated_metrics=metrics, config=config))
        assert replicas == wanted
