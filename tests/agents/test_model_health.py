"""The rests of a model of the chain: their beginning, length and end."""

import pytest

from convonet.agents.models.failures import Failure
from convonet.agents.models.health import MAX_REST_S, Health
from tests.fixtures.clock import Clock

REST_S = 10.0


@pytest.fixture
def clock():
    return Clock(1000.0)


@pytest.fixture
def health(clock):
    return Health("anthropic", "claude", REST_S, clock)


def probe_fails(health, clock):
    clock.now += health.snapshot().rests_for_s
    assert health.take_probe()
    health.note_failure(Failure("broken"), health.epoch)


def test_each_rest_after_a_failed_probe_is_twice_as_long_up_to_a_limit(health, clock):
    health.note_failure(Failure("broken"), health.epoch)
    rests = []
    for _ in range(6):
        rests.append(health.snapshot().rests_for_s)
        probe_fails(health, clock)
    assert rests == [10, 20, 40, 80, 160, MAX_REST_S]


def test_an_answer_makes_the_next_rest_short_again(health, clock):
    health.note_failure(Failure("broken"), health.epoch)
    probe_fails(health, clock)
    health.note_answer(health.epoch)
    health.note_failure(Failure("broken"), health.epoch)
    assert health.snapshot().rests_for_s == REST_S


def test_an_answer_to_a_question_from_before_the_rest_does_not_end_it(health):
    epoch = health.epoch
    health.note_failure(Failure("too many", rest_s=70), health.epoch)
    health.note_answer(epoch)
    snapshot = health.snapshot()
    assert (snapshot.state, snapshot.rests_for_s, snapshot.answers) == ("resting", 70, 1)


def test_an_answer_to_a_question_from_before_a_failure_without_a_rest_counts(health, clock):
    health.note_failure(Failure("broken"), health.epoch)
    clock.now += REST_S
    assert health.take_probe()
    epoch = health.epoch
    health.note_failure(Failure("refused", rest=False), health.epoch)
    health.note_answer(epoch)
    assert health.is_ready


def test_a_later_failure_does_not_shorten_the_rest_that_the_vendor_asked_for(health):
    epoch = health.epoch
    health.note_failure(Failure("too many", rest_s=70), epoch)
    health.note_failure(Failure("cut"), epoch)
    assert health.snapshot().rests_for_s == 70


def test_a_failure_of_a_question_from_before_the_rest_is_no_news_after_it(health, clock):
    epoch = health.epoch
    health.note_failure(Failure("broken"), epoch)
    clock.now += REST_S
    assert health.take_probe()
    probe = health.epoch
    health.note_failure(Failure("cut"), epoch)
    assert health.snapshot().state == "probing"
    health.note_answer(probe)
    assert health.is_ready
    health.note_failure(Failure("cut"), epoch)
    assert (health.is_ready, health.snapshot().failures) == (True, 3)
