"""Trains a GPT-2 in PyTorch and prints its speed as one line of JSON.

    python3 torch_gpt.py '{"mode": "FP32" | "TF32" | "AMP" | "AMP+TF32", "compiled": false,
                           "model": {"layers": .., "heads": .., "width": .., "context": .., "vocabulary": ..,
                                     "tied": .., "batch": ..}}'

The same model and step as Halfstep's: pre-norm blocks with biases, GELU in its tanh form, no dropout, AdamW with decay
of matrices, clipping to a norm of 1. AMP is f16 with GradScaler. It needs CUDA; "device": "cpu" is for a test.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

WARM_UP_STEPS = 10
SECONDS = 5.0


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(width)
        self.c_attn = nn.Linear(width, 3 * width)
        self.attn_proj = nn.Linear(width, width)
        self.ln_2 = nn.LayerNorm(width)
        self.c_fc = nn.Linear(width, 4 * width)
        self.mlp_proj = nn.Linear(4 * width, width)

    def forward(self, x):
        B, T, C = x.shape
        split = self.c_attn(self.ln_1(x)).view(B, T, 3, self.heads, C // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_proj(attended.transpose(1, 2).reshape(B, T, C))
        return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self, layers, heads, width, context, vocabulary, tied):
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        for parameter in self.parameters():
            if parameter.dim() >= 2:
                nn.init.normal_(parameter, std=0.02)
        if tied:
            self.head.weight = self.wte.weight

    def forward(self, tokens, targets):
        x = self.wte(tokens) + self.wpe.weight
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.ln_f(x))
        return F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1))


def optimizer_of(model, device):
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=6e-4, betas=(0.9, 0.95), fused=device == "cuda")


def measure(job):
    if int(torch.__version__.split(".")[0]) < 2:
        raise RuntimeError(f"PyTorch {torch.__version__} is too old: it takes 2.0 or later")
    device = job.get("device", "cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("PyTorch has no CUDA here")
    shape = dict(job["model"])
    batch = shape.pop("batch")
    use_tf32 = "TF32" in job["mode"]
    torch.backends.cuda.matmul.allow_tf32 = use_tf32
    torch.backends.cudnn.allow_tf32 = use_tf32
    amp = job["mode"].startswith("AMP") and device == "cuda"
    half = torch.float16 if device == "cuda" else torch.bfloat16  # all that the CPU takes
    torch.manual_seed(1337)
    model = Gpt(**shape).to(device)
    optimizer = optimizer_of(model, device)
    scaler = torch.cuda.amp.GradScaler(enabled=amp)
    run = torch.compile(model) if job["compiled"] else model
    tokens = torch.randint(shape["vocabulary"], (batch, shape["context"] + 1), device=device)
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()

    def step():
        with torch.autocast(device, dtype=half, enabled=amp):
            loss = run(inputs, targets)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        return loss

    def timed(steps):
        start = time.perf_counter()
        for _ in range(steps):
            loss = step()
        last = loss.item()  # waits for the device
        return time.perf_counter() - start, last

    _, first = timed(1)
    timed(WARM_UP_STEPS - 1)
    usual, _ = timed(3)
    steps = max(3, round(SECONDS / (usual / 3)))
    seconds, last = timed(steps)
    speed = steps * batch * shape["context"] / seconds
    return {"tokensPerSec": speed, "firstLoss": first, "lastLoss": last, "error": None}


def main():
    try:
        result = measure(json.loads(sys.argv[1]))
    except RuntimeError as error:  # out of memory is one
        result = {"tokensPerSec": None, "error": str(error).split("\n")[0]}
    print(json.dumps(result))


main()
