#!/usr/bin/env python3
"""Writes test/fixtures/torch_decoders.json: ten AdamW steps of tiny Llama and Qwen models of transformers' own modules.

    python3 -m venv DIR && DIR/bin/pip install torch==2.13.0 transformers==5.18.0
    DIR/bin/python scripts/make_torch_decoder_fixtures.py

Optimizer, learning rates, batches and the form of tensors are those of make_torch_fixtures.py. Parameters have the names
and layouts of Halfstep (GPT-2's). What the modules do not have is added here: z-loss to the loss, soft-capping of logits,
and soft-capping of attention through Gemma 2's own attention function. Everything is computed in float32, as norms and
rotations of these modules are in any case. All data is synthetic.
"""
import json
import os

import torch
import torch.nn.functional as F
import transformers
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, eager_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.gemma2 import modeling_gemma2

import make_torch_fixtures as gpt2

SEED = 20261130
SHAPE = dict(layers=2, heads=4, width=32, context=16, vocabulary=40)
ATTENTION_CAP = 1.5

# As Halfstep's settings call them.
MODELS = {
    "llama": dict(tied=False, norm="rmsnorm", normEpsilon=1e-5, mlp="swiglu", intermediate=44, position="rope",
                  ropeBase=500.0, ropeScaling="llama3:8:1:4:8", keyValueHeads=2, biases="none", zLoss=1e-2),
    "qwen2": dict(tied=True, norm="rmsnorm", normEpsilon=1e-6, mlp="swiglu", intermediate=40, position="rope",
                  ropeBase=10000.0, keyValueHeads=1, biases="qkv", attentionSoftCap=ATTENTION_CAP, logitSoftCap=2.5),
    "qwen3": dict(tied=True, norm="rmsnorm", normEpsilon=1e-6, mlp="swiglu", intermediate=48, position="rope",
                  ropeBase=10000.0, keyValueHeads=2, headSize=16, biases="none", qkNorm=True, zLoss=1e-3),
}


def capped_attention(module, query, key, value, attention_mask, dropout=0.0, scaling=None, **_):
    return modeling_gemma2.eager_attention_forward(module, query, key, value, attention_mask, dropout=dropout,
                                                   scaling=scaling, softcap=ATTENTION_CAP)


ALL_ATTENTION_FUNCTIONS.register("capped", capped_attention)
ALL_MASK_ATTENTION_FUNCTIONS.register("capped", eager_mask)


