"""The switchboard: which desk rings, who waits, and which desks are left alone."""

import pytest

from convonet.core.hand_over import DeskState, EndReason
from convonet.telephony.events import DeskAssigned, NoDeskFree
from convonet.telephony.switchboard import INITIAL_CALL_S, NO_ANSWER, Desk, Switchboard


def desk(name, extension, departments=("support",)):
    return Desk(name=name, display_name=name.title(), extension=extension, departments=departments, since=0)


@pytest.fixture
def board():
    """Dora and Eve in support, Finn in sales; Dora has been ready for longest."""
    board = Switchboard()
    for name, extension, departments in (
        ("eve", "2002", ["support"]),
        ("dora", "2001", ["support"]),
        ("finn", "2003", ["sales"]),
    ):
        board.log_in(desk(name, extension, departments))
    board.set_ready("dora", now=10)
    board.set_ready("eve", now=20)
    board.set_ready("finn", now=5)
    return board


def test_the_desk_that_was_idle_for_longest_rings(board):
    assert board.find_desk("t1", "support", (), now=30) == DeskAssigned(desk="dora", extension="2001")
    assert board.find_desk("t2", "support", (), now=31) == DeskAssigned(desk="eve", extension="2002")
    assert board.desks["dora"].state is DeskState.RINGING


def test_a_caller_goes_to_no_desk_twice_and_to_no_other_department(board):
    assert board.find_desk("t1", "support", ("dora",), now=30).desk == "eve"
    assert board.find_desk("t2", "support", ("dora", "eve"), now=31) == NoDeskFree(nobody_logged_in=True)
    assert board.queue == []


def test_who_waits_gets_the_first_desk_that_is_free_in_the_order_of_coming(board):
    for number in (1, 2):
        board.find_desk(f"t{number}", "support", (), now=30)
    assert board.find_desk("t3", "support", (), now=31) == NoDeskFree()
    assert board.find_desk("t4", "support", (), now=32) == NoDeskFree()
    board.set_talking("dora", now=33)
    assert board.release_desk("dora", "t1", EndReason.DESK_HUNG_UP, now=93) is None
    assert board.desks["dora"].state is DeskState.WRAP_UP
    assert (board.position("t3"), board.position("t4")) == (1, 2)
    found = board.set_ready("dora", now=100)
    assert (found.transfer_id, found.event.desk) == ("t3", "dora")
    assert board.position("t4") == 1


def test_a_desk_that_declines_stays_ready_and_takes_the_next_caller(board):
    board.find_desk("t1", "support", (), now=30)
    board.find_desk("t2", "support", ("eve",), now=31)
    found = board.release_desk("dora", "t1", EndReason.DECLINED, now=35)
    assert (found.transfer_id, found.event.desk) == ("t2", "dora")


def test_a_desk_that_lets_it_ring_is_left_alone(board):
    board.find_desk("t1", "support", (), now=30)
    assert board.release_desk("dora", "t1", EndReason.NO_ANSWER, now=50) is None
    assert (board.desks["dora"].state, board.desks["dora"].reason) == (DeskState.NOT_READY, NO_ANSWER)
    assert board.find_desk("t1", "support", ("dora",), now=51).desk == "eve"


def test_a_late_release_of_another_call_changes_nothing(board):
    board.find_desk("t1", "support", (), now=30)
    assert board.release_desk("dora", "t0", EndReason.DECLINED, now=31) is None
    assert board.desks["dora"].transfer_id == "t1"


def test_nobody_leaves_their_desk_in_the_middle_of_a_call(board):
    board.find_desk("t1", "support", (), now=30)
    assert not board.set_not_ready("dora", "lunch", now=31)
    assert board.set_ready("dora", now=31) is None
    assert board.set_not_ready("eve", "lunch", now=31)
    assert board.desks["eve"].reason == "lunch"


