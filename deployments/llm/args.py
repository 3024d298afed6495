"""The `args` of the model's application in serve_config.yaml, checked before vLLM starts.

The product's settings are not read: the application runs in an environment of its own, often on other machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Hardware = Literal["l4", "h100", "cpu"]

DEPLOYMENT = "model"
"""Name of the model's deployment, whatever the model is. Ray Serve extends it to `LLMServer:model`."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Defaults for a kind of machine. None was measured on a GPU yet: docs/agent.md, Own models."""

    source: str
    tool_call_parser: str
    max_num_seqs: int
    accelerator_type: str | None
    max_replicas: int


PROFILES: dict[Hardware, Profile] = {
    # 24 GB: 8 GB of weights in bfloat16 leave room for 32 conversations of 8,192 tokens
    "l4": Profile("Qwen/Qwen3-4B-Instruct-2507", "hermes", 32, "L4", 4),
    # 80 GB: 31 GB of weights in 8 bits, of which each token uses 3 billion parameters
    "h100": Profile("Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "hermes", 64, "H100", 2),
    # for tests of the wiring: no CPU answers callers fast enough
    "cpu": Profile("", "hermes", 8, None, 1),
}


class LlmArgs(BaseModel):
    """The application's `args`; the defaults of some depend on `hardware`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hardware: Hardware = Field("l4", description="Hardware of a replica: l4, h100 (one GPU each) or cpu.")
    source: str = Field("", description="The weights: a name at Hugging Face, a folder, or a bucket (gs://, s3://).")
    name: str = Field("", description="Name of the model for clients (LLM_MODEL); default: `source`.")
    tool_call_parser: str = Field("", description="vLLM's parser of this model's tool calls, such as hermes.")
    reasoning_parser: str = Field(
        "", description="vLLM's parser of this model's reasoning. A reasoning model needs one."
    )
    thinking: bool = Field(False, description="Whether a reasoning model reasons before it answers. Callers wait.")
    max_model_len: int = Field(8_192, ge=512, description="Longest conversation with its answer, in tokens.")
    max_num_seqs: int = Field(0, ge=0, description="Answers that one replica generates at the same time.")
    gpu_memory_utilization: float = Field(0.90, gt=0, le=1, description="Share of the GPU's memory that vLLM uses.")
    min_replicas: int = Field(1, ge=0, description="With 0 the first caller after a pause waits for minutes.")
    max_replicas: int = Field(0, ge=0, description="Upper limit of the replicas, and so of the GPUs.")
    ingress_replicas: int = Field(2, ge=1, description="Replicas of the HTTP ingress in front of the model.")
    num_cpus: float = Field(1.0, ge=0, description="CPUs of each replica of the model and of its ingress.")
    engine: dict[str, Any] = Field(
        default_factory=dict, description="More of vLLM's engine arguments, which override all of the above."
    )

    @model_validator(mode="after")
    def _fits(self) -> LlmArgs:
        if not self._source:
            raise ValueError(f"hardware {self.hardware} has no model of its own: say `source`")
        if self.source and not self.tool_call_parser and self.source != PROFILES[self.hardware].source:
            raise ValueError(f"say the `tool_call_parser` of {self.source}: without it no tool is ever called")
        if self.thinking and not self.reasoning_parser:
            raise ValueError("`thinking` needs the model's `reasoning_parser`, or callers would hear its reasoning")
        if self._max_replicas < max(self.min_replicas, 1):
            raise ValueError("`max_replicas` is smaller than `min_replicas`")
        return self

    @property
    def _source(self) -> str:
        return self.source or PROFILES[self.hardware].source

    @property
    def _max_replicas(self) -> int:
        return self.max_replicas or max(PROFILES[self.hardware].max_replicas, self.min_replicas)

    def serving_args(self) -> dict[str, Any]:
        """Return the arguments of `ray.serve.llm.build_openai_app`."""
        ingress = {
            "num_replicas": self.ingress_replicas,
            "ray_actor_options": {"num_cpus": self.num_cpus},
            "max_ongoing_requests": 1_000,
        }
        return {"llm_configs": [self._llm_config()], "ingress_deployment_config": ingress}

    def _llm_config(self) -> dict[str, Any]:
        profile = PROFILES[self.hardware]
        return {
            "model_loading_config": {"model_id": self.name or self._source, "model_source": self._source},
            "accelerator_type": profile.accelerator_type,
            "accelerator_config": {"kind": "cpu" if self.hardware == "cpu" else "gpu"},
            "engine_kwargs": self._engine_kwargs(profile),
            "deployment_config": {
                "name": DEPLOYMENT,
                "ray_actor_options": {"num_cpus": self.num_cpus},
                "autoscaling_config": {
                    "min_replicas": self.min_replicas,
                    "max_replicas": self._max_replicas,
                    # a replica with more answers than it generates at once is slow for everybody
                    "target_ongoing_requests": max(1, (self.max_num_seqs or profile.max_num_seqs) * 3 // 4),
                },
            },
            # otherwise Ray collects the tokens of 50 ms, and each caller would wait for them
            "experimental_configs": {"stream_batching_interval_ms": 0},
        }

    def _engine_kwargs(self, profile: Profile) -> dict[str, Any]:
        own: dict[str, Any] = {
            "max_model_len": self.max_model_len,
            "max_num_seqs": self.max_num_seqs or profile.max_num_seqs,
            # the first 2,000 tokens or so of a prompt are the same in every turn of a domain
            "enable_prefix_caching": True,
            "enable_auto_tool_choice": True,
            "tool_call_parser": self.tool_call_parser or profile.tool_call_parser,
            "default_chat_template_kwargs": {"enable_thinking": self.thinking},
        }
        if self.hardware != "cpu":
            own["gpu_memory_utilization"] = self.gpu_memory_utilization
        if self.reasoning_parser:
            own["reasoning_parser"] = self.reasoning_parser
        return own | self.engine
