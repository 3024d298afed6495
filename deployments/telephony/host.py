"""TransferHost as a Serve deployment. There is one of it: whoever starts later takes everything over."""

from __future__ import annotations

from actors.store import checkpoint_store
from actors.transfer_host import TransferHost
from convonet.desk.facts import CallerFacts
from convonet.settings import Settings, get_settings
from convonet.storage.database import Database
from convonet.telephony.bridge import Bridge, NoTelephone
from convonet.telephony.ledger import Ledger
from deployments.logs import log_to_own_stderr


class ServedTransferHost(TransferHost):
    """The one replica."""

    async def __init__(self) -> None:  # type: ignore[misc]
        settings = get_settings()
        log_to_own_stderr(settings)
        database = Database(settings.database_url)
        super().__init__(
            settings,
            bridge=_bridge(settings),
            checkpoints=checkpoint_store(settings),
            ledger=Ledger(database),
            facts=CallerFacts(database, settings),
        )
        # Serve awaits a constructor that is a coroutine: nobody reaches this host before it knows all
        await self.start()


def _bridge(settings: Settings) -> Bridge:
    if not settings.has_telephone:
        return NoTelephone()
    # half a second of imports that an installation without a telephone does without
    from convonet.telephony.twilio import TwilioBridge

    return TwilioBridge(settings)
