"""Answers by the speech deployment, which is another process."""

import asyncio
from contextlib import aclosing

import pytest
from ray.exceptions import RayActorError

from actors.remote_speech import RemoteSpeech
from convonet.errors import AnswerBroken
from convonet.speech.base import Language


class Deployment:
    """Serve's handle: a sentence sounds as its own letters, or hangs, or kills the replica."""

    def __init__(self):
        self.asked = []
        self.cancelled = []
        self.transcribe = self.synthesize = None
        self.sound = self

    def remote(self, sentence, _along):
        self.asked.append(sentence)
        return Response(self, sentence)


class Response:
    def __init__(self, deployment, sentence):
        self._deployment = deployment
        self._sentence = sentence

    def __await__(self):
        return self._answer().__await__()

    async def _answer(self):
        if self._sentence == "Die.":
            raise RayActorError
        if self._sentence == "Hang.":
            await asyncio.Event().wait()
        return self._sentence.encode("utf-16-le")

    def cancel(self):
        self._deployment.cancelled.append(self._sentence)


@pytest.fixture
def deployment():
    return Deployment()


def begun(deployment, *sentences):
    answer = RemoteSpeech(deployment).begin_answer(language=Language("en-US"))
    for sentence in sentences:
        answer.speak(sentence)
    answer.finish()
    return answer


async def test_sentences_sound_in_order_and_the_next_one_is_made_meanwhile(deployment):
    async with aclosing(begun(deployment, "One.", "Two.", "Three.").chunks()) as chunks:
        chunk = await anext(chunks)
        assert (chunk.pcm.decode("utf-16-le"), chunk.provider) == ("One.", "local")
        assert deployment.asked == ["One.", "Two."]
        assert [chunk.pcm.decode("utf-16-le") async for chunk in chunks] == ["Two.", "Three."]


async def test_a_replica_that_dies_breaks_the_answer_off_where_it_was(deployment):
    with pytest.raises(AnswerBroken) as failure:
        async with aclosing(begun(deployment, "One.", "Die.", "Three.").chunks()) as chunks:
            assert [chunk.pcm async for chunk in chunks]
    assert failure.value.sounded == 1


async def test_barge_in_cancels_what_is_being_made(deployment):
    async with aclosing(begun(deployment, "One.", "Hang.", "Three.").chunks()) as chunks:
        await anext(chunks)
    assert deployment.cancelled == ["Hang."]
    assert deployment.asked == ["One.", "Hang."]
