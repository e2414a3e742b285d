"""The same training in PyTorch on the CPU: one process that bench/peers/pytorch.mjs starts and measures.

Each line of standard input is a JSON object: {"open": {...}} builds the model, {"train": {"tokens": [...], "targets": [...]}}
takes a step for each entry. Each is answered with one line of JSON.
"""

import base64
import json
import sys
import time

import torch
import torch.nn.functional as F


def tensor_of(parameter):
    values = torch.frombuffer(bytearray(base64.b64decode(parameter["base64"])), dtype=torch.float32)
    return values.reshape(parameter["shape"]).clone().requires_grad_()


class Learner:
    """GPT-2 as the other implementations write it: matrices (in, out), a head tied to the token embedding."""

    def __init__(self, task):
        self.heads, self.layers = task["heads"], task["layers"]
        self.batch, self.context = task["batch"], task["context"]
        self.autocast = torch.autocast("cpu", torch.bfloat16, enabled=task["bf16"])
        self.parameters = {each["name"]: tensor_of(each) for each in task["parameters"]}
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(),
            lr=task["learningRate"],
            betas=(task["beta1"], task["beta2"]),
            eps=task["epsilon"],
            weight_decay=0,
        )

    def linear(self, x, name):
        return x @ self.parameters[f"{name}.weight"] + self.parameters[f"{name}.bias"]

    def norm(self, x, name):
        weight, bias = self.parameters[f"{name}.weight"], self.parameters[f"{name}.bias"]
        return F.layer_norm(x, weight.shape, weight, bias)

    def attention(self, x, name):
        B, T, C = x.shape
        q, k, v = (
            part.reshape(B, T, self.heads, -1).transpose(1, 2)
            for part in self.linear(x, f"{name}.c_attn").split(C, dim=2)
        )
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.linear(out.transpose(1, 2).reshape(B, T, C), f"{name}.c_proj")

    def loss(self, tokens, targets):
        embedding = self.parameters["wte.weight"]
        x = embedding[tokens] + self.parameters["wpe.weight"]
        for layer in range(self.layers):
            h = f"h.{layer}"
            x = x + self.attention(self.norm(x, f"{h}.ln_1"), f"{h}.attn")
            hidden = F.gelu(self.linear(self.norm(x, f"{h}.ln_2"), f"{h}.mlp.c_fc"), approximate="tanh")
            x = x + self.linear(hidden, f"{h}.mlp.c_proj")
        logits = self.norm(x, "ln_f") @ embedding.T
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())

    def step(self, tokens, targets):
        shape = (self.batch, self.context)
        with self.autocast:
            loss = self.loss(torch.tensor(tokens).reshape(shape), torch.tensor(targets).reshape(shape))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss

    def train(self, tokens, targets):
        start = time.perf_counter()
        for step_tokens, step_targets in zip(tokens, targets):
            loss = self.step(step_tokens, step_targets)
        value = loss.item()
        return {"milliseconds": (time.perf_counter() - start) * 1000, "loss": value}


def main():
    learner = None
    for line in sys.stdin:
        request = json.loads(line)
        if "open" in request:
            learner = Learner(request["open"])
            answer = {"version": torch.__version__, "threads": torch.get_num_threads()}
        else:
            answer = learner.train(**request["train"])
        print(json.dumps(answer), flush=True)


main()
