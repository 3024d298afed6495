"""The garbage collector's settings for a replica, which applies them once it has started."""

from __future__ import annotations

import gc


def freeze_startup_objects() -> None:
    """Exclude all objects that exist now from garbage collection; they live as long as the process.

    A full collection would visit them all, which stops the event loop, and with it all calls, for 16 to 84 ms. It also
    writes to each object, so that memory shared with the process it was forked from is copied.
    """
    gc.collect()
    gc.freeze()
