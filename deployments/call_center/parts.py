"""What the replica of the call centre is made of: the host of the hand-overs, and the desks' web application on it."""

from functools import cache

from fastapi import FastAPI

from actors.cluster import Cluster
from actors.transfer_host import TransferHost
from convonet.auth.throttle import throttle
from convonet.desk.crm_notes import CrmNotes
from convonet.desk.facts import CallerFacts
from convonet.desk.http import application
from convonet.metrics.definitions import DESKS, QUEUE
from convonet.settings import Settings, get_settings
from convonet.storage.checkpoints import checkpoint_store
from convonet.storage.database import Database
from convonet.storage.serving import serving_store
from convonet.telephony.bridge import Bridge, NoTelephone
from convonet.telephony.ledger import Ledger
from deployments.measuring import measure
from deployments.ray_compat import cluster_id


@cache
def cluster() -> Cluster:
    """The view of this process; the replica starts and stops it."""
    return Cluster(cluster_id(), serving_store(get_settings().storage))


@cache
def transfer_host() -> TransferHost:
    """The host of this process, for the handle and for the desks."""
    settings, database = get_settings(), _database()
    host = TransferHost(
        settings.call_center,
        bridge=_bridge(settings),
        checkpoints=checkpoint_store(settings.storage),
        ledger=Ledger(database),
        facts=CallerFacts(database, settings),
        cluster=cluster(),
    )
    watch = measure("call_center")
    watch.gauge(QUEUE, host.callers_waiting)
    watch.gauge(DESKS, host.desks_by_state)
    return host


def desks_http() -> FastAPI:
    """The HTTP application."""
    settings, database = get_settings(), _database()
    notes = CrmNotes(database, settings)
    return application(database, settings, throttle(settings, "staff"), transfer_host(), notes)


@cache
def _database() -> Database:
    return Database(get_settings().storage.database_url)


def _bridge(settings: Settings) -> Bridge:
    if not settings.telephony.is_configured:
        return NoTelephone()
    # half a second of imports that an installation without a telephone does without
    from convonet.telephony.twilio import TwilioBridge

    return TwilioBridge(settings.telephony, ring_timeout_s=settings.call_center.ring_timeout_s)
