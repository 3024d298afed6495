"""The refusals that several todo tools share, with the words that a caller hears."""

from convonet.core.errors import DomainError


class NothingToChange(DomainError):
    """A tool that changes something was called without a new value."""

    spoken = "Please tell me what to change."
