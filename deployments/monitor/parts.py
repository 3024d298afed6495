"""The objects of the monitor's replica: the host, the stores that it pings, and the pages' web application."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from actors.cluster import Cluster
from actors.monitor import MonitorHost
from convonet.auth.throttle import throttle
from convonet.monitor.http import application
from convonet.monitor.stores import Kind, WatchedStore
from convonet.monitor.today import TodaysTurns
from convonet.monitor.turn_index import TurnIndex
from convonet.records.redis_records import RedisRecords
from convonet.settings import get_settings
from convonet.settings.storage import StorageSettings
from convonet.storage.checkpoints import checkpoint_store
from convonet.storage.database import Database
from convonet.storage.serving import serving_store
from deployments.measuring import measure
from deployments.ray_compat import cluster_id


@cache
def cluster() -> Cluster:
    """Return this process's view of the cluster; the replica starts and stops it."""
    return Cluster(cluster_id(), serving_store(get_settings().storage))


@cache
def monitor_host() -> MonitorHost:
    """Return the host of this process, for the replica and for the pages."""
    settings = get_settings()
    redis = RedisRecords(settings.storage.redis_url.get_secret_value()) if settings.storage.redis_url else None
    index = TurnIndex(settings.storage.data_dir / "turns.db")
    today = TodaysTurns(ZoneInfo(settings.callers.timezone), settings.monitor.token_prices, settings.monitor.currency)
    return MonitorHost(index, today, _stores(settings.storage, index, redis), redis, cluster())


def monitor_http() -> FastAPI:
    """Build the HTTP application."""
    settings = get_settings()
    measure("monitor")
    return application(_database(), settings, throttle(settings, "staff"), monitor_host())


def _stores(settings: StorageSettings, index: TurnIndex, redis: RedisRecords | None) -> list[WatchedStore]:
    kind: Kind = "redis" if redis is not None else "embedded"
    return [
        WatchedStore("records", kind, (redis or index).ping),
        WatchedStore("checkpoints", kind, checkpoint_store(settings).ping),
        WatchedStore("database", "postgresql" if settings.db_uri else "embedded", _database().ping),
    ]


@cache
def _database() -> Database:
    return Database(get_settings().storage.database_url)
