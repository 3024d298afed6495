"""One hand-over: its good way, every way in which it fails, and that no call is ever left open or placed twice."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convonet.core.hand_over import CarrierKind, EndReason, HandOverState
from convonet.telephony.effects import (
    EndCall,
    FindDesk,
    OccupyDesk,
    PlaceCall,
    ReleaseColleague,
    ReleaseDesk,
    StateChanged,
)
from convonet.telephony.events import (
    CallerLeft,
    CallerPassedOn,
    CallHeld,
    CallNotPlaced,
    CallPlaced,
    CallProgress,
    ColleagueCalled,
    ConsultationEnded,
    DeadlinePassed,
    DeskAccepted,
    DeskAssigned,
    DeskDeclined,
    DeskHungUp,
    NoDeskFree,
    StreamStarted,
    StreamStopped,
    WhisperPlayed,
)
from convonet.telephony.hand_over_machine import (
    ACCEPT_TIMEOUT_S,
    ANSWER_TIMEOUT_S,
    MAX_ABSENT_WAIT_S,
    MAX_WAIT_S,
    RING_S,
    STREAM_TIMEOUT_S,
    WHISPER_TIMEOUT_S,
    HandOverMachine,
)

DORA = DeskAssigned(desk="dora", extension="2001")
SID = "CA1"


class World:
    """A hand-over, the time, and the effects so far."""

    def __init__(self):
        self.now = 1000.0
        self.machine = HandOverMachine(transfer_id="t-1")
        self.effects = self.machine.begin(self.now)

    def handle(self, *events, after=0.0):
        self.now += after
        new = [effect for event in events for effect in self.machine.handle(event, self.now)]
        self.effects += new
        return new

    @property
    def states(self):
        return [effect.state.value for effect in self.effects if isinstance(effect, StateChanged)]

    def kinds(self, effects):
        return [type(effect) for effect in effects if not isinstance(effect, StateChanged)]


def progress(status, sequence, attempt=0, sid=SID):
    return CallProgress(attempt=attempt, call_sid=sid, sequence=sequence, status=status)


RINGING = (DORA, CallPlaced(attempt=0, call_sid=SID), progress("initiated", 0), progress("ringing", 1))
ANSWERED = (*RINGING, DeskAccepted(desk="dora"), progress("in-progress", 2), StreamStarted(attempt=0, call_sid=SID))
CONNECTED = (*ANSWERED, WhisperPlayed(attempt=0))

DIRECT_DORA = DeskAssigned(desk="dora", extension="2001", carrier=CarrierKind.DIRECT, margin_s=0)
DIRECT_RINGING = (DIRECT_DORA, CallPlaced(attempt=0, call_sid=SID), progress("ringing", 0))


def stream(desk):
    return StreamStarted(attempt=0, call_sid=SID, desk=desk)


DIRECT_TALK = (*DIRECT_RINGING, DeskAccepted(desk="dora"), stream("dora"), WhisperPlayed(attempt=0))
EVE_CALLED = ColleagueCalled(desk="dora", to="eve", extension="2002")
CONSULTING = (*DIRECT_TALK, EVE_CALLED, DeskAccepted(desk="eve"), stream("eve"))


def test_the_good_way():
    world = World()
    world.handle(*CONNECTED)
    assert world.states == ["requested", "dialing", "ringing", "whisper", "connected"]
    assert world.kinds(world.effects) == [FindDesk, PlaceCall]
    assert world.machine.deadline is None
    assert world.kinds(world.handle(progress("completed", 3))) == [EndCall, ReleaseDesk]
    assert (world.machine.state, world.machine.why) == (HandOverState.ENDED, EndReason.DESK_HUNG_UP)


@pytest.mark.parametrize("before", [RINGING[:0], RINGING[:1], RINGING[:2], RINGING, ANSWERED, CONNECTED])
@pytest.mark.parametrize("hung_up", [True, False])
def test_a_caller_may_leave_at_any_time_and_no_call_stays(before, hung_up):
    world = World()
    world.handle(*before)
    world.handle(CallerLeft(hung_up=hung_up))
    assert world.machine.is_over
    assert world.machine.why is (EndReason.CALLER_HUNG_UP if hung_up else EndReason.CALLER_CANCELLED)
    # what comes now belongs to nobody any more
    late = world.handle(CallPlaced(attempt=0, call_sid=SID)) if before else []
    assert not before or EndCall(call_sid=SID) in world.effects
    assert [type(effect) for effect in late] in ([], [EndCall])
    assert world.handle(CallerLeft(hung_up=True), DeskAccepted(desk="dora"), DeadlinePassed(), after=1000) == []


@pytest.mark.parametrize(
    ("ends", "why"),
    [
        (progress("busy", 2), EndReason.BUSY),
        (progress("no-answer", 2), EndReason.NO_ANSWER),
        (progress("failed", 2), EndReason.UNREACHABLE),
        (CallNotPlaced(attempt=0), EndReason.REFUSED_BY_TWILIO),
        (DeskDeclined(desk="dora", reason="no headset"), EndReason.DECLINED),
        (StreamStopped(attempt=0), EndReason.STREAM_LOST),
    ],
)
def test_a_desk_that_does_not_take_the_call_is_followed_by_another(ends, why):
    world = World()
    world.handle(*RINGING)
    effects = world.handle(ends)
    assert world.machine.attempts[0].over is why
    assert world.machine.attempts[0].reason == getattr(ends, "reason", "")
    assert FindDesk(without=("dora",)) in effects
    assert ReleaseDesk(desk="dora", why=why) in effects
    (call,) = [
        effect for effect in world.handle(DeskAssigned(desk="eve", extension="2002")) if isinstance(effect, PlaceCall)
    ]
    assert (call.attempt, call.extension) == (1, "2002")
    # the first desk's news do not touch the second's call
    assert world.handle(DeskAccepted(desk="dora"), progress("completed", 9)) == []
    assert world.machine.state is HandOverState.DIALING


def test_nobody_there_waiting_and_waiting_too_long():
    world = World()
    world.handle(NoDeskFree(nobody_logged_in=True))
    assert (world.machine.state, world.machine.why) == (HandOverState.FAILED, EndReason.NOBODY_THERE)
    world = World()
    world.handle(NoDeskFree())
    world.handle(NoDeskFree(), after=MAX_WAIT_S - 1)
    assert world.handle(DeadlinePassed()) == []
    world.handle(DeadlinePassed(), after=1)
    assert (world.machine.state, world.machine.why) == (HandOverState.FAILED, EndReason.WAITED_TOO_LONG)
    assert world.kinds(world.handle(DORA)) == [ReleaseDesk]


def test_a_call_that_nobody_at_the_desk_accepted_is_a_voicemail_box():
    world = World()
    world.handle(*RINGING, progress("in-progress", 2), StreamStarted(attempt=0, call_sid=SID))
    assert world.machine.state is HandOverState.RINGING
    assert world.handle(DeadlinePassed(), after=ACCEPT_TIMEOUT_S - 0.1) == []
    effects = world.handle(DeadlinePassed(), after=0.2)
    assert world.machine.attempts[0].over is EndReason.VOICEMAIL
    assert EndCall(call_sid=SID) in effects


def test_a_call_that_is_not_answered_in_time_is_ended_by_us():
    world = World()
    world.handle(*RINGING)
    assert EndCall(call_sid=SID) in world.handle(DeadlinePassed(), after=ANSWER_TIMEOUT_S)
    assert world.machine.attempts[0].over is EndReason.NO_ANSWER


def test_a_call_of_which_twilio_never_said_that_it_exists_is_ended_when_it_shows():
    world = World()
    world.handle(DORA, CallNotPlaced(attempt=0))
    assert world.handle(progress("ringing", 1)) == [EndCall(call_sid=SID)]
    assert world.handle(progress("canceled", 2)) == []


def test_late_doubled_and_disordered_news_change_nothing():
    world = World()
    world.handle(DORA, progress("ringing", 1))
    assert world.machine.state is HandOverState.RINGING
    assert world.handle(progress("initiated", 0), progress("ringing", 1), CallPlaced(attempt=0, call_sid=SID)) == []
    assert world.handle(progress("new status of tomorrow", 2)) == []
    assert world.handle(progress("ringing", 9, attempt=7)) == []
    # a second call under the same attempt is none of ours
    assert world.handle(progress("ringing", 3, sid="CA2")) == [EndCall(call_sid="CA2")]


def test_a_whisper_that_does_not_end_does_not_keep_the_two_apart():
    world = World()
    world.handle(*ANSWERED)
    world.handle(DeadlinePassed(), after=WHISPER_TIMEOUT_S)
    assert world.machine.state is HandOverState.CONNECTED
    assert world.handle(WhisperPlayed(attempt=0)) == []


def test_it_goes_on_from_what_was_kept():
    world = World()
    for event in CONNECTED:
        world.machine = HandOverMachine.model_validate_json(world.machine.model_dump_json())
        world.handle(event)
    assert world.machine.state is HandOverState.CONNECTED


def test_it_goes_on_from_what_was_kept_of_a_consultation():
    world = World()
    for event in (*CONSULTING, CallerPassedOn(desk="dora", to="eve", extension="2002", talking=True)):
        world.machine = HandOverMachine.model_validate_json(world.machine.model_dump_json())
        world.handle(event)
    assert world.machine.desks == {"eve": True}


def test_a_hand_over_that_an_older_release_kept_is_carried_by_a_telephone():
    world = World()
    world.handle(*CONNECTED)
    kept = world.machine.model_dump(exclude={"ring_s": True, "attempts": {0: {"carrier", "held", "consultation"}}})
    machine = HandOverMachine.model_validate(kept)
    assert machine == world.machine
    assert machine.attempts[0].carrier is CarrierKind.TELEPHONE


ATTEMPTS = st.integers(0, 2)
DESKS = st.sampled_from(["dora", "eve", "finn"])
SIDS = st.sampled_from(["CA0", "CA1", "CA2"])
STATUSES = st.sampled_from(["initiated", "ringing", "in-progress", "completed", "busy", "no-answer", "failed"])
EVENTS = st.one_of(
    st.builds(DeskAssigned, desk=DESKS, extension=st.just("2001"), carrier=st.sampled_from(CarrierKind)),
    st.builds(NoDeskFree),
    st.builds(CallPlaced, attempt=ATTEMPTS, call_sid=SIDS),
    st.builds(CallNotPlaced, attempt=ATTEMPTS),
    st.builds(CallProgress, attempt=ATTEMPTS, call_sid=SIDS, sequence=st.integers(0, 5), status=STATUSES),
    st.builds(StreamStarted, attempt=ATTEMPTS, call_sid=SIDS, desk=st.sampled_from(["", "dora", "eve", "finn"])),
    st.builds(StreamStopped, attempt=ATTEMPTS, desk=st.sampled_from(["", "dora", "eve", "finn"])),
    st.builds(CallHeld, desk=DESKS, held=st.booleans()),
    st.builds(ColleagueCalled, desk=DESKS, to=DESKS, extension=st.just("2002")),
    st.builds(ConsultationEnded, desk=DESKS),
    st.builds(CallerPassedOn, desk=DESKS, to=DESKS, extension=st.just("2002"), talking=st.booleans()),
    st.builds(DeskAccepted, desk=DESKS),
    st.builds(DeskDeclined, desk=DESKS),
    st.builds(DeskHungUp, desk=DESKS),
    st.builds(WhisperPlayed, attempt=ATTEMPTS),
    st.just(DeadlinePassed()),
)


@settings(max_examples=300)
@given(st.lists(st.tuples(EVENTS, st.floats(0, 40)), max_size=40))
def test_whatever_happens_one_call_an_attempt_and_none_stays(steps):
    world = World()
    for event, after in steps:
        world.handle(event, after=after)
        if not world.machine.is_over and world.machine.state is not HandOverState.CONNECTED:
            assert world.machine.deadline is not None
    world.handle(CallerLeft(hung_up=True))
    assert world.machine.is_over
    placed = [effect.attempt for effect in world.effects if isinstance(effect, PlaceCall)]
    assert placed == list(range(len(placed)))
    ended = {effect.call_sid for effect in world.effects if isinstance(effect, EndCall)}
    ended |= {event.call_sid for event, _ in steps if isinstance(event, CallProgress) and event.end_reason}
    assert {attempt.call_sid for attempt in world.machine.attempts if attempt.call_sid} <= ended
    released = [effect.desk for effect in world.effects if isinstance(effect, ReleaseDesk | ReleaseColleague)]
    assert {attempt.desk for attempt in world.machine.attempts} <= set(released)
    assert {effect.desk for effect in world.effects if isinstance(effect, OccupyDesk)} <= set(released)
    assert world.machine.desks == {}


MOVES = st.one_of(
    st.builds(StreamStarted, attempt=st.just(0), call_sid=st.just(SID), desk=DESKS),
    st.builds(StreamStopped, attempt=st.just(0), desk=DESKS),
    st.builds(DeskAccepted, desk=DESKS),
    st.builds(DeskDeclined, desk=DESKS),
    st.builds(DeskHungUp, desk=DESKS),
    st.builds(CallHeld, desk=DESKS, held=st.booleans()),
    st.builds(ColleagueCalled, desk=DESKS, to=st.sampled_from(["eve", "finn"]), extension=st.just("2002")),
    st.builds(ConsultationEnded, desk=DESKS),
    st.builds(
        CallerPassedOn,
        desk=DESKS,
        to=st.sampled_from(["eve", "finn"]),
        extension=st.just("2002"),
        talking=st.booleans(),
    ),
    st.just(DeadlinePassed()),
)


@settings(max_examples=300)
@given(st.lists(st.tuples(MOVES, st.floats(0, 12)), max_size=30))
def test_whatever_desks_do_with_a_caller_every_wait_ends_and_no_colleague_stays_occupied(steps):
    world = World()
    world.handle(*DIRECT_TALK)
    for event, after in steps:
        before, new = world.machine.desks, world.handle(event, after=after)
        after_it = world.machine.desks
        freed = {effect.desk for effect in new if isinstance(effect, ReleaseDesk | ReleaseColleague)}
        # whoever has nothing to do with the caller any more is free, and so is whoever was reserved in vain
        assert before.keys() - after_it.keys() <= freed
        if isinstance(event, ColleagueCalled) or (isinstance(event, CallerPassedOn) and not event.talking):
            assert event.to in after_it or event.to in freed
        assert not freed & after_it.keys()
        attempt = world.machine.current
        if attempt is not None:
            asks = attempt.consultation is not None and not attempt.consultation.streaming
            assert (world.machine.deadline is not None) == (asks or not attempt.streaming)


def passed_on(to, *, talking):
    return CallerPassedOn(desk="dora", to=to, extension="2002", talking=talking)


@pytest.mark.parametrize("talking", [True, False])
def test_a_caller_who_is_passed_on_is_the_colleagues(talking):
    world = World()
    world.handle(*CONNECTED)
    effects = world.handle(passed_on("eve", talking=talking))
    released = ReleaseDesk(desk="dora", why=EndReason.PASSED_ON)
    assert effects == [released, OccupyDesk(desk="eve", talking=talking)]
    assert world.machine.state is HandOverState.CONNECTED
    # who passed the caller on has nothing to say any more
    assert world.handle(DeskHungUp(desk="dora")) == []
    assert world.handle(DeskAccepted(desk="eve")) == []
    assert EndCall(call_sid=SID) in world.handle(DeskHungUp(desk="eve"))
    assert world.machine.state is HandOverState.ENDED


def test_a_colleague_whose_telephone_rang_in_vain_did_not_answer():
    world = World()
    world.handle(*CONNECTED, passed_on("eve", talking=False))
    effects = world.handle(progress("completed", 3))
    assert ReleaseDesk(desk="eve", why=EndReason.NO_ANSWER) in effects
    assert world.machine.why is EndReason.DESK_HUNG_UP


@pytest.mark.parametrize("before", [RINGING, ANSWERED])
def test_only_a_caller_who_is_talked_with_can_be_passed_on(before):
    world = World()
    world.handle(*before)
    assert world.handle(passed_on("eve", talking=False)) == []


def test_while_nobody_is_at_work_the_wait_is_short():
    world = World()
    world.handle(NoDeskFree())
    world.handle(NoDeskFree(nobody_working=True), after=10)
    # further news of the queue do not make it longer
    world.handle(NoDeskFree(nobody_working=True), after=10)
    assert world.handle(DeadlinePassed(), after=MAX_ABSENT_WAIT_S - 11) == []
    assert world.handle(DeadlinePassed(), after=1)
    assert world.machine.why is EndReason.NOBODY_THERE


def test_who_comes_to_work_makes_the_wait_long_again():
    world = World()
    world.handle(NoDeskFree(nobody_working=True))
    world.handle(NoDeskFree(), after=1)
    assert world.handle(DeadlinePassed(), after=MAX_ABSENT_WAIT_S) == []
    assert not world.machine.is_over


# -- a call that pages carry


def test_a_direct_call_is_answered_within_its_ringing():
    world = World()
    world.handle(*DIRECT_RINGING)
    assert PlaceCall(0, "dora", "2001", CarrierKind.DIRECT) in world.effects
    assert world.handle(DeadlinePassed(), after=RING_S - 0.1) == []
    assert EndCall(SID, CarrierKind.DIRECT) in world.handle(DeadlinePassed(), after=0.2)
    assert world.machine.attempts[0].over is EndReason.NO_ANSWER


def test_a_person_who_accepts_in_the_last_moment_has_time_to_open_the_stream():
    world = World()
    world.handle(*DIRECT_RINGING)
    world.handle(DeskAccepted(desk="dora"), after=RING_S - 0.1)
    # once more does not make it longer
    world.handle(DeskAccepted(desk="dora"), after=STREAM_TIMEOUT_S - 0.1)
    assert world.handle(DeadlinePassed()) == []
    world.handle(DeadlinePassed(), after=0.2)
    assert world.machine.attempts[0].over is EndReason.NO_ANSWER


def test_a_caller_is_held_and_resumed():
    world = World()
    world.handle(*DIRECT_TALK)
    for held in (True, False):
        assert world.handle(CallHeld(desk="dora", held=held)) == []
        assert world.machine.attempts[0].held is held
    world.handle(CallHeld(desk="eve", held=True))
    assert not world.machine.attempts[0].held


def test_a_colleague_is_asked_first_while_the_caller_is_held():
    world = World()
    world.handle(*DIRECT_TALK)
    assert world.handle(EVE_CALLED) == [OccupyDesk(desk="eve", talking=False)]
    assert world.machine.desks == {"dora": True, "eve": False}
    assert world.machine.attempts[0].held
    world.handle(DeskAccepted(desk="eve"), stream("eve"))
    assert world.machine.is_consulting
    assert world.machine.deadline is None
    assert world.handle(ConsultationEnded(desk="dora")) == [ReleaseColleague(desk="eve")]
    assert not world.machine.attempts[0].held
    assert world.machine.desks == {"dora": True}


@pytest.mark.parametrize("lost", [DeskHungUp(desk="dora"), StreamStopped(attempt=0, desk="dora")])
def test_a_desk_that_is_lost_in_a_consultation_leaves_the_caller_to_the_colleague(lost):
    world = World()
    world.handle(*CONSULTING)
    passed = ReleaseDesk(desk="dora", why=EndReason.PASSED_ON)
    assert world.handle(lost) == [passed, OccupyDesk(desk="eve", talking=True)]
    assert world.machine.desks == {"eve": True}
    assert not world.machine.attempts[0].held


@pytest.mark.parametrize("lost", [DeskHungUp(desk="dora"), StreamStopped(attempt=0, desk="dora")])
def test_a_desk_that_is_lost_while_the_colleague_rings_leaves_the_caller_to_the_agent(lost):
    world = World()
    world.handle(*DIRECT_TALK, EVE_CALLED)
    assert ReleaseColleague(desk="eve") in world.handle(lost)
    assert world.machine.state is HandOverState.ENDED


def test_news_of_a_stream_of_the_desk_before_do_not_touch_the_colleague():
    world = World()
    world.handle(*DIRECT_TALK, passed_on("eve", talking=False))
    deadline = world.machine.deadline
    assert world.handle(StreamStopped(attempt=0, desk="dora"), stream("dora")) == []
    assert (world.machine.deadline, world.machine.attempts[0].streaming) == (deadline, False)


def test_a_colleague_who_was_reserved_in_vain_is_free_again():
    world = World()
    world.handle(*DIRECT_TALK, CallerLeft(hung_up=True))
    assert world.handle(EVE_CALLED) == [ReleaseColleague(desk="eve")]
    assert world.handle(passed_on("eve", talking=False)) == [ReleaseColleague(desk="eve")]
