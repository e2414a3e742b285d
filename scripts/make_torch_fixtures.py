#!/usr/bin/python3
"""Writes test/fixtures/torch_gpt.json: ten AdamW steps of a tiny GPT-2 in PyTorch, the project's oracle.

Run with Debian's own Python (another python3 may come first on PATH):

    apt-get install -y python3-torch
    /usr/bin/python3 scripts/make_torch_fixtures.py

The model is written in plain PyTorch with GPT-2's parameter names and Conv1D layout ([in, out]). Initial values are
float32 numbers. The recorded run computes in float64; a second run in float32 shows the error of PyTorch's own float32.
All data is synthetic: nothing here comes from a text or a trained model.
"""
import base64
import json
import math
import os
import sys

import torch
import torch.nn.functional as F

CONFIG = dict(layers=2, heads=2, width=32, context=16, vocabulary=40, tied=True)
BATCH = 4
STEPS = 10
OPTIMIZER = dict(learningRate=1e-3, minLearningRate=1e-4, warmup=3, beta1=0.9, beta2=0.99, epsilon=1e-8,
                 weightDecay=0.1, clip=1.0)
STD = 0.08
SEED = 20240917


def shapes():
    """[(name, shape)] in checkpoint order."""
    C, V, T = CONFIG["width"], CONFIG["vocabulary"], CONFIG["context"]
    out = [("wte.weight", (V, C)), ("wpe.weight", (T, C))]
    for layer in range(CONFIG["layers"]):
        h = f"h.{layer}."
        out += [(h + "ln_1.weight", (C,)), (h + "ln_1.bias", (C,)),
                (h + "attn.c_attn.weight", (C, 3 * C)), (h + "attn.c_attn.bias", (3 * C,)),
                (h + "attn.c_proj.weight", (C, C)), (h + "attn.c_proj.bias", (C,)),
                (h + "ln_2.weight", (C,)), (h + "ln_2.bias", (C,)),
                (h + "mlp.c_fc.weight", (C, 4 * C)), (h + "mlp.c_fc.bias", (4 * C,)),
                (h + "mlp.c_proj.weight", (4 * C, C)), (h + "mlp.c_proj.bias", (C,))]
    return out + [("ln_f.weight", (C,)), ("ln_f.bias", (C,))]


def initial(generator):
    """Float32 values. Biases and gains are random too, so that every gradient path is tested."""
    params = {}
    for name, shape in shapes():
        values = STD * torch.randn(shape, generator=generator, dtype=torch.float32)
        is_gain = ".ln_" in "." + name and name.endswith(".weight")
        params[name] = values + 1 if is_gain else values
    return params


def make_batches(generator):
    """Tokens and targets (B, T) of each step. Every other batch has all tokens about equally often, the others have only
    three different ones, so that the gradient norm is below the clip in some steps and above it in others."""
    V, T = CONFIG["vocabulary"], CONFIG["context"]
    size = BATCH * (T + 1)
    batches = []
    for step in range(STEPS):
        base = int(torch.randint(0, V, (1,), generator=generator))
        kinds = V if step % 2 == 0 else 3
        order = torch.randperm(size, generator=generator)
        window = ((base + order % kinds) % V).view(BATCH, T + 1)
        batches.append((window[:, :-1].contiguous(), window[:, 1:].contiguous()))
    return batches


def forward(p, tokens, targets):
    """Mean cross entropy of a pre-LN GPT-2 with a tied head."""
    B, T = tokens.shape
    C, H = CONFIG["width"], CONFIG["heads"]
    D = C // H
    mask = torch.ones(T, T, dtype=torch.bool).tril()

    def norm(x, name):
        return F.layer_norm(x, (C,), p[name + ".weight"], p[name + ".bias"], 1e-5)

    def linear(x, name):
        return x @ p[name + ".weight"] + p[name + ".bias"]

    x = p["wte.weight"][tokens] + p["wpe.weight"][:T]
    for layer in range(CONFIG["layers"]):
        h = f"h.{layer}."
        qkv = linear(norm(x, h + "ln_1"), h + "attn.c_attn")
        q, k, v = (t.view(B, T, H, D).transpose(1, 2) for t in qkv.split(C, dim=2))
        scores = (q @ k.transpose(-2, -1) / math.sqrt(D)).masked_fill(~mask, float("-inf"))
        o = (scores.softmax(-1) @ v).transpose(1, 2).reshape(B, T, C)
        x = x + linear(o, h + "attn.c_proj")
        x = x + linear(F.gelu(linear(norm(x, h + "ln_2"), h + "mlp.c_fc"), approximate="tanh"), h + "mlp.c_proj")
    logits = norm(x, "ln_f") @ p["wte.weight"].T
    return F.cross_entropy(logits.view(B * T, -1), targets.reshape(-1))


