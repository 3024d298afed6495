"""The board is put together from what each process says of itself."""

from convonet.monitor.board import RETENTION_S, STALE_AFTER_S, Board
from convonet.monitor.messages import CallState, LiveCall, LiveLine
from convonet.monitor.reports import CallReport, Report


def call(session_id="s-1", state=CallState.READY):
    return LiveCall(session_id=session_id, user_name="Ann", state=state, state_since=1.0, began_at=1.0)


def report(replica="host-1", *calls, complete=False, ended=False, part="voice", **gauges):
    return Report(part, replica, 0.0, gauges, tuple(calls), complete, ended)


def line(number, text):
    return LiveLine(number=number, at=1.0, who="caller", text=text)


def known(*replicas):
    board = Board()
    for replica in replicas:
        assert board.apply(report(replica, complete=True), 0.0)
    return board


def test_all_refusals_of_a_process_that_started_today_count_for_today():
    board = Board()
    board.new_day(-1.0)
    board.apply(report("host-1", complete=True, refusals=3), 0.0)
    assert board.now(1.0, []).refusals_today == 3


def test_a_replica_that_was_silent_sends_a_complete_report_again():
    board = known("host-1")
    board.apply(report("host-1", CallReport("s-1", call())), 0.0)
    board.drop_stale(STALE_AFTER_S + 1)
    assert board.calls() == []
    assert not board.apply(report("host-1"), STALE_AFTER_S + 2)
    assert board.apply(report("host-1", CallReport("s-1", call()), complete=True), STALE_AFTER_S + 2)
    assert [shown.session_id for shown in board.calls()] == ["s-1"]


def test_an_unknown_replica_has_to_send_a_complete_report_first():
    board = Board()
    assert not board.apply(report("host-1", CallReport("s-1", call())), 0.0)
    assert board.calls() == []
    assert board.apply(report("host-1", CallReport("s-1", call()), complete=True), 0.0)
    assert [shown.session_id for shown in board.calls()] == ["s-1"]


def test_only_changes_since_the_given_version_are_returned():
    board = known("host-1")
    board.apply(report("host-1", CallReport("s-1", call()), CallReport("s-2", call("s-2"))), 0.0)
    seen = board.version
    assert board.calls(seen) == []
    board.apply(report("host-1", CallReport("s-2", call("s-2", CallState.THINKING)), CallReport("s-1", None)), 0.0)
    assert [shown.state for shown in board.calls(seen)] == [CallState.THINKING]
    assert board.ended(seen) == ["s-1"]


def test_a_call_that_moves_to_another_replica_does_not_end():
    board = known("host-1", "host-2")
    board.apply(report("host-1", CallReport("s-1", call(), (line(1, "hello"),))), 0.0)
    seen = board.version
    board.apply(report("host-2", CallReport("s-1", call(), (line(1, "hello"), line(2, "again")))), 0.0)
    board.apply(report("host-1", CallReport("s-1", None)), 0.0)
    board.apply(report("host-1", ended=True), 0.0)
    assert board.ended(seen) == []
    assert [shown.text for shown in board.transcript("s-1")] == ["hello", "again"]


def test_the_calls_of_a_silent_replica_are_dropped():
    board = known("host-1", "host-2")
    board.apply(report("host-1", CallReport("s-1", call())), 0.0)
    board.apply(report("host-2", CallReport("s-2", call("s-2"))), STALE_AFTER_S)
    board.drop_stale(STALE_AFTER_S + 1)
    assert [shown.session_id for shown in board.calls()] == ["s-2"]
    silent = {one.replica: one.silent_for_s for one in board.now(STALE_AFTER_S + 1, []).parts}
    assert silent == {"host-1": STALE_AFTER_S + 1, "host-2": 1.0}
    board.drop_stale(RETENTION_S + 1)
    assert [one.replica for one in board.now(RETENTION_S + 1, []).parts] == ["host-2"]


def test_a_complete_report_replaces_all_calls_of_its_replica():
    board = known("host-1")
    board.apply(report("host-1", CallReport("s-1", call()), CallReport("s-2", call("s-2"))), 0.0)
    board.apply(report("host-1", CallReport("s-2", call("s-2")), complete=True), 0.0)
    assert [shown.session_id for shown in board.calls()] == ["s-2"]


def test_an_entry_that_grows_replaces_itself():
    board = known("host-1")
    board.apply(report("host-1", CallReport("s-1", call(), (line(1, "I"), line(2, "You")))), 0.0)
    board.apply(report("host-1", CallReport("s-1", call(), (line(2, "You said"),))), 0.0)
    assert [shown.text for shown in board.transcript("s-1")] == ["I", "You said"]


def test_gauges_are_summed_over_the_components():
    board = known("host-1", "host-2", "desks")
    board.apply(report("host-1", CallReport("s-1", call()), turns_in_flight=2), 0.0)
    board.apply(report("host-2", CallReport("s-2", call("s-2", CallState.THINKING)), turns_in_flight=1), 0.0)
    gauges = {"queue.support": 2, "hand_overs.ringing": 1, "desks.ready": 3}
    board.apply(report("desks", part="call_center", **gauges), 0.0)
    now = board.now(1.0, [])
    assert now.calls == {CallState.READY: 1, CallState.THINKING: 1}
    assert (now.turns_in_flight, now.queue) == (3, {"support": 2})
    assert (now.hand_overs, now.desks) == ({"ringing": 1}, {"ready": 3})


def test_refusals_before_midnight_do_not_count_for_today():
    board = Board()
    board.new_day(1.0)
    board.apply(report("host-1", complete=True, refusals=100), 0.0)
    board.apply(report("host-1", refusals=103), 1.0)
    assert board.now(1.0, []).refusals_today == 3
    board.new_day(10.0)
    board.apply(report("host-1", refusals=104), 2.0)
    assert board.now(2.0, []).refusals_today == 1


def test_only_other_living_replicas_count_as_having_room():
    board = known("host-1", "host-2")
    board.apply(report("host-1", room=1), 0.0)
    assert board.others_with_room("host-1", 1.0) == 0
    assert board.others_with_room("host-2", 1.0) == 1
    board.apply(report("host-2", room=0), 1.0)
    assert board.others_with_room("host-1", 1.0) == 0
    assert board.others_with_room("host-2", STALE_AFTER_S + 1) == 0
