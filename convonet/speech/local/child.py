"""The program of a worker process, which `worker.py` starts: builds one engine, then runs its jobs."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection

from convonet.core.errors import ConvonetError, SpeechUnavailable
from convonet.speech.local.engines import Work, build
from convonet.speech.local.jobs import READY, STOP, Done, Failed, Stopped


def main(descriptor: int) -> None:
    """Serve the parent at the other end of `descriptor`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides when we end
    pipe = Connection(descriptor)
    try:
        work = build(pipe.recv())
        pipe.send(READY)
        while True:
            job = pipe.recv()
            if job != STOP:  # a stop may arrive after its job is done
                pipe.send(_answer(work, job, pipe.poll))
    except (EOFError, ConnectionError):
        return


def _answer(work: Work, job: object, should_stop: Callable[[], bool]) -> Done | Failed:
    try:
        return Done(work(job, should_stop))
    except (ConvonetError, Stopped) as error:
        return Failed(error)
    except Exception as error:  # noqa: BLE001 - the job's top: the parent logs it, the process goes on
        # not its text, which may quote the sentence to be synthesized
        at = traceback.extract_tb(error.__traceback__)[-1]
        return Failed(SpeechUnavailable(f"{type(error).__name__} in {at.name}, line {at.lineno} of {at.filename}"))


if __name__ == "__main__":
    main(int(sys.argv[1]))
