"""Ray's own id of the cluster that this process belongs to. It has no public name in Ray 2.60."""

from __future__ import annotations

from ray._private.worker import global_worker


def cluster_id() -> str:
    """The same in all processes of a cluster, also after its head was replaced; another one in any other cluster."""
    return str(global_worker.gcs_client.cluster_id.hex())  # type: ignore[attr-defined]
