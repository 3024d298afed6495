"""What the product's parts count where it happens."""

import asyncio

from convonet.agents.models.base import ChosenModel, ModelRequest, SystemPrompt, TextPart, Toolset, UserMessage
from convonet.agents.models.chain import Limits, ModelChain
from convonet.agents.models.failures import Failure, ModelFailed
from convonet.core.errors import SpeechUnavailable, StorageError
from convonet.metrics import definitions as d
from convonet.records import queue
from convonet.records.queue import RecordQueue
from convonet.speech.base import Language
from convonet.speech.fallback import SpeechWithFallback
from tests.metrics.test_turns import a_record
from tests.sessions.doubles import ScriptedTts, World
from tests.virtual_time import virtual_time


@virtual_time
async def test_a_wrong_pin_is_counted_and_refused(counted):
    world = World()
    async with world.client() as client:
        await client.until("auth_required")
        client.say("authenticate", pin="000000")
        await client.until("error", code="auth_failed")
    await world.end()
    assert counted.of(d.PIN_FAILURES) == 1
    assert counted.of(d.REFUSALS, code="auth_failed") == 1


@virtual_time
async def test_a_message_that_is_refused_is_counted_by_its_code(counted):
    world = World()
    async with world.caller() as client:
        client.say("stop_recording")
        await client.until("error", code="invalid_mode")
    await world.end()
    assert counted.of(d.REFUSALS, code="invalid_mode") == 1


@virtual_time
async def test_a_barge_in_is_counted(counted):
    world = World()
    async with world.caller() as client:
        client.say("text_input", text="add buy milk")
        await client.until("processing_start")
        client.say("cancel")
        await client.until("playback_stop")
    await world.end()
    assert counted.of(d.BARGE_INS) == 1


@virtual_time
async def test_a_replica_tells_the_monitor_what_its_metrics_count(counted):
    world = World(replicas=1)
    (replica,) = world.replicas.values()
    before = replica.registry.gauges()
    async with world.caller() as client:
        client.say("cancel")
        await client.until("playback_stop")
    async with world.client() as client:
        await client.until("auth_required")
        client.say("authenticate", pin="000000")
        await client.until("error", code="auth_failed")
    await world.end()
    more = {name: replica.registry.gauges()[name] - before[name] for name in ("refusals", "pin_failures", "barge_ins")}
    assert more == {"refusals": 1, "pin_failures": 1, "barge_ins": 1}


@virtual_time
async def test_a_voice_that_fails_is_counted_and_so_is_who_speaks_instead(counted):
    vendor, own = ScriptedTts(), ScriptedTts()
    vendor.name, own.name = "deepgram", "local"
    vendor.fails_with = SpeechUnavailable("down")
    speech = SpeechWithFallback(vendor, own)
    for _ in range(2):
        await speech.synthesize("Hello.", language=Language("en-US"))
    assert counted.of(d.PROVIDER_ERRORS, service="speaking", provider="deepgram") == 1, "the second call rests it"
    assert counted.of(d.FALLBACKS, service="speaking", provider="local") == 2


@virtual_time
async def test_a_record_that_is_given_up_is_counted_and_one_that_waits_is_seen(counted, monkeypatch):
    monkeypatch.setattr(queue, "MOST_WAITING", 2)
    records = RecordQueue(AwayStore())
    for number in range(3):
        record = a_record()
        record.request_id = f"s:{number}"
        records.add(record)
    await asyncio.sleep(1)
    assert len(records) == 2
    assert records.store_is_away
    assert counted.of(d.RECORDS_LOST) == 1
    await records.close()
    assert counted.of(d.RECORDS_LOST) == 3


class AwayStore:
    async def write(self, records):
        raise StorageError("away")

    async def recent(self, limit):
        raise StorageError("away")


async def test_a_model_that_fails_is_counted_and_so_is_who_thinks_instead(counted):
    models = [
        ChosenModel("anthropic", "claude", BrokenModel()),
        ChosenModel("openai", "gpt", FriendlyModel()),
    ]
    chain = ModelChain(models, Limits(silence=1, total=2, rest=60))
    for _ in range(2):
        async for _ in chain.think(HELLO, set()):
            pass
    await chain.close()
    assert counted.of(d.PROVIDER_ERRORS, service="thinking", provider="anthropic") == 1, "then it rests"
    assert counted.of(d.FALLBACKS, service="thinking", provider="openai") == 2


async def test_the_first_choice_that_answers_is_no_fallback(counted):
    chosen = ChosenModel("openai", "gpt", FriendlyModel())
    chain = ModelChain([chosen], Limits(silence=1, total=2, rest=60))
    async for _ in chain.think(HELLO, set()):
        pass
    await chain.close()
    assert counted.all_of(d.FALLBACKS) == {}


HELLO = ModelRequest(SystemPrompt("", ""), (UserMessage("hello"),), Toolset("none"))


class FriendlyModel:
    async def answer(self, request):
        yield TextPart("Hello there.")

    async def close(self):
        pass


class BrokenModel(FriendlyModel):
    async def answer(self, request):
        raise ModelFailed(Failure("down"))
        yield
