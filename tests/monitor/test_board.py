"""The board is put together from what each process says of itself."""

from convonet.monitor.board import FORGOTTEN_S, SILENT_S, Board
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
        assert board.take(report(replica, complete=True), 0.0)
    return board


def test_refusals_of_a_process_that_began_today_are_todays_from_its_first_one_on():
    board = Board()
    board.new_day(-1.0)
    board.take(report("host-1", complete=True, refusals=3), 0.0)
    assert board.now(1.0, []).refusals_today == 3


def test_a_host_that_was_silent_tells_everything_again():
    board = known("host-1")
    board.take(report("host-1", CallReport("s-1", call())), 0.0)
    board.tidy(SILENT_S + 1)
    assert board.calls() == []
    assert not board.take(report("host-1"), SILENT_S + 2)
    assert board.take(report("host-1", CallReport("s-1", call()), complete=True), SILENT_S + 2)
    assert [shown.session_id for shown in board.calls()] == ["s-1"]


def test_who_is_not_known_has_to_tell_everything_first():
    board = Board()
    assert not board.take(report("host-1", CallReport("s-1", call())), 0.0)
    assert board.calls() == []
    assert board.take(report("host-1", CallReport("s-1", call()), complete=True), 0.0)
    assert [shown.session_id for shown in board.calls()] == ["s-1"]


def test_only_what_has_changed_since_is_told():
    board = known("host-1")
    board.take(report("host-1", CallReport("s-1", call()), CallReport("s-2", call("s-2"))), 0.0)
    seen = board.version
    assert board.calls(seen) == []
    board.take(report("host-1", CallReport("s-2", call("s-2", CallState.THINKING)), CallReport("s-1", None)), 0.0)
    assert [shown.state for shown in board.calls(seen)] == [CallState.THINKING]
    assert board.ended(seen) == ["s-1"]


def test_a_call_that_moves_to_another_host_does_not_end():
    board = known("host-1", "host-2")
    board.take(report("host-1", CallReport("s-1", call(), (line(1, "hello"),))), 0.0)
    seen = board.version
    board.take(report("host-2", CallReport("s-1", call(), (line(1, "hello"), line(2, "again")))), 0.0)
    board.take(report("host-1", CallReport("s-1", None)), 0.0)
    board.take(report("host-1", ended=True), 0.0)
    assert board.ended(seen) == []
    assert [shown.text for shown in board.lines("s-1")] == ["hello", "again"]


def test_the_calls_of_a_host_that_falls_silent_are_shown_no_more():
    board = known("host-1", "host-2")
    board.take(report("host-1", CallReport("s-1", call())), 0.0)
    board.take(report("host-2", CallReport("s-2", call("s-2"))), SILENT_S)
    board.tidy(SILENT_S + 1)
    assert [shown.session_id for shown in board.calls()] == ["s-2"]
    silent = {part.replica: part.silent_for_s for part in board.now(SILENT_S + 1, []).parts}
    assert silent == {"host-1": SILENT_S + 1, "host-2": 1.0}
    board.tidy(FORGOTTEN_S + 1)
    assert [part.replica for part in board.now(FORGOTTEN_S + 1, []).parts] == ["host-2"]


def test_a_complete_report_replaces_what_was_known_of_a_host():
    board = known("host-1")
    board.take(report("host-1", CallReport("s-1", call()), CallReport("s-2", call("s-2"))), 0.0)
    board.take(report("host-1", CallReport("s-2", call("s-2")), complete=True), 0.0)
    assert [shown.session_id for shown in board.calls()] == ["s-2"]


def test_a_line_that_grows_replaces_itself():
    board = known("host-1")
    board.take(report("host-1", CallReport("s-1", call(), (line(1, "I"), line(2, "You")))), 0.0)
    board.take(report("host-1", CallReport("s-1", call(), (line(2, "You said"),))), 0.0)
    assert [shown.text for shown in board.lines("s-1")] == ["I", "You said"]


def test_the_numbers_are_sums_of_the_components_own_gauges():
    board = known("host-1", "host-2", "desks")
    board.take(report("host-1", CallReport("s-1", call()), turns_in_flight=2), 0.0)
    board.take(report("host-2", CallReport("s-2", call("s-2", CallState.THINKING)), turns_in_flight=1), 0.0)
    gauges = {"queue.support": 2, "hand_overs.ringing": 1, "desks.ready": 3}
    board.take(report("desks", part="call_center", **gauges), 0.0)
    now = board.now(1.0, [])
    assert now.calls == {CallState.READY: 1, CallState.THINKING: 1}
    assert (now.turns_in_flight, now.queue) == (3, {"support": 2})
    assert (now.hand_overs, now.desks) == ({"ringing": 1}, {"ready": 3})


def test_refusals_are_todays_whatever_a_process_has_counted_before():
    board = Board()
    board.new_day(1.0)
    board.take(report("host-1", complete=True, refusals=100), 0.0)
    board.take(report("host-1", refusals=103), 1.0)
    assert board.now(1.0, []).refusals_today == 3
    board.new_day(10.0)
    board.take(report("host-1", refusals=104), 2.0)
    assert board.now(2.0, []).refusals_today == 1


def test_room_is_elsewhere_only_where_another_living_replica_has_some():
    board = known("host-1", "host-2")
    board.take(report("host-1", room=1), 0.0)
    assert board.with_room_besides("host-1", 1.0) == 0
    assert board.with_room_besides("host-2", 1.0) == 1
    board.take(report("host-2", room=0), 1.0)
    assert board.with_room_besides("host-1", 1.0) == 0
    assert board.with_room_besides("host-2", SILENT_S + 1) == 0
