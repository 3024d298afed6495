"""The parts of the call center's replica: the host of the hand-overs, and the desks' web application on it."""

from functools import cache

from fastapi import FastAPI

from actors.cluster import Cluster
from actors.hand_overs.host import HandOverHost
from actors.hand_overs.registry import HostServices
from convonet.auth.throttle import throttle
from convonet.desk.caller_facts import CallerFacts
from convonet.desk.crm_notes import CrmNotes
from convonet.desk.http import application
from convonet.metrics.definitions import DESKS, QUEUE
from convonet.settings import Settings, get_settings
from convonet.storage.checkpoints import checkpoint_store
from convonet.storage.database import Database
from convonet.storage.serving import serving_store
from convonet.telephony.call_log import CallLog
from convonet.telephony.carrier import Carriers
from convonet.telephony.direct.carrier import DirectCarrier
from deployments.measuring import measure
from deployments.ray_compat import cluster_id


@cache
def cluster() -> Cluster:
    """Return this process's view of the cluster; the replica starts and stops it."""
    return Cluster(cluster_id(), serving_store(get_settings().storage))


@cache
def transfer_host() -> HandOverHost:
    """Return the host of this process, for other processes and for the desks."""
    settings, database = get_settings(), _database()
    services = HostServices(
        carriers=_carriers(settings),
        checkpoints=checkpoint_store(settings.storage),
        call_log=CallLog(database),
        facts=CallerFacts(database, settings),
        cluster=cluster(),
    )
    host = HandOverHost(settings.call_center, services)
    watch = measure("call_center")
    watch.gauge(QUEUE, host.callers_waiting)
    watch.gauge(DESKS, host.desks.desks_by_state)
    return host


def desks_http() -> FastAPI:
    """Build the HTTP application."""
    settings, database = get_settings(), _database()
    notes = CrmNotes(database, settings)
    return application(database, settings, throttle(settings, "staff"), transfer_host(), notes)


@cache
def _database() -> Database:
    return Database(get_settings().storage.database_url)


def _carriers(settings: Settings) -> Carriers:
    direct, departments = DirectCarrier(), settings.call_center.direct_departments
    if not settings.telephony.is_configured:
        return Carriers(direct, direct_departments=departments)
    # half a second of imports that an installation without telephony does not need
    from convonet.telephony.twilio.carrier import TwilioCarrier

    telephone = TwilioCarrier(settings.telephony, ring_timeout_s=settings.call_center.ring_timeout_s)
    return Carriers(direct, telephone, departments)
