"""The parent's side of a worker process, which runs one job at a time off the event loop. Used by `LocalSpeech`.

Recognition is CPU work that holds the interpreter's lock: in a thread it would block the event loop for 590 ms. FFmpeg
parses bytes from strangers, and eSpeak NG is GPL. So each engine has a process of its own, a plain subprocess without
Ray. It ends when our end of its pipe closes, even when we are killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import structlog

import convonet
from convonet.core.errors import SpeechUnavailable
from convonet.speech.local.jobs import READY, STOP, EngineSpec, Failed, Job

log = structlog.get_logger(__name__)

START_TIMEOUT_S = 180.0
"""Starting loads 110 MB of models, and the very first start builds one, which takes 4 s on two free cores."""

JOB_TIMEOUT_S = 18.0
"""Less than the 20 s of a session. The longest utterance (30 s) takes 5 s, or 13 s when it is all noise."""

_PACKAGE_ROOT = Path(convonet.__file__).parent.parent


class Worker:
    """Starts its process at the first job, and again after the process has died."""

    def __init__(self, spec: EngineSpec, *, job_timeout_s: float = JOB_TIMEOUT_S) -> None:
        self._spec = spec
        self._job_timeout_s = job_timeout_s
        # a single thread serves as the queue: jobs run in order
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"speech-{spec.kind}")
        self._lock = threading.Lock()
        self._running: Job | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self.start_error: str | None = None
        """Why the process could not be started the last time; None when it could."""

    @property
    def pid(self) -> int | None:
        """Process id, or None when the process does not run."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    async def start(self) -> None:
        """Start the process and wait until its engine is warm. Raises `SpeechUnavailable`."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._started)

    async def run(self, job: Job) -> object:
        """Run `job` after the jobs queued before it; cancelling stops it.

        Raises what the engine raises, or `SpeechUnavailable` when the process dies or takes too long.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._exchange, job)
        except asyncio.CancelledError:
            # in a thread: writing to a pipe blocks when its other end hangs
            asyncio.get_running_loop().run_in_executor(None, self._stop, job)
            raise

    def close(self) -> None:
        """Kill the process, with any job that runs."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._process is not None:
            self._process.kill()
        self._thread.shutdown(wait=True)
        self._end()

    def _exchange(self, job: Job) -> object:
        pipe = self._started()
        try:
            with self._lock:
                self._running = job
                pipe.send(job)
            if not pipe.poll(self._job_timeout_s):
                raise TimeoutError(f"no answer in {self._job_timeout_s:g} s")
            answer = pipe.recv()
        except (EOFError, OSError) as error:  # TimeoutError is an OSError
            log.warning("speech_worker_lost", engine=self._spec.kind, error=str(error))
            self._end()
            raise SpeechUnavailable(f"the {self._spec.kind} worker died: {error}", retry_same=True) from error
        finally:
            with self._lock:
                self._running = None
        if isinstance(answer, Failed):
            raise answer.error
        return answer.result

    def _stop(self, job: Job) -> None:
        with self._lock:
            if self._running is job and self._pipe is not None:
                with contextlib.suppress(OSError):  # the process has just died
                    self._pipe.send(STOP)

    def _started(self) -> Connection:
        if self._pipe is not None and self._process is not None and self._process.poll() is None:
            return self._pipe
        self._end()
        ours, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "convonet.speech.local.child", str(theirs.fileno())],
                cwd=_PACKAGE_ROOT,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._pipe = ours
        try:
            ours.send(self._spec)
            if not ours.poll(START_TIMEOUT_S) or ours.recv() != READY:
                raise TimeoutError(f"not ready in {START_TIMEOUT_S:g} s")
        except (EOFError, OSError) as error:
            self._end()
            self.start_error = f"the {self._spec.kind} worker does not start: {error!r}"
            raise SpeechUnavailable(self.start_error) from error
        self.start_error = None
        return ours

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None
