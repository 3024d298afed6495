"""/ready: what is there, since when, and asked at most once a second."""

import asyncio

from convonet.core.errors import StorageError
from convonet.core.health import ANSWER_S, FRESH_S, Check, Health, can_serve
from tests.virtual_time import virtual_time


class Part:
    """Something to look at."""

    def __init__(self, state="ok"):
        self.state = state
        self.looks = 0

    async def look(self):
        self.looks += 1
        await asyncio.sleep(0.01)
        if isinstance(self.state, Exception):
            raise self.state
        return self.state


def health_of(**checks):
    return Health(checks, clock=asyncio.get_running_loop().time)


@virtual_time
async def test_every_part_is_told_by_name_with_its_state_and_since_when():
    health = health_of(database=Check(Part().look), redis=Check(Part(StorageError("gone")).look, needed=False))
    parts = await health.parts()
    assert parts["database"] == {"ok": True, "needed": True, "state": "ok", "since": "1970-01-01T00:00:00+00:00"}
    assert parts["redis"] == {"ok": False, "needed": False, "state": "away", "since": "1970-01-01T00:00:00+00:00"}


@virtual_time
async def test_since_is_when_the_state_began_not_when_it_was_asked_for():
    part = Part()
    health = health_of(database=Check(part.look))
    await health.parts()
    await asyncio.sleep(60)
    assert (await health.parts())["database"]["since"] == "1970-01-01T00:00:00+00:00"
    part.state = StorageError("gone")
    await asyncio.sleep(60)
    assert (await health.parts())["database"]["since"] == "1970-01-01T00:02:00+00:00"
    await asyncio.sleep(60)
    assert (await health.parts())["database"]["since"] == "1970-01-01T00:02:00+00:00"


@virtual_time
async def test_a_crowd_of_probes_costs_one_look_a_second():
    part = Part()
    health = health_of(database=Check(part.look))
    for _ in range(20):
        await asyncio.gather(*(health.parts() for _ in range(50)))
        await asyncio.sleep(FRESH_S / 10)
    assert part.looks <= 3


@virtual_time
async def test_a_part_that_hangs_holds_a_probe_up_for_two_seconds_and_no_other_part_is_blamed():
    health = health_of(agent=Check(asyncio.Event().wait), database=Check(Part().look))
    began = asyncio.get_running_loop().time()
    parts = await health.parts()
    assert asyncio.get_running_loop().time() - began <= ANSWER_S + 0.1
    assert (parts["agent"]["state"], parts["database"]["state"]) == ("no answer", "ok")


@virtual_time
async def test_a_part_that_comes_back_is_told_of_within_a_moment():
    part = Part("starting")
    health = health_of(agent=Check(part.look))
    assert not (await health.parts())["agent"]["ok"]
    part.state = "ok"
    await asyncio.sleep(0.25)
    assert (await health.parts())["agent"]["ok"]


@virtual_time
async def test_only_what_a_turn_needs_makes_it_not_ready():
    lacking = Part(StorageError("gone")).look
    assert can_serve(await health_of(a=Check(Part().look), redis=Check(lacking, needed=False)).parts())
    assert not can_serve(await health_of(a=Check(Part().look), database=Check(lacking)).parts())


@virtual_time
async def test_a_probe_that_goes_away_does_not_end_the_look_for_others():
    part = Part()
    health = health_of(agent=Check(part.look))
    impatient = asyncio.create_task(health.parts())
    await asyncio.sleep(0.001)
    patient = asyncio.create_task(health.parts())
    await asyncio.sleep(0.001)
    impatient.cancel()
    assert (await patient)["agent"]["ok"]
    assert part.looks == 1
