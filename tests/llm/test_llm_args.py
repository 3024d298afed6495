"""What the model's application makes of its `args`; vLLM itself is not needed for it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from deployments.config_check import read_config
from deployments.llm.app import build
from deployments.llm.args import DEPLOYMENT, PROFILES, LlmArgs

FOLDER = Path(__file__).parents[2] / "deployments" / "llm"


def config_of(**args):
    (config,) = LlmArgs(**args).serving_args()["llm_configs"]
    return config


@pytest.mark.parametrize(("hardware", "gpu", "seqs"), [("l4", "L4", 32), ("h100", "H100", 64)])
def test_a_kind_of_gpu_is_enough_to_serve_a_model_for_callers(hardware, gpu, seqs):
    config = config_of(hardware=hardware)
    assert (config["accelerator_type"], config["accelerator_config"]) == (gpu, {"kind": "gpu"})
    assert config["model_loading_config"]["model_id"] == PROFILES[hardware].source
    engine = config["engine_kwargs"]
    assert (engine["max_num_seqs"], engine["max_model_len"], engine["gpu_memory_utilization"]) == (seqs, 8192, 0.9)
    assert (engine["enable_auto_tool_choice"], engine["tool_call_parser"]) == (True, "hermes")
    assert engine["enable_prefix_caching"]
    assert engine["default_chat_template_kwargs"] == {"enable_thinking": False}
    assert config["experimental_configs"] == {"stream_batching_interval_ms": 0}
    deployment = config["deployment_config"]
    assert (deployment["name"], deployment["autoscaling_config"]["min_replicas"]) == (DEPLOYMENT, 1)
    assert deployment["autoscaling_config"]["target_ongoing_requests"] < seqs


def test_a_model_of_ones_own_is_served_under_its_own_name_with_its_own_parsers():
    config = config_of(
        source="/models/mine", name="mine", tool_call_parser="mistral", reasoning_parser="mistral", thinking=True
    )
    assert config["model_loading_config"] == {"model_id": "mine", "model_source": "/models/mine"}
    engine = config["engine_kwargs"]
    assert (engine["tool_call_parser"], engine["reasoning_parser"]) == ("mistral", "mistral")
    assert engine["default_chat_template_kwargs"] == {"enable_thinking": True}


def test_further_engine_arguments_go_before_the_profiles():
    engine = config_of(engine={"max_num_seqs": 4, "tensor_parallel_size": 2})["engine_kwargs"]
    assert (engine["max_num_seqs"], engine["tensor_parallel_size"]) == (4, 2)


def test_a_cpu_asks_for_no_gpu():
    config = config_of(hardware="cpu", source="/models/tiny", tool_call_parser="hermes")
    assert (config["accelerator_type"], config["accelerator_config"]) == (None, {"kind": "cpu"})
    assert "gpu_memory_utilization" not in config["engine_kwargs"]


@pytest.mark.parametrize(
    ("args", "fault"),
    [
        ({"hardware": "t4"}, "hardware"),
        ({"modell": "x"}, "modell"),
        ({"hardware": "cpu"}, "say `source`"),
        ({"source": "/models/mine"}, "tool_call_parser"),
        ({"thinking": True}, "reasoning_parser"),
        ({"min_replicas": 3, "max_replicas": 2}, "max_replicas"),
        ({"max_model_len": 100}, "max_model_len"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_loaded(args, fault):
    with pytest.raises(ValueError, match=fault) as refused:
        build(args)
    assert not isinstance(refused.value, ValidationError)


def test_the_config_beside_it_is_one_that_serve_and_the_application_take():
    (application,) = read_config(FOLDER / "serve_config.yaml")["applications"]
    assert application["import_path"] == "deployments.llm.app:build"
    LlmArgs.model_validate(application["args"])
    commented = [line.strip("# ") for line in (FOLDER / "serve_config.yaml").read_text().split("args:")[1].splitlines()]
    shown = yaml.safe_load("\n".join(line for line in commented if ": " in line and "choose" not in line))
    assert set(shown) <= set(LlmArgs.model_fields)
    LlmArgs.model_validate(shown)


def test_it_is_built_where_nothing_of_the_product_is_installed():
    program = """
import sys
sys.modules |= dict.fromkeys(("convonet", "actors", "structlog", "phonenumbers"))
import ray.serve._private.replica
from deployments.llm.app import build
try:
    build({"hardware": "cpu"})
except ValueError as error:
    print(error)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert "say `source`" in told.stdout
