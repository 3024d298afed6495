"""Each use of Ray's private API, tried against the installed Ray; another release fails with the place to mend."""

import ast
import asyncio
import importlib.util
import inspect
import re
from importlib.metadata import requires
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray
from packaging.requirements import Requirement
from ray._private import parameter, ray_constants, worker
from ray._raylet import InnerGcsClient
from ray.serve._private import constants, http_util, proxy, replica
from ray.serve._private.replica_result import ReplicaResult
from ray.serve.handle import DeploymentBroadcastResponse

from deployments import ray_compat

ROOT = Path(__file__).parents[2]
MEND = f"Ray {ray.__version__} has another private API: mend {{}} in deployments/ray_compat.py"

NAMES = {
    "ray._private.utils:get_ray_address_file": "remove_address_file",
    "ray._private.worker:global_worker": "_gcs_client",
    "ray._raylet:InnerGcsClient.cluster_id": "cluster_id",
    "ray._raylet:InnerGcsClient.get_all_node_info": "draining_nodes",
    "ray._raylet:InnerGcsClient.get_draining_nodes": "draining_nodes",
    "ray.actor:ActorClassID.from_random": "class_ids_from_system",
    "ray.serve._private.constants:RAY_SERVE_ENABLE_HA_PROXY": "has_haproxy",
    "ray.serve._private.constants:RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "own_receive_header",
    "ray.serve._private.constants:SERVE_HTTP_REQUEST_DISCONNECT_DISABLED_HEADER": "own_receive_header",
    "ray.serve._private.proxy:start_asgi_http_server": "wrap_http_server_start",
    "ray.serve._private.replica:Replica._drain_behind_haproxy": "run_before_shutdown",
    "ray.serve._private.replica:Replica._perform_graceful_shutdown": "run_before_shutdown",
    "ray.serve._private.replica:add_port_to_grpc_server": "wrap_grpc_server_binding",
    "ray.serve._private.replica:create_grpc_server_with_interceptors": "wrap_grpc_server_creation",
    "ray.serve._private.replica:start_asgi_http_server": "wrap_http_server_start",
    "ray.serve._private.replica_result:ReplicaResult.get_async": "broadcast",
    "ray.serve.handle:DeploymentBroadcastResponse._fetch_replica_results_async": "broadcast",
    "ray.serve.metrics:Counter._record": "count",
}
"""Each private name, as module:attribute, with the function of ours that relies on it."""


@pytest.mark.parametrize(("name", "ours"), NAMES.items())
def test_ray_still_has_the_name(name, ours):
    module, _, path = name.partition(":")
    found = importlib.import_module(module)
    for part in path.split("."):
        assert hasattr(found, part), MEND.format(ours)
        found = getattr(found, part)


@pytest.mark.parametrize("module", [*ray_compat.WORKER_MODULES, *ray_compat.HTTP_SERVERS.values()])
def test_ray_still_has_the_module(module):
    assert importlib.util.find_spec(module), MEND.format("WORKER_MODULES and HTTP_SERVERS")


def test_the_release_is_the_one_that_was_read():
    wanted = next(one for one in map(Requirement, requires("convonet") or ()) if one.name == "ray" and not one.marker)
    assert ray.__version__ in wanted.specifier, "read deployments/ray_compat.py against the installed Ray"
    assert f"Ray {ray.__version__}" in (ray_compat.__doc__ or ""), "read deployments/ray_compat.py against this Ray"


PRIVATE = re.compile(r"ray(\.\w+)*\._\w+|ray\.actor\b")


