"""One local speech for all tests: starting it loads 110 MB of models."""

from __future__ import annotations

import asyncio

import pytest

from convonet.settings import Settings
from convonet.speech.local.service import LocalSpeech


@pytest.fixture(scope="session")
def local_speech(tmp_path_factory):
    speech = LocalSpeech(Settings(CONVONET_DATA_DIR=tmp_path_factory.mktemp("speech"), CONVONET_MAX_UTTERANCE_S=12))
    asyncio.run(speech.start())
    yield speech
    speech.close()