def get_lr(step):
    """nanoGPT's get_lr with lr_decay_iters = STEPS; `step` counts from 0."""
    o = OPTIMIZER
    if step < o["warmup"]:
        return o["learningRate"] * (step + 1) / (o["warmup"] + 1)
    if step > STEPS:
        return o["minLearningRate"]
    ratio = (step - o["warmup"]) / (STEPS - o["warmup"])
    return o["minLearningRate"] + 0.5 * (1 + math.cos(math.pi * ratio)) * (o["learningRate"] - o["minLearningRate"])


def train(start, batches, dtype):
    params = {name: values.to(dtype).clone().requires_grad_() for name, values in start.items()}
    groups = [dict(params=[v for v in params.values() if v.dim() >= 2], weight_decay=OPTIMIZER["weightDecay"]),
              dict(params=[v for v in params.values() if v.dim() < 2], weight_decay=0.0)]
    adamw = torch.optim.AdamW(groups, betas=(OPTIMIZER["beta1"], OPTIMIZER["beta2"]), eps=OPTIMIZER["epsilon"])
    losses, norms, rates, first = [], [], [], {}
    for step, (tokens, targets) in enumerate(batches):
        for group in adamw.param_groups:
            group["lr"] = get_lr(step)
        adamw.zero_grad()
        loss = forward(params, tokens, targets)
        loss.backward()
        if step == 0:
            first = {name: values.grad.clone() for name, values in params.items()}
        norm = torch.nn.utils.clip_grad_norm_(list(params.values()), OPTIMIZER["clip"])
        adamw.step()
        losses.append(loss.item())
        norms.append(norm.item())
        rates.append(get_lr(step))
    return losses, norms, rates, first, {name: values.detach() for name, values in params.items()}


def tensor(values):
    """Elements as float32, with the 2-norm and the sum in float64, which check what float32 cannot represent."""
    data = values.detach().to(torch.float32).contiguous().numpy().astype("<f4").tobytes()
    double = values.detach().to(torch.float64)
    return dict(shape=list(values.shape), norm=double.norm().item(), sum=double.sum().item(),
                float32=base64.b64encode(data).decode("ascii"))


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    generator = torch.Generator().manual_seed(SEED)
    start = initial(generator)
    batches = make_batches(generator)
    losses, norms, rates, first, final = train(start, batches, torch.float64)
    losses32, norms32, _, _, _ = train(start, batches, torch.float32)
    out = dict(
        about="Ten AdamW steps of a tiny GPT-2 in PyTorch, by scripts/make_torch_fixtures.py. Initial values are "
              "float32 numbers. loss, gradNorm (before the clip), gradients of step 1 and final parameters were computed "
              "in float64; lossFloat32 and gradNormFloat32 are the same run computed in float32. Tensors are base64 of "
              "little-endian float32, with their 2-norm and sum in float64.",
        licence="Synthetic random data made by this project's script; under the project's MIT licence.",
        torch=torch.__version__, config=CONFIG, batch=BATCH, steps=STEPS, optimizer=OPTIMIZER, seed=SEED,
        tokens=[t.reshape(-1).tolist() for t, _ in batches],
        targets=[t.reshape(-1).tolist() for _, t in batches],
        learningRate=rates, loss=losses, gradNorm=norms, lossFloat32=losses32, gradNormFloat32=norms32,
        initial={n: tensor(v) for n, v in start.items()},
        gradients={n: tensor(v) for n, v in first.items()},
        final={n: tensor(v) for n, v in final.items()},
    )
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "fixtures", "torch_gpt.json")
    with open(path, "w", encoding="ascii") as file:
        json.dump(out, file, allow_nan=False)
        file.write("\n")
    for i in range(STEPS):
        print(f"step {i + 1:2d}  lr {rates[i]:.3e}  loss {losses[i]:.12f}  norm {norms[i]:.12f}"
              f"  float32: loss {abs(losses32[i] / losses[i] - 1):.1e}  norm {abs(norms32[i] / norms[i] - 1):.1e}")
    print(f"{os.path.getsize(path)} bytes")


if __name__ == "__main__":
    sys.exit(main())
