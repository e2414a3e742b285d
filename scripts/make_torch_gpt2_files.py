#!/usr/bin/python3
"""Writes test/fixtures/gpt2_*.safetensors and gpt2_logits.json: two tiny GPT-2 models and their logits in plain PyTorch.

Run with Debian's own Python (another python3 may come first on PATH):

    apt-get install -y python3-torch
    /usr/bin/python3 scripts/make_torch_gpt2_files.py

gpt2_conv1d is in F32 with the names and layout of Hugging Face's GPT2LMHeadModel (prefix, Conv1D [in, out], no tied head).
gpt2_linear is in BF16 with the layout of nn.Linear [out, in], no prefix, an untied head, and causal masks among the weights.
Logits are computed in float64 from the numbers in the files. Given a folder that `npm run train -- --export` wrote and a
file of token ids (a JSON list), the script prints the mean cross entropy of that model over them:

    /usr/bin/python3 scripts/make_torch_gpt2_files.py FOLDER IDS.json
"""
import base64
import json
import os
import struct
import sys

import torch
import torch.nn.functional as F

CONFIG = dict(layers=2, heads=2, width=16, context=8, vocabulary=11)
DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "fixtures")


def write(path, tensors, dtype):
    """Writes a safetensors file. Every tensor is written in `dtype`, masks as bytes."""
    entries, parts, end = {}, [], 0
    for name, tensor in tensors.items():
        mask = tensor.dtype == torch.bool
        kind = torch.uint8 if mask else {"F32": torch.int32, "BF16": torch.int16}[dtype]
        bits = tensor.to(torch.uint8) if mask else tensor.to(DTYPES[dtype]).contiguous().view(kind)
        raw = bits.contiguous().numpy().tobytes()
        entries[name] = dict(dtype="BOOL" if mask else dtype, shape=list(tensor.shape), data_offsets=[end, end + len(raw)])
        parts.append(raw)
        end += len(raw)
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(header)) + header + b"".join(parts))


def read(path):
    """Reads tensors by name, as float64."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name == "__metadata__" or entry["dtype"] not in DTYPES:
            continue
        begin, end = entry["data_offsets"]
        raw = torch.frombuffer(bytearray(data[8 + length + begin:8 + length + end]), dtype=DTYPES[entry["dtype"]])
        tensors[name] = raw.to(torch.float64).view(entry["shape"])
    return tensors


def logits(p, config, tokens, linear, prefix):
    """(B, T, V) of a pre-LN GPT-2."""
    B, T = tokens.shape
    C, H = config["width"], config["heads"]
    mask = torch.ones(T, T, dtype=torch.bool).tril()
    w = lambda name: p[prefix + name]
    norm = lambda x, name: F.layer_norm(x, (C,), w(name + ".weight"), w(name + ".bias"), 1e-5)

    def project(x, name):
        weight = w(name + ".weight")
        return x @ (weight.t() if linear else weight) + w(name + ".bias")

    x = w("wte.weight")[tokens] + w("wpe.weight")[:T]
    for layer in range(config["layers"]):
        h = f"h.{layer}."
        heads = lambda part: part.view(B, T, H, C // H).transpose(1, 2)
        q, k, v = map(heads, project(norm(x, h + "ln_1"), h + "attn.c_attn").split(C, dim=2))
        scores = (q @ k.transpose(2, 3) / (C // H) ** 0.5).masked_fill(~mask, float("-inf"))
        o = (scores.softmax(3) @ v).transpose(1, 2).reshape(B, T, C)
        x = x + project(o, h + "attn.c_proj")
        up = project(norm(x, h + "ln_2"), h + "mlp.c_fc")
        act = 0.5 * up * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (up + 0.044715 * up ** 3)))
        x = x + project(act, h + "mlp.c_proj")
    return norm(x, "ln_f") @ p.get("lm_head.weight", p.get(prefix + "wte.weight")).t()


def parameters(generator, linear):
    C, V, T = CONFIG["width"], CONFIG["vocabulary"], CONFIG["context"]
    random = lambda *shape: 0.2 * torch.randn(shape, generator=generator)
    matrix = lambda rows, columns: random(columns, rows) if linear else random(rows, columns)
    p = {"wte.weight": random(V, C), "wpe.weight": random(T, C)}
    for layer in range(CONFIG["layers"]):
        h = f"h.{layer}."
        for name in ("ln_1", "ln_2"):
            p[h + name + ".weight"], p[h + name + ".bias"] = 1 + random(C), random(C)
        for name, rows, columns in (("attn.c_attn", C, 3 * C), ("attn.c_proj", C, C), ("mlp.c_fc", C, 4 * C),
                                    ("mlp.c_proj", 4 * C, C)):
            p[h + name + ".weight"], p[h + name + ".bias"] = matrix(rows, columns), random(columns)
        if linear:
            p[h + "attn.bias"] = torch.ones(1, 1, T, T, dtype=torch.bool).tril()
            p[h + "attn.masked_bias"] = torch.tensor(-1e4)
    p["ln_f.weight"], p["ln_f.bias"] = 1 + random(C), random(C)
    if linear:
        p["lm_head.weight"] = random(V, C)
        return p
    return {"transformer." + name: tensor for name, tensor in p.items()}


def make():
    generator = torch.Generator().manual_seed(20260922)
    V, T = CONFIG["vocabulary"], CONFIG["context"]
    tokens = torch.randint(0, V, (2, T), generator=generator)
    fixture = dict(config=CONFIG, tokens=tokens.flatten().tolist(), logits={})
    for name, dtype, linear in (("gpt2_conv1d", "F32", False), ("gpt2_linear", "BF16", True)):
        path = os.path.join(FIXTURES, name + ".safetensors")
        write(path, parameters(generator, linear), dtype)
        out = logits(read(path), CONFIG, tokens, linear, "" if linear else "transformer.")
        fixture["logits"][name] = base64.b64encode(out.to(torch.float32).numpy().tobytes()).decode()
    with open(os.path.join(FIXTURES, "gpt2_logits.json"), "w") as out:
        json.dump(fixture, out, indent=1)
        out.write("\n")


def evaluate(folder, ids):
    with open(os.path.join(folder, "config.json")) as file:
        c = json.load(file)
    with open(ids) as file:
        tokens = torch.tensor(json.load(file))
    config = dict(layers=c["n_layer"], heads=c["n_head"], width=c["n_embd"])
    T = min(c["n_positions"], len(tokens) - 1)
    windows = (len(tokens) - 1) // T
    inputs, targets = tokens[:windows * T].view(-1, T), tokens[1:windows * T + 1].view(-1, T)
    out = logits(read(os.path.join(folder, "model.safetensors")), config, inputs, False, "transformer.")
    print(F.cross_entropy(out.flatten(0, 1), targets.flatten()).item())


evaluate(*sys.argv[1:3]) if len(sys.argv) == 3 else make()
