"""/ready names each component's state and its begin, and checks at most once a second."""

import asyncio

from convonet.core.errors import StorageError
from convonet.core.health import CHECK_TIMEOUT_S, HEALTHY_TTL_S, Check, Health, can_serve
from tests.virtual_time import virtual_time


class Component:
    """A component whose state a test sets."""

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
async def test_each_component_is_named_with_its_state_and_since_when():
    health = health_of(
        database=Check(Component().look), redis=Check(Component(StorageError("gone")).look, needed=False)
    )
    components = await health.components()
    assert components["database"] == {"ok": True, "needed": True, "state": "ok", "since": "1970-01-01T00:00:00+00:00"}
    assert components["redis"] == {"ok": False, "needed": False, "state": "away", "since": "1970-01-01T00:00:00+00:00"}


@virtual_time
async def test_since_is_when_the_state_began_not_when_it_was_requested():
    component = Component()
    health = health_of(database=Check(component.look))
    await health.components()
    await asyncio.sleep(60)
    assert (await health.components())["database"]["since"] == "1970-01-01T00:00:00+00:00"
    component.state = StorageError("gone")
    await asyncio.sleep(60)
    assert (await health.components())["database"]["since"] == "1970-01-01T00:02:00+00:00"
    await asyncio.sleep(60)
    assert (await health.components())["database"]["since"] == "1970-01-01T00:02:00+00:00"


@virtual_time
async def test_a_crowd_of_probes_costs_one_check_a_second():
    component = Component()
    health = health_of(database=Check(component.look))
    for _ in range(20):
        await asyncio.gather(*(health.components() for _ in range(50)))
        await asyncio.sleep(HEALTHY_TTL_S / 10)
    assert component.looks <= 3


@virtual_time
async def test_a_component_that_hangs_holds_a_probe_up_for_two_seconds_and_the_others_stay_ok():
    health = health_of(agent=Check(asyncio.Event().wait), database=Check(Component().look))
    began = asyncio.get_running_loop().time()
    components = await health.components()
    assert asyncio.get_running_loop().time() - began <= CHECK_TIMEOUT_S + 0.1
    assert (components["agent"]["state"], components["database"]["state"]) == ("no answer", "ok")


@virtual_time
async def test_a_component_that_recovers_is_ok_within_a_quarter_of_a_second():
    component = Component("starting")
    health = health_of(agent=Check(component.look))
    assert not (await health.components())["agent"]["ok"]
    component.state = "ok"
    await asyncio.sleep(0.25)
    assert (await health.components())["agent"]["ok"]


@virtual_time
async def test_only_a_needed_component_makes_the_replica_not_ready():
    down = Component(StorageError("gone")).look
    assert can_serve(await health_of(a=Check(Component().look), redis=Check(down, needed=False)).components())
    assert not can_serve(await health_of(a=Check(Component().look), database=Check(down)).components())


@virtual_time
async def test_a_cancelled_probe_does_not_end_the_check_for_others():
    component = Component()
    health = health_of(agent=Check(component.look))
    impatient = asyncio.create_task(health.components())
    await asyncio.sleep(0.001)
    patient = asyncio.create_task(health.components())
    await asyncio.sleep(0.001)
    impatient.cancel()
    assert (await patient)["agent"]["ok"]
    assert component.looks == 1
