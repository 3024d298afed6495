"""The environment in which the benchmark starts the product, and the search for its processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench.harness.adapters import ConvonetClient
from bench.harness.meter import MARK, ServerMeter
from bench.harness.systems import PIN, Bench, product_settings
from convonet.settings import Settings

BUSY = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {BUSY!r}], env={{}})
print(child.pid, flush=True)
child.wait()
"""


@pytest.mark.parametrize("llm", ["compatible", "openai", "anthropic"])
def test_the_product_accepts_the_environment(llm, monkeypatch):
    bench = Bench("http://127.0.0.1:9", (0,), llm, ConvonetClient(PIN))
    for name, value in product_settings(bench).items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    assert settings.models.chosen == llm
    assert str(settings.speech.deepgram_base_url) == "http://127.0.0.1:9/"


def test_processes_are_found_by_their_mark_and_counted_after_their_end():
    environment = os.environ | {MARK: "test-systems"}
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    meter = ServerMeter("test-systems")
    (use,) = meter.processes()
    while_running = meter.cpu_seconds()
    process.communicate(b"\n")
    assert use.pid == process.pid
    assert use.pss_mib > 3
    assert while_running >= 0.28
    assert meter.cpu_seconds() == while_running
    assert meter.pids() == []


def test_a_process_that_wrote_over_its_environment_is_found_by_its_parent():
    environment = os.environ | {MARK: "test-parents"}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child_pid = int(parent.stdout.readline())
    assert ServerMeter("test-parents").pids() == sorted((parent.pid, child_pid))
    parent.communicate(b"\n")
    assert ServerMeter("test-parents").pids() == []
