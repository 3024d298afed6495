"""Logs and traces of a replica; each application sets them up before anything else.

Logs go straight to the process's own stderr. Serve replaces `sys.stderr` in a replica by a stream into its own log,
which under the flags of ray.env buffers up to a thousand lines. The lines before a crash, which matter most, would be
lost.
"""

import logging
import sys

from ray import serve

from convonet.core.logs import configure, levels_by_component
from convonet.core.redaction import QuoteFree
from convonet.settings import Settings


def log_to_own_stderr(settings: Settings) -> None:
    """Set up this replica's logs, and its traces if a collector is set; traces have the name of its deployment."""
    configure(
        settings.logs.level,
        sys.__stderr__,
        levels=levels_by_component(settings.logs.levels),
        words=settings.logs.words,
        region=settings.callers.phone_region,
    )
    if not settings.logs.words:
        # Serve logs the exceptions of requests by itself
        logging.getLogger("ray.serve").addFilter(QuoteFree())
    if settings.tracing.endpoint is not None:
        # its imports are not needed otherwise
        from convonet.tracing.export import start_tracing

        start_tracing(settings.tracing, serve.get_replica_context().deployment)
