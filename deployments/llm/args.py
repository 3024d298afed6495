"""What an operator says about a model: the `args` of the application in serve_config.yaml, checked before vLLM starts.

The product's settings are not read here: the application runs in an environment of its own, often on other machines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Hardware = Literal["l4", "h100", "cpu"]

DEPLOYMENT = "model"
"""Ray Serve calls the model's deployment `LLMServer:model`, whatever the model is."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What suits a kind of machine. None of it was measured on a GPU yet: docs/agent.md, Own models."""

    source: str
    tool_call_parser: str
    max_num_seqs: int
    accelerator_type: str | None
    max_replicas: int


PROFILES: dict[Hardware, Profile] = {
    # 24 GB: 8 GB of weights in bfloat16 leave room for 32 conversations of 8,192 tokens
    "l4": Profile("Qwen/Qwen3-4B-Instruct-2507", "hermes", 32, "L4", 4),
    # 80 GB: 31 GB of weights in 8 bits, of which 3 billion parameters work on a token
    "h100": Profile("Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "hermes", 64, "H100", 2),
    # for tests of the wiring: no CPU answers callers fast enough
    "cpu": Profile("", "hermes", 8, None, 1),
}


class LlmArgs(BaseModel):
    """The application's `args`; what is left out is chosen by `hardware`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hardware: Hardware = Field("l4", description="What a replica runs on: l4, h100 (one GPU each) or cpu.")
    source: str = Field(
        "", description="Where the weights are: a name at Hugging Face, a folder, or a bucket (gs://, s3://)."
    )
    name: str = Field("", description="What clients call the model (LLM_MODEL); default: `source`.")
    tool_call_parser: str = Field("", description="vLLM's parser of this model's tool calls, such as hermes.")
    reasoning_parser: str = Field(
        "", description="vLLM's parser of this model's thoughts. A model that thinks needs one."
    )
    thinking: bool = Field(False, description="Whether a model that can think before it answers does. Callers wait.")
    max_model_len: int = Field(8_192, ge=512, description="Longest conversation with its answer, in tokens.")
    max_num_seqs: int = Field(0, ge=0, description="Answers that one replica writes at the same time.")
    gpu_memory_utilization: float = Field(0.90, gt=0, le=1, description="Share of the GPU's memory that vLLM takes.")
    min_replicas: int = Field(1, ge=0, description="With 0 the first caller after a pause waits for minutes.")
    max_replicas: int = Field(0, ge=0, description="How many GPUs may be used.")
    ingress_replicas: int = Field(2, ge=1, description="Replicas of what answers HTTP in front of the model.")
    num_cpus: float = Field(1.0, ge=0, description="CPUs that a replica of the model, and one of its front, asks for.")
    engine: dict[str, Any] = Field(
        default_factory=dict, description="More of vLLM's engine arguments; they go before all of the above."
    )

    @model_validator(mode="after")
    def _fits(self) -> LlmArgs:
        if not self._source:
            raise ValueError(f"hardware {self.hardware} has no model of its own: say `source`")
        if self.source and not self.tool_call_parser and self.source != PROFILES[self.hardware].source:
            raise ValueError(f"say the `tool_call_parser` of {self.source}: without it callers' wishes stay words")
        if self.thinking and not self.reasoning_parser:
            raise ValueError("`thinking` needs the `reasoning_parser` of the model, or callers would hear its thoughts")
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
        """What `ray.serve.llm.build_openai_app` is told."""
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
                    # a replica that has more to write than it can at once is slow for everybody
                    "target_ongoing_requests": max(1, (self.max_num_seqs or profile.max_num_seqs) * 3 // 4),
                },
            },
            # Ray gathers the words of 50 ms otherwise, and each caller would wait for that
            "experimental_configs": {"stream_batching_interval_ms": 0},
        }

    def _engine_kwargs(self, profile: Profile) -> dict[str, Any]:
        own: dict[str, Any] = {
            "max_model_len": self.max_model_len,
            "max_num_seqs": self.max_num_seqs or profile.max_num_seqs,
            # the beginning of a prompt, some 2,000 tokens, is the same in every turn of a domain
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
