"""Worker processes that die or hang, and end with their parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from convonet.core.errors import SpeechUnavailable
from convonet.speech.local.jobs import EngineSpec, SynthesizePcm
from convonet.speech.local.worker import Worker

HELLO = SynthesizePcm("Hello there.")


def spec(folder, voice="en-us+klatt5"):
    return EngineSpec("voice", folder, voice, 30.0)


@pytest.fixture
def worker(tmp_path):
    made = Worker(spec(tmp_path))
    yield made
    made.close()


def is_alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


async def test_a_worker_that_died_between_two_jobs_is_restarted_unnoticed(worker):
    await worker.start()
    first = worker.pid
    os.kill(first, signal.SIGKILL)
    while worker.pid is not None:
        await asyncio.sleep(0.01)
    assert await worker.run(HELLO)
    assert worker.pid not in (None, first)


async def test_a_worker_that_dies_in_a_job_fails_that_job_only(worker):
    await worker.start()
    os.kill(worker.pid, signal.SIGSTOP)
    job = asyncio.create_task(worker.run(HELLO))
    await asyncio.sleep(0.1)
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(SpeechUnavailable) as failure:
        await job
    assert failure.value.retry_same
    assert await worker.run(HELLO)


async def test_a_worker_that_hangs_is_replaced(tmp_path):
    worker = Worker(spec(tmp_path), job_timeout_s=1.0)
    await worker.start()
    first = worker.pid
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(SpeechUnavailable, match="no answer"):
        await worker.run(HELLO)
    assert not is_alive(first)
    assert await worker.run(HELLO)
    worker.close()


async def test_an_engine_that_can_not_be_built_is_unavailable(tmp_path):
    broken = Worker(spec(tmp_path, voice="nobody"))
    with pytest.raises(SpeechUnavailable, match="does not start"):
        await broken.start()
    broken.close()


async def test_a_job_of_another_engine_is_refused_and_the_worker_lives(worker):
    with pytest.raises(SpeechUnavailable, match="TypeError"):
        await worker.run("nonsense")
    assert await worker.run(HELLO)


async def test_a_cancelled_job_is_not_started(worker):
    await worker.start()
    os.kill(worker.pid, signal.SIGSTOP)
    first, second = (asyncio.create_task(worker.run(SynthesizePcm(text))) for text in ("One.", "Two."))
    await asyncio.sleep(0.1)
    second.cancel()
    os.kill(worker.pid, signal.SIGCONT)
    assert await first
    with pytest.raises(asyncio.CancelledError):
        await second
    assert await worker.run(HELLO)


async def test_a_closed_worker_leaves_no_process(worker):
    await worker.start()
    pid = worker.pid
    worker.close()
    assert not is_alive(pid)


def test_a_worker_ends_when_its_parent_dies(tmp_path):
    program = f"""
import asyncio, os, pathlib
from convonet.speech.local.jobs import EngineSpec
from convonet.speech.local.worker import Worker
worker = Worker(EngineSpec("voice", pathlib.Path({str(tmp_path)!r}), "en-us+klatt5", 30.0))
asyncio.run(worker.start())
print(worker.pid, flush=True)
os._exit(1)
"""
    parent = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    pid = int(parent.stdout)
    deadline = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(pid)
