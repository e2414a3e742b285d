"""Writes test/fixtures/families: tiny random models of the families in transformers, saved by transformers, and their logits.

    python3 -m venv VENV && VENV/bin/pip install torch==2.13.0 transformers==5.18.0
    VENV/bin/python scripts/make_transformers_families.py

Each folder is what `save_pretrained` writes: llama in F32 and three shards, with Llama 3's scaling of RoPE, grouped-query
attention and a head of its own; qwen2 in BF16, with biases of q, k and v; qwen3 in F16, with QK-norm and heads that are wider
than width / heads; mistral in F32. logits.json has the logits in float64 of the numbers in the files, and the mean loss over
all next tokens.
"""
import base64
import json
import os
import shutil

import torch
from transformers import AutoConfig, AutoModelForCausalLM

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "fixtures", "families")
SHAPE = dict(vocab_size=11, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=8, bos_token_id=None, eos_token_id=None)
LLAMA3 = dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=4)
MODELS = {
    "llama": (dict(head_dim=8, rms_norm_eps=1e-5, rope_parameters=LLAMA3, tie_word_embeddings=False), torch.float32, "10KB"),
    "qwen2": (dict(head_dim=8, tie_word_embeddings=True), torch.bfloat16, "1GB"),
    "qwen3": (dict(head_dim=16, tie_word_embeddings=True), torch.float16, "1GB"),
    "mistral": (dict(head_dim=8, sliding_window=None, tie_word_embeddings=False), torch.float32, "1GB"),
}


def randomise(model, generator):
    """Gains near 1 and everything else with a standard deviation that makes logits of order 1."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = 0.25 * torch.randn(parameter.shape, generator=generator)
            parameter.copy_(1 + noise if "norm" in name else noise)


def main():
    generator = torch.Generator().manual_seed(20261130)
    tokens = torch.randint(0, SHAPE["vocab_size"], (2, SHAPE["max_position_embeddings"]), generator=generator)
    out = dict(tokens=tokens.flatten().tolist(), models={})
    for family, (options, dtype, shard) in MODELS.items():
        config = AutoConfig.for_model(family, **SHAPE, **options)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
        randomise(model, generator)
        model = model.to(dtype)
        folder = os.path.join(FIXTURES, family)
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder, max_shard_size=shard)
        if os.path.exists(os.path.join(folder, "generation_config.json")):
            os.remove(os.path.join(folder, "generation_config.json"))
        exact = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
        with torch.no_grad():
            logits = exact(tokens).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).item()
        out["models"][family] = dict(
            loss=loss, logits=base64.b64encode(logits.to(torch.float32).numpy().tobytes()).decode())
    with open(os.path.join(FIXTURES, "logits.json"), "w") as file:
        json.dump(out, file, indent=1)
        file.write("\n")


main()
