"""One local speech for all tests: starting it loads 110 MB of models."""

from __future__ import annotations

import asyncio

import pytest

from convonet.settings.speech import SpeechSettings
from convonet.speech.local.service import LocalSpeech


@pytest.fixture(scope="session")
def local_speech(tmp_path_factory):
    speech = LocalSpeech(SpeechSettings(CONVONET_MAX_UTTERANCE_S=12), tmp_path_factory.mktemp("speech"))
    asyncio.run(speech.start())
    yield speech
    speech.close()
