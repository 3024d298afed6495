"""What keeps the product from being started."""

from convonet.core.errors import ConvonetError


class LaunchError(ConvonetError):
    """The product can't be started; the text says what to do."""