def test_a_reload_finds_the_desk_as_it_was_and_a_log_out_names_the_call(board):
    board.find_desk("t1", "support", (), now=30)
    assert board.log_in(desk("dora", "2001")).state is DeskState.RINGING
    assert board.log_out("dora") == "t1"
    assert board.log_out("dora") == ""


def test_the_expected_wait_is_learned_from_calls(board):
    board.find_desk("t1", "sales", (), now=30)
    board.find_desk("t2", "sales", (), now=31)
    assert board.expected_wait_s("t2") == INITIAL_CALL_S
    board.set_talking("finn", now=32)
    board.release_desk("finn", "t1", EndReason.DESK_HUNG_UP, now=92)
    assert board.expected_wait_s("t2") < INITIAL_CALL_S
    assert board.expected_wait_s("t1") == 0


def test_who_gave_up_waiting_is_not_rung(board):
    board.find_desk("t1", "sales", (), now=30)
    board.find_desk("t2", "sales", (), now=31)
    board.remove_caller("t2")
    assert board.release_desk("finn", "t1", EndReason.DECLINED, now=40) is None


def test_it_goes_on_from_what_was_kept(board):
    board.find_desk("t1", "sales", (), now=30)
    board.find_desk("t2", "sales", (), now=31)
    again = Switchboard.model_validate_json(board.model_dump_json())
    assert again.release_desk("finn", "t1", EndReason.DECLINED, now=40).transfer_id == "t2"


def test_when_all_are_not_ready_nobody_is_at_work(board):
    for name in ("dora", "eve"):
        board.set_not_ready(name, "lunch", now=30)
    assert board.find_desk("t1", "support", (), now=31) == NoDeskFree(nobody_working=True)
    board.set_ready("dora", now=32)
    assert board.find_desk("t2", "support", (), now=33) == NoDeskFree()


def test_a_colleague_is_free_who_has_no_call(board):
    assert board.free_desk_at("2002") == "eve"
    board.set_not_ready("eve", "lunch", now=30)
    assert board.free_desk_at("2002") == "eve"
    board.occupy("eve", "t1", now=31, talking=True)
    assert board.free_desk_at("2002") == ""
    assert board.free_desk_at("2999") == ""


@pytest.mark.parametrize("talks", [True, False])
def test_a_colleague_who_was_only_asked_goes_back_to_what_they_did(board, talks):
    board.set_not_ready("eve", "lunch", now=30)
    board.occupy("eve", "t1", now=31, talking=False)
    if talks:
        board.set_talking("eve", now=32)
    again = Switchboard.model_validate_json(board.model_dump_json())
    assert again.release_colleague("eve", "t1", now=33, answered=True) is None
    assert (again.desks["eve"].state, again.desks["eve"].reason) == (DeskState.NOT_READY, "lunch")
    assert again.release_colleague("eve", "t1", now=34, answered=False) is None
    assert again.desks["eve"].reason == "lunch"


def test_a_ready_colleague_who_was_only_asked_gets_whoever_waits(board):
    board.occupy("finn", "t1", now=30, talking=False)
    assert board.find_desk("t2", "sales", (), now=31) == NoDeskFree()
    assert board.release_colleague("finn", "t1", now=32, answered=True).transfer_id == "t2"


def test_a_colleague_who_lets_it_ring_is_left_alone(board):
    board.occupy("finn", "t1", now=30, talking=False)
    assert board.release_colleague("finn", "t1", now=50, answered=False) is None
    assert (board.desks["finn"].state, board.desks["finn"].reason) == (DeskState.NOT_READY, NO_ANSWER)


def test_a_colleague_who_declines_a_caller_goes_back_to_what_they_did(board):
    board.set_not_ready("eve", "lunch", now=30)
    board.occupy("eve", "t1", now=31, talking=False)
    assert board.release_desk("eve", "t1", EndReason.DECLINED, now=33) is None
    assert (board.desks["eve"].state, board.desks["eve"].reason) == (DeskState.NOT_READY, "lunch")
