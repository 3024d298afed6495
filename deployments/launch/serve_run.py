"""`serve run` with the port of Ray's metrics chosen, which its own command line can't do.

Started by `deployments.launch.product` with the port and the configuration file. With RAY_ADDRESS set it deploys to
that cluster, whose nodes have chosen their ports.
"""

import os
import sys

import ray
from ray.serve._private.constants import SERVE_NAMESPACE
from ray.serve.scripts import cli


def main(port: int, config: str) -> None:
    """Run until Ctrl-C."""
    if "RAY_ADDRESS" not in os.environ:
        ray.init(namespace=SERVE_NAMESPACE, _metrics_export_port=port)
    cli(["run", config], prog_name="serve")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
