"""The parts that `make cluster` writes: the serve config in cluster.yaml, Ray's flags, and a hash of the settings.

The serve config is serve_config.yaml overlaid with k8s/serve_overlay.yaml. Ray's flags are those of ray.env, plus those
that only a cluster needs. The hash of settings and flags is in each pod's annotations: Kubernetes does not update the
environment of running pods, so a change of it has to become a change of the cluster.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from convonet.core.errors import SettingsError
from deployments.cluster.manifests import CLUSTER, Object
from deployments.config_check import read_config
from deployments.launch.product import ray_env

SERVE_CONFIG = "serve_config.yaml"
OVERLAY = "k8s/serve_overlay.yaml"
SETTINGS = "k8s/settings.yaml"
RAY_FLAGS = "k8s/ray-flags.yaml"

CLUSTER_FLAGS = {
    # a vanished node is noticed after 7 to 9 s instead of 63; any sooner, a pause would look like a lost node
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "2000",
    "RAY_health_check_failure_threshold": "3",
    # HAProxy drops a replica that does not answer after 2 s instead of 10
    "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
    "RAY_SERVE_HAPROXY_TIMEOUT_CONNECT_S": "1",
    # a proxy that died is started again after 6 s instead of 30
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "2",
}
"""Flags for a cluster; a laptop has one node only."""

HASH_LENGTH = 12

_BLOCK = re.compile(r"^  serveConfigV2: \|\n(?:(?:    .*)?\n)*", re.MULTILINE)
_HASH = re.compile(r'^( +convonet/settings-hash: )"[^"\n]*"', re.MULTILINE)


def write(root: Path) -> list[str]:
    """Write the generated parts; return the files that have changed."""
    return [name for name, text in _files(root) if _replace(root / name, text(root))]


def stale(root: Path) -> Iterator[str]:
    """Yield a sentence for each file that is out of date."""
    for name, text in _files(root):
        path = root / name
        if not path.exists() or path.read_text() != text(root):
            yield (
                f"{name} is not what {SERVE_CONFIG}, {OVERLAY}, ray.env and {SETTINGS} make of it: run `make cluster` "
                "and look at what it changes"
            )


def serve_config(root: Path) -> Object:
    """Return the serve config of a cluster. Raises `SettingsError` when the overlay has an unknown name."""
    config, overlay = deepcopy(read_config(root / SERVE_CONFIG)), yaml.safe_load((root / OVERLAY).read_text())
    of_all, by_name = overlay["every_deployment"], dict(overlay["deployments"])
    if unknown := overlay.keys() - {"http_options", "every_deployment", "deployments"}:
        raise SettingsError(f"{OVERLAY}: {', '.join(sorted(unknown))} is not understood")
    config["http_options"] = _merged(config["http_options"], overlay["http_options"])
    for application in config["applications"]:
        application["deployments"] = [
            _merged(_merged(deployment, of_all), by_name.pop(deployment["name"], {}))
            for deployment in application["deployments"]
        ]
    if by_name:
        raise SettingsError(f"{OVERLAY}: {SERVE_CONFIG} has no deployment called {', '.join(sorted(by_name))}")
    return config


def ray_flags(root: Path) -> dict[str, str]:
    """Return the environment of Ray's processes on a cluster."""
    return {**ray_env(root / "ray.env"), **CLUSTER_FLAGS}


def _files(root: Path) -> list[tuple[str, Callable[[Path], str]]]:
    return [(RAY_FLAGS, _ray_flags_text), (CLUSTER, _cluster_text)]


def _replace(path: Path, text: str) -> bool:
    if path.exists() and path.read_text() == text:
        return False
    path.write_text(text)
    return True


def _ray_flags_text(root: Path) -> str:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "convonet-ray-flags", "namespace": "convonet"},
        "data": ray_flags(root),
    }
    return (
        "# Written by `make cluster` from ray.env, which says why each of them is there, and from CLUSTER_FLAGS in\n"
        f"# deployments/cluster/generated.py.\n{_dumped(body)}"
    )


def _cluster_text(root: Path) -> str:
    head = f"# written by `make cluster` from {SERVE_CONFIG} and {OVERLAY}\n"
    indented = "".join(f"    {line}\n" for line in (head + _dumped(serve_config(root))).splitlines())
    block, mark = f"  serveConfigV2: |\n{indented}", _settings_hash(root)
    text = _replaced(_BLOCK, lambda _: block, (root / CLUSTER).read_text(), "serveConfigV2: |")
    return _replaced(_HASH, lambda found: f'{found[1]}"{mark}"', text, 'convonet/settings-hash: ""')


def _replaced(pattern: re.Pattern[str], by: Callable[[re.Match[str]], str], text: str, what: str) -> str:
    found, count = pattern.subn(by, text)
    if not count:
        raise SettingsError(f"{CLUSTER} has no `{what}`, where `make cluster` writes")
    return found


def _settings_hash(root: Path) -> str:
    settings = yaml.safe_load((root / SETTINGS).read_text())["data"]
    text = repr(sorted(settings.items()) + sorted(ray_flags(root).items()))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def _dumped(body: Object) -> str:
    return str(yaml.safe_dump(body, sort_keys=False, width=120))


def _merged(below: Any, above: Any) -> Any:
    """Merge `above` into `below`, key by key; a null in `above` removes the key."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return deepcopy(above)
    both = {key: _merged(below.get(key), above[key]) if key in above else below[key] for key in {**below, **above}}
    return {key: value for key, value in both.items() if not (key in above and value is None)}