def module_of(kind, own):
    size = own.get("headSize", SHAPE["width"] // SHAPE["heads"])
    common = dict(vocab_size=SHAPE["vocabulary"], hidden_size=SHAPE["width"], intermediate_size=own["intermediate"],
                  num_hidden_layers=SHAPE["layers"], num_attention_heads=SHAPE["heads"],
                  num_key_value_heads=own["keyValueHeads"], head_dim=size, max_position_embeddings=SHAPE["context"],
                  rms_norm_eps=own["normEpsilon"], tie_word_embeddings=own["tied"],
                  attn_implementation="capped" if "attentionSoftCap" in own else "eager")
    rope = dict(rope_type="default", rope_theta=own["ropeBase"])
    if "ropeScaling" in own:
        factor, low, high, context = (float(x) for x in own["ropeScaling"].split(":")[1:])
        rope = dict(rope_type="llama3", rope_theta=own["ropeBase"], factor=factor, low_freq_factor=low,
                    high_freq_factor=high, original_max_position_embeddings=int(context))
    config, model = {"llama": (LlamaConfig, LlamaForCausalLM), "qwen2": (Qwen2Config, Qwen2ForCausalLM),
                     "qwen3": (Qwen3Config, Qwen3ForCausalLM)}[kind]
    return model(config(**common, rope_parameters=rope)).train()


def joined(model, of):
    """Halfstep's parameters by name, made of `of(parameter)`: transposed, q, k, v and gate, up side by side."""
    out = {"wte.weight": of(model.model.embed_tokens.weight)}

    def linear(name, parts):
        out[name + ".weight"] = torch.cat([of(part.weight).T for part in parts], dim=1).contiguous()
        if parts[0].bias is not None:
            out[name + ".bias"] = torch.cat([of(part.bias) for part in parts])

    for index, layer in enumerate(model.model.layers):
        h = f"h.{index}."
        attention, mlp = layer.self_attn, layer.mlp
        out[h + "ln_1.weight"] = of(layer.input_layernorm.weight)
        linear(h + "attn.c_attn", [attention.q_proj, attention.k_proj, attention.v_proj])
        if hasattr(attention, "q_norm"):
            out[h + "attn.q_norm.weight"] = of(attention.q_norm.weight)
            out[h + "attn.k_norm.weight"] = of(attention.k_norm.weight)
        linear(h + "attn.c_proj", [attention.o_proj])
        out[h + "ln_2.weight"] = of(layer.post_attention_layernorm.weight)
        linear(h + "mlp.c_fc", [mlp.gate_proj, mlp.up_proj])
        linear(h + "mlp.c_proj", [mlp.down_proj])
    out["ln_f.weight"] = of(model.model.norm.weight)
    if not model.config.tie_word_embeddings:
        out["lm_head.weight"] = of(model.lm_head.weight)
    return out


def draw(model, generator):
    """Random biases and gains too, so that every gradient path is tested."""
    with torch.no_grad():
        for parameter in model.parameters():
            mean = 1.0 if parameter.dim() == 1 and bool((parameter == 1).all()) else 0.0
            parameter.copy_(mean + gpt2.STD * torch.randn(parameter.shape, generator=generator))


def loss_of(model, own, tokens, targets):
    """The cross entropy, and what is optimised: with z-loss."""
    logits = model(input_ids=tokens, use_cache=False).logits.float()
    if "logitSoftCap" in own:
        logits = own["logitSoftCap"] * torch.tanh(logits / own["logitSoftCap"])
    logits = logits.view(-1, SHAPE["vocabulary"])
    cross_entropy = F.cross_entropy(logits, targets.reshape(-1))
    if "zLoss" not in own:
        return cross_entropy, cross_entropy
    return cross_entropy, cross_entropy + own["zLoss"] * logits.logsumexp(-1).square().mean()


def train(kind, own, batches, generator):
    model = module_of(kind, own)
    draw(model, generator)
    initial = {name: values.clone() for name, values in joined(model, lambda p: p.detach()).items()}
    o = gpt2.OPTIMIZER
    parameters = list(model.parameters())
    groups = [dict(params=[p for p in parameters if p.dim() >= 2], weight_decay=o["weightDecay"]),
              dict(params=[p for p in parameters if p.dim() < 2], weight_decay=0.0)]
    adamw = torch.optim.AdamW(groups, betas=(o["beta1"], o["beta2"]), eps=o["epsilon"])
    losses, norms, gradients = [], [], {}
    for step, (tokens, targets) in enumerate(batches):
        for group in adamw.param_groups:
            group["lr"] = gpt2.get_lr(step)
        adamw.zero_grad()
        loss, optimised = loss_of(model, own, tokens, targets)
        optimised.backward()
        if step == 0:
            gradients = {n: g.double().norm().item() for n, g in joined(model, lambda p: p.grad).items()}
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, o["clip"]).item())
        adamw.step()
        losses.append(loss.item())
    return dict(config={**SHAPE, **own}, loss=losses, gradNorm=norms, gradientNorms=gradients,
                initial={name: gpt2.tensor(values) for name, values in initial.items()})


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    gpt2.CONFIG = dict(SHAPE)
    generator = torch.Generator().manual_seed(SEED)
    batches = gpt2.make_batches(generator)
    models = {kind: train(kind, own, batches, generator) for kind, own in MODELS.items()}
    out = dict(
        about="Ten AdamW steps of tiny Llama, Qwen 2 and Qwen 3 models of transformers in PyTorch, float32, by "
              "scripts/make_torch_decoder_fixtures.py. loss is the cross entropy, without z-loss; gradNorm is before the clip; gradientNorms are "
              "2-norms of the first step's gradients. Tensors are base64 of little-endian float32 in Halfstep's layouts.",
        licence="Synthetic random data made by this project's script; under the project's MIT licence.",
        torch=torch.__version__, transformers=transformers.__version__, batch=gpt2.BATCH, steps=gpt2.STEPS,
        optimizer=gpt2.OPTIMIZER, seed=SEED, models=models,
        tokens=[t.reshape(-1).tolist() for t, _ in batches],
        targets=[t.reshape(-1).tolist() for _, t in batches],
    )
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "fixtures", "torch_decoders.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(out, file)
        file.write("\n")
    for kind, model in models.items():
        print(kind, model["loss"][0], model["loss"][-1], model["gradNorm"][0])


if __name__ == "__main__":
    main()