def sources():
    packages = ("actors", "convonet", "deployments")
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def private_uses(tree):
    """Yield imports of Ray's private modules, and private attributes and parameters of other objects than our own."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names if PRIVATE.match(alias.name))
            case ast.ImportFrom(module=str(module), names=names):
                yield from (name for alias in names if PRIVATE.match(name := f"{module}.{alias.name}"))
            case ast.Constant(value=str(text)) if PRIVATE.fullmatch(text):
                yield text
            case ast.Attribute(value=owner, attr=name) if name.startswith("_") and not name.startswith("__"):
                if ast.unparse(owner).partition(".")[0] not in {"self", "cls", "super()", "os"}:
                    yield ast.unparse(node)
            case ast.keyword(arg=str(name)) if name.startswith("_"):
                yield f"{name}="


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_other_module_uses_rays_private_api(path):
    text = path.read_text()
    if path.name != "ray_compat.py" and re.search(r"\bray\b", text):
        assert list(private_uses(ast.parse(text))) == [], "move it to deployments/ray_compat.py, and name it in NAMES"


# -- Ray's use of the wrapped functions


@pytest.mark.parametrize(
    ("module", "called"),
    [
        (replica, "start_asgi_http_server"),
        (proxy, "start_asgi_http_server"),
        (replica, "create_grpc_server_with_interceptors"),
        (replica, "add_port_to_grpc_server"),
    ],
)
def test_ray_looks_up_the_wrapped_function_when_it_starts_a_server(module, called):
    calls = [node.func for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Call)]
    assert any(isinstance(function, ast.Name) and function.id == called for function in calls), MEND.format(called)


def test_ray_stops_replicas_by_the_methods_that_are_wrapped():
    mend = MEND.format("run_before_shutdown")
    source = inspect.getsource(inspect.unwrap(replica.Replica._perform_graceful_shutdown))
    assert "await self._drain_behind_haproxy(min_draining_period_s)" in source, mend
    assert "self._deployment_config.graceful_shutdown_timeout_s" in source, mend
    draining = inspect.getsource(inspect.unwrap(replica.Replica._drain_behind_haproxy))
    assert "self._stop_accepting_direct_ingress()" in draining, mend
    assert "self._perform_graceful_shutdown()" in inspect.getsource(replica.Replica.perform_graceful_shutdown), mend


def test_ray_binds_a_replicas_grpc_server_to_all_interfaces():
    assert 'add_port_to_grpc_server(self._server, "[::]:0")' in inspect.getsource(replica)


def test_a_function_is_wrapped_once(monkeypatch):
    def start():
        return "Ray's"

    monkeypatch.setattr(replica, "start_asgi_http_server", start)
    for _ in range(2):
        ray_compat.wrap_http_server_start("replica", lambda inner: lambda: f"ours around {inner()}")
    assert replica.start_asgi_http_server() == "ours around Ray's"


# -- values and parameters


def test_serves_namespace_and_header_are_as_ray_has_them(monkeypatch):
    assert constants.SERVE_NAMESPACE == ray_compat.SERVE_NAMESPACE
    monkeypatch.setattr(constants, "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD", True)
    assert ray_compat.own_receive_header() is None
    monkeypatch.setattr(constants, "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD", False)
    assert http_util.parse_disconnect_disabled_header(dict([ray_compat.own_receive_header()]))


def test_workers_are_told_their_job_and_raylet_by_their_environment():
    text = inspect.getsource(ray_constants)
    assert all(f'"{name}"' in text for name in ray_compat.WORKER_VARIABLES), MEND.format("WORKER_VARIABLES")


def test_rays_own_scripts_are_where_forked_workers_look_for_them():
    workers = Path(ray.__file__).parent / "_private" / "workers"
    assert (workers / "setup_worker.py").exists(), "mend deployments/launch/fork_worker.py"
    assert (workers / "default_worker.py").exists(), "mend deployments/launch/fork_worker.py"


def test_ray_start_takes_the_parameters_that_have_no_option():
    params = parameter.RayParams(ray_client_server_port=10001)
    ray_compat.set_start_params(params, Path("/somewhere/fork_worker.py"))
    assert vars(params)["ray_client_server_port"] is None
    assert vars(params)["setup_worker_path"] == "/somewhere/fork_worker.py"
    assert {"ray_client_server_port", "setup_worker_path"} <= vars(parameter.RayParams()).keys()
    assert ray_constants.RAY_START_HOOK == "RAY_START_HOOK"


def test_rays_client_knows_the_id_of_its_cluster(monkeypatch):
    assert isinstance(worker.global_worker, worker.Worker)
    monkeypatch.setattr(worker.global_worker, "gcs_client", SimpleNamespace(cluster_id=bytes(range(4))), raising=False)
    assert ray_compat.cluster_id() == "00010203"
    assert hasattr(InnerGcsClient, "cluster_id")


def test_a_handle_may_be_made_before_its_deployment_exists():
    assert "_check_exists" in inspect.signature(ray.serve.get_deployment_handle).parameters


async def test_a_replica_that_hangs_does_not_keep_back_what_the_others_answer():
    class Replica:
        def __init__(self, wait_s):
            self._wait_s = wait_s

        async def get_async(self):
            await asyncio.sleep(self._wait_s)
            return "here"

    async def replicas():
        return [Replica(60), Replica(0)]

    response = DeploymentBroadcastResponse(replicas(), asyncio.get_running_loop())
    hanging, living = await ray_compat.broadcast(SimpleNamespace(broadcast=lambda _: response), "listens_at")
    assert await living() == "here"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(hanging(), 0.01)
    assert inspect.iscoroutinefunction(ReplicaResult.get_async)


def test_ids_of_actor_classes_come_from_the_system_for_a_while():
    with ray_compat.class_ids_from_system():
        first, second = ray.actor.ActorClassID.from_random(), ray.actor.ActorClassID.from_random()
        assert isinstance(first, ray.ActorClassID)
        assert first != second
    assert ray.actor.ActorClassID is ray.ActorClassID
