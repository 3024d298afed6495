"""The error for which `make run` exits with a sentence."""

from convonet.core.errors import ConvonetError


class LaunchError(ConvonetError):
    """The product can't be started; the message says what to do."""
