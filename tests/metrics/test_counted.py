"""Metrics that the product's components update themselves."""

import asyncio

from convonet.agents.models.base import ModelConfig, ModelRequest, SystemPrompt, TextPart, Toolset, UserMessage
from convonet.agents.models.chain import ModelChain
from convonet.agents.models.failures import Failure, ModelFailed
from convonet.agents.models.hosted import HostedModel, Limits
from convonet.core.errors import SpeechUnavailable, StorageError
from convonet.metrics import definitions as d
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
async def test_a_failed_tts_is_counted_and_so_is_the_one_that_stands_in(counted):
    vendor, own = ScriptedTts(), ScriptedTts()
    vendor.name, own.name = "deepgram", "local"
    vendor.fails_with = SpeechUnavailable("down")
    speech = SpeechWithFallback(vendor, own)
    for _ in range(2):
        await speech.synthesize("Hello.", language=Language("en-US"))
    assert counted.of(d.PROVIDER_ERRORS, service="speaking", provider="deepgram") == 1, "the second call rests it"
    assert counted.of(d.FALLBACKS, service="speaking", provider="local") == 2


@virtual_time
async def test_a_dropped_record_is_counted_and_a_waiting_one_is_in_the_gauge(counted):
    records = RecordQueue(UnreachableStore(), max_waiting=2)
    for number in range(3):
        record = a_record()
        record.request_id = f"s:{number}"
        records.add(record)
    await asyncio.sleep(1)
    assert len(records) == 2
    assert records.store_is_down
    assert counted.of(d.RECORDS_LOST) == 1
    await records.close()
    assert counted.of(d.RECORDS_LOST) == 3


class UnreachableStore:
    async def write(self, records):
        raise StorageError("down")

    async def recent(self, limit):
        raise StorageError("down")


async def test_a_failed_model_is_counted_and_so_is_the_one_that_stands_in(counted):
    models = [
        HostedModel(ModelConfig("anthropic", "claude", BrokenModel()), LIMITS),
        HostedModel(ModelConfig("openai", "gpt", FriendlyModel()), LIMITS),
    ]
    chain = ModelChain(models)
    for _ in range(2):
        async for _ in chain.answer(HELLO, set()):
            pass
    await chain.close()
    assert counted.of(d.PROVIDER_ERRORS, service="thinking", provider="anthropic") == 1, "then it rests"
    assert counted.of(d.FALLBACKS, service="thinking", provider="openai") == 2


async def test_the_first_choice_that_answers_is_no_fallback(counted):
    chosen = HostedModel(ModelConfig("openai", "gpt", FriendlyModel()), LIMITS)
    chain = ModelChain([chosen])
    async for _ in chain.answer(HELLO, set()):
        pass
    await chain.close()
    assert counted.all_of(d.FALLBACKS) == {}


LIMITS = Limits(silence_s=1, answer_s=2, rest_s=60)
HELLO = ModelRequest(SystemPrompt("", ""), (UserMessage("hello"),), Toolset("none"))


class FriendlyModel:
    async def stream(self, request):
        yield TextPart("Hello there.")

    async def close(self):
        pass


class BrokenModel(FriendlyModel):
    async def stream(self, request):
        raise ModelFailed(Failure("down"))
        yield
