"""An operator's own model as a Serve application: vLLM behind OpenAI's protocol, at /llm/v1.

It has an environment of its own (requirements.in beside this file) and imports nothing of the product, which reaches it
by HTTP like any other server: LLM_BASE_URL=http://HOST:PORT/llm/v1.
"""

from __future__ import annotations

import os
from typing import Any

from pydantic import ValidationError
from ray.serve import Application

from deployments.llm.args import LlmArgs

NO_TELEMETRY = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
"""The product sends no telemetry, and neither does vLLM here."""


def build(args: dict[str, Any]) -> Application:
    """Build the Serve application.

    Args:
        args: those of serve_config.yaml; see `LlmArgs`.

    Raises:
        ValueError: names each argument that is wrong.
    """
    try:
        wanted = LlmArgs.model_validate(args)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'args'}: {fault['msg']}" for fault in error.errors()]
        raise ValueError("; ".join(faults)) from None
    os.environ.update(NO_TELEMETRY)
    # the import takes seconds, and needs vLLM
    from ray.serve.llm import build_openai_app

    serving_args = wanted.serving_args()
    for config in serving_args["llm_configs"]:
        config["runtime_env"] = {"env_vars": dict(NO_TELEMETRY)}
    return build_openai_app(serving_args)
