"""Models of one's own as a Serve application: vLLM behind OpenAI's protocol, at /llm/v1.

It has an environment of its own (requirements.in beside this file) and knows nothing of the product, which reaches it
by HTTP like any other server: LLM_BASE_URL=http://HOST:PORT/llm/v1.
"""

from __future__ import annotations

import os
from typing import Any

from pydantic import ValidationError
from ray.serve import Application

from deployments.llm.args import LlmArgs

QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
"""The product sends nothing home, and neither does this."""


def build(args: dict[str, Any]) -> Application:
    """The Serve application; `args` are those of serve_config.yaml. Raises `ValueError` naming each that is wrong."""
    try:
        wanted = LlmArgs.model_validate(args)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'args'}: {fault['msg']}" for fault in error.errors()]
        raise ValueError("; ".join(faults)) from None
    os.environ.update(QUIET)
    # takes seconds, and vLLM
    from ray.serve.llm import build_openai_app

    told = wanted.serving_args()
    for config in told["llm_configs"]:
        config["runtime_env"] = {"env_vars": dict(QUIET)}
    return build_openai_app(told)
