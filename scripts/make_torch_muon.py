#!/usr/bin/env python3
"""Writes test/fixtures/torch_muon.json: three steps of torch.optim.Muon on small matrices, an oracle of Halfstep's.

    python3 -m venv VENV && VENV/bin/pip install torch==2.13.0
    VENV/bin/python scripts/make_torch_muon.py

PyTorch orthogonalises in bfloat16 whatever the weights are in. Here its casts to bfloat16 return float64 instead, so that
the file shows the algorithm and not that rounding. Matrices are written as PyTorch stores them, (outputs, inputs).
All data is synthetic.
"""
import json
import os

import torch

torch.Tensor.bfloat16 = lambda self: self.double()

STEPS = 3
LR = 0.02
CASES = [
    dict(outputs=6, inputs=4, scale="original", weight_decay=0.1),
    dict(outputs=4, inputs=6, scale="match_rms_adamw", weight_decay=0.0),
    dict(outputs=8, inputs=8, scale="original", weight_decay=0.3),
    dict(outputs=12, inputs=4, scale="match_rms_adamw", weight_decay=0.1),
]


def run(case, generator):
    shape = (case["outputs"], case["inputs"])
    draw = lambda: torch.randn(shape, generator=generator, dtype=torch.float64)
    weight = torch.nn.Parameter(draw() * 0.1)
    initial = weight.detach().clone()
    gradients = [draw() for _ in range(STEPS)]
    optimizer = torch.optim.Muon([weight], lr=LR, weight_decay=case["weight_decay"], momentum=0.95, nesterov=True,
                                 ns_coefficients=(3.4445, -4.7750, 2.0315), eps=1e-7, ns_steps=5,
                                 adjust_lr_fn=case["scale"])
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
    momentum = optimizer.state[weight]["momentum_buffer"]
    values = lambda tensor: tensor.detach().flatten().tolist()
    return dict(case, initial=values(initial), gradients=[values(g) for g in gradients], final=values(weight),
                momentum=values(momentum))


def main():
    generator = torch.Generator().manual_seed(20261130)
    cases = [run(case, generator) for case in CASES]
    path = os.path.join(os.path.dirname(__file__), "..", "test", "fixtures", "torch_muon.json")
    with open(path, "w") as file:
        json.dump(dict(torch=torch.__version__, learningRate=LR, cases=cases), file)
        file.write("\n")


main()
