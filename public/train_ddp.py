"""Goes on with a run that Halfstep saved (`npm run train -- --save run.safetensors`) in PyTorch, on many GPUs.

    torchrun --nproc-per-node 8 train_ddp.py run.safetensors --data text.txt --steps 20000 --out model.safetensors

Weights, Adam's moments, loss scale, schedule and batches go on where they were: every process takes its share of each
micro-batch's windows. Started without torchrun, one process trains alone. Modes fp32, tf32, bf16 and fp16 (autocast; fp16
needs CUDA). As in Halfstep, a step whose gradients are not finite is skipped in every mode: weights, moments and schedule
stay as they are. In fp16 the loss scale then halves; the other modes end after ten skips in a row. The result is for
`npm run train -- --init`, and for other tools that read GPT-2's names. Needs PyTorch 1.13 or later, nothing else.
`npm run test:ddp` holds it against Halfstep with two processes.
"""

import argparse
import contextlib
import json
import math
import os
import struct
import sys

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel

MODES = ("fp32", "tf32", "bf16", "fp16")
TOKENIZERS = ("char", "byte")
# Options of the model and of its loss, each with the only value that is computed here.
OTHER_OPTIONS = dict(normEpsilon=1e-5, intermediate=None, position="learned", keyValueHeads=None, headSize=None,
                     qkNorm=False, biases="all", attentionSoftCap=0, logitSoftCap=0, layerScale=None, zLoss=0)
U32 = 0xFFFFFFFF
SCALE_FLOOR, SCALE_CEILING = 1.0, 2.0**24
MAX_SKIPS_WITHOUT_SCALER = 10
CONSECUTIVE_SKIPS = 6  # word of the tensor step_state (src/engine/kernels/stepState.ts)
TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


def fail(message):
    raise SystemExit(f"error: {message}")


def read_bytes(path):
    try:
        with open(path, "rb") as file:
            data = bytearray(os.fstat(file.fileno()).st_size)
            file.readinto(data)
            return data
    except OSError as error:
        fail(f"cannot read {path}: {error.strerror}.")


def read_run(path):
    """Tensors by name, all f32 but the step's state, the run's description, and its skips in a row so far."""
    data = read_bytes(path)
    try:
        (size,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + size])
        run = json.loads(header.pop("__metadata__")["halfstep"])
    except (KeyError, ValueError, struct.error):
        fail(f"{path} is no run of Halfstep: give a file that was written with --save.")
    if run.get("version") != 1:
        fail(f"the run has format version {run.get('version')}, and only 1 is read.")
    config, kind = run["config"], run["tokenizer"]["kind"]
    if config["precision"] not in MODES or config["optimState"] != "f32" or config["optimizer"] != "adamw":
        fail(f"mode {config['precision']} with {config['optimizer']} in {config['optimState']}: "
             f"only {', '.join(MODES)} with adamw in f32 can go on here.")
    norm, mlp = config.get("norm", "layernorm"), config.get("mlp", "gelu")
    if (norm, mlp) != ("layernorm", "gelu"):
        fail(f"the model has norm {norm} and mlp {mlp}: only layernorm with gelu can go on here.")
    for name, only in OTHER_OPTIONS.items():
        if config.get(name, only) != only:
            fail(f"the run has {name} {config[name]}: only {only} can go on here.")
    if config.get("lrSchedule", "cosine") != "cosine":
        fail(f"the learning rate schedule is {config['lrSchedule']}: only cosine can go on here.")
    if config.get("dropout", 0) != 0:
        fail(f"the run has dropout {config['dropout']}, which drops what Halfstep's own random bits say: only 0 can go on here.")
    if config.get("mupBase") is not None:
        fail(f"the run was initialised with muP (mup {config['mupBase']}), whose learning rates differ by tensor: only runs without it can go on here.")
    if config.get("emaDecay", 0) != 0:
        fail(f"the run averages its weights (ema-decay {config['emaDecay']}): only runs without an average can go on here.")
    if kind not in TOKENIZERS:
        fail(f"the tokenizer is {kind}: only {' and '.join(TOKENIZERS)} can go on here.")
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        if entry["dtype"] == "F32":
            count = (end - start) // 4
            floats = torch.frombuffer(data, dtype=torch.float32, count=count, offset=8 + size + start)
            tensors[name] = floats.view(entry["shape"])
        elif name == "step_state":
            (skips,) = struct.unpack_from("<I", data, 8 + size + start + 4 * CONSECUTIVE_SKIPS)
    return tensors, run, skips


def write_weights(path, tensors, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name, tensor in tensors.items():
        end = offset + 4 * tensor.numel()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path + ".tmp", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.contiguous().numpy().tobytes())
    os.replace(path + ".tmp", path)


def fingerprint(data):
    """Halfstep's checksum of a text's bytes (src/engine/data/checksum.ts)."""
    low, high = 0x811C9DC5, 0x41C6CE57
    for byte in data:
        low = (low ^ byte) * 0x9E3779B1 & U32
        low = (low << 13 | low >> 19) & U32
        high = (high ^ byte) * 0x5F356495 & U32
        high = (high << 19 | high >> 13) & U32
    lanes = []
    for lane in (high, low):
        mixed = (lane ^ lane >> 16) * 0x85EBCA6B & U32
        lanes.append(f"{mixed ^ mixed >> 13:08x}")
    return "".join(lanes)


def read_tokens(path, run):
    """The training split: the first 90 % of the tokens."""
    data = read_bytes(path)
    data = data[3:] if data.startswith(b"\xef\xbb\xbf") else data
    found = fingerprint(data)
    if found != run["text"]["checksum"]:
        fail(f"the run was trained on \"{run['text']['name']}\" (fingerprint {run['text']['checksum']}); {path} has {found}.")
    tokenizer = run["tokenizer"]
    if tokenizer["kind"] == "byte":
        ids, vocabulary = list(data), 256
    else:
        known = {character: i for i, character in enumerate(tokenizer["characters"])}
        ids, vocabulary = [known[character] for character in data.decode()], len(known)
    return torch.tensor(ids[: len(ids) * 9 // 10]), max(vocabulary, run["config"]["vocabulary"] or 0)


def random_bits(position, seed):
    """SquirrelNoise5, as src/engine/core/rng.ts has it."""
    n = (position * 0xD2A80A3F + seed) & U32
    n ^= n >> 9
    n = (n + 0xA884F197) & U32
    n ^= n >> 11
    n = n * 0x6C736F4B & U32
    n ^= n >> 13
    n = (n + 0xB79F3ABB) & U32
    n ^= n >> 15
    n = n * 0x1B56C4F5 & U32
    return n ^ n >> 17


def window_start(window, config, starts):
    if config["order"] == "sequential":
        return window * config["context"] % starts
    high = random_bits(2 * window, config["seed"]) >> 5
    low = random_bits(2 * window + 1, config["seed"]) >> 6
    return math.floor((high * 2**26 + low) / 2**53 * starts)


def batch_at(tokens, index, config, rank, world):
    """This process's share of micro-batch `index`: inputs and targets, (batch / world, context) each."""
    context, batch = config["context"], config["batch"]
    starts = [window_start(index * batch + i, config, len(tokens) - context) for i in range(rank, batch, world)]
    return tuple(torch.stack([tokens[s + shift : s + shift + context] for s in starts]) for shift in (0, 1))


class Gpt(nn.Module):
    """GPT-2 under its checkpoint's names, matrices (in, out); vocabulary matrices keep their padding rows."""

    def __init__(self, tensors, config, vocabulary):
        super().__init__()
        self.config, self.vocabulary = config, vocabulary
        self.names = [name for name in tensors if not name.startswith("adam.") and f"adam.m.{name}" in tensors]
        for name in self.names:
            self.register_parameter(name.replace(".", "/"), nn.Parameter(tensors[name].clone()))

    def of(self, name):
        return self._parameters[name.replace(".", "/")]

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.of(f"{name}.weight"), self.of(f"{name}.bias"), 1e-5)

    def linear(self, x, name):
        return F.linear(x, self.of(f"{name}.weight").T, self.of(f"{name}.bias"))

    def forward(self, tokens, targets):
        (B, T), H = tokens.shape, self.config["heads"]
        x = F.embedding(tokens, self.of("wte.weight")) + self.of("wpe.weight")[:T]
        causal = torch.ones(T, T, dtype=torch.bool, device=x.device).tril()
        for layer in range(self.config["layers"]):
            h = f"h.{layer}"
            qkv = self.linear(self.norm(x, f"{h}.ln_1"), f"{h}.attn.c_attn")
            q, k, v = qkv.view(B, T, 3, H, -1).permute(2, 0, 3, 1, 4)
            scores = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).masked_fill(~causal, float("-inf"))
            attended = (scores.softmax(-1).to(v.dtype) @ v).transpose(1, 2).reshape(B, T, -1)
            x = x + self.linear(attended, f"{h}.attn.c_proj")
            hidden = F.gelu(self.linear(self.norm(x, f"{h}.ln_2"), f"{h}.mlp.c_fc"), approximate="tanh")
            x = x + self.linear(hidden, f"{h}.mlp.c_proj")
        head = self.of("wte.weight" if self.config["tied"] else "lm_head.weight")[: self.vocabulary]
        logits = F.linear(self.norm(x, "ln_f"), head)
        return F.cross_entropy(logits.view(B * T, -1).float(), targets.reshape(-1))


def adamw_of(model, tensors, config, applied):
    """AdamW with the run's moments. Matrices decay."""
    parameters = [model.of(name) for name in model.names]
    groups = [dict(params=[p for p in parameters if p.dim() >= 2], weight_decay=config["weightDecay"]),
              dict(params=[p for p in parameters if p.dim() < 2], weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, betas=(config["beta1"], config["beta2"]), eps=config["epsilon"])
    for name in model.names:
        parameter = model.of(name)
        optimizer.state[parameter] = dict(
            step=torch.tensor(float(applied)),
            exp_avg=tensors[f"adam.m.{name}"].to(parameter.device, copy=True),
            exp_avg_sq=tensors[f"adam.v.{name}"].to(parameter.device, copy=True),
        )
    return optimizer


class LossScale:
    """Halfstep's dynamic loss scale: doubles after `interval` clean steps, halves after a skipped one."""

    def __init__(self, scale, tracker, interval):
        self.scale, self.tracker, self.interval = scale, tracker, interval

    def update(self, skipped):
        if skipped:
            self.scale, self.tracker = max(self.scale / 2, min(SCALE_FLOOR, self.scale)), 0
            return
        self.tracker += 1
        if self.tracker >= self.interval:
            self.tracker = 0
            if self.scale < SCALE_CEILING:
                self.scale *= 2


def unscaled_norm(parameters, scale):
    """Divides the gradients by the loss scale. Returns their global norm, which is not finite where one of them is not."""
    squares = 0
    for parameter in parameters:
        parameter.grad.mul_(1 / scale)
        squares = squares + parameter.grad.float().square().sum()
    return squares.sqrt()


def learning_rate(config, applied):
    """nanoGPT's get_lr: linear warm-up, then a cosine."""
    high, low, warmup, steps = (config[key] for key in ("learningRate", "minLearningRate", "warmup", "steps"))
    if applied < warmup:
        return high * (applied + 1) / (warmup + 1)
    if applied >= steps:
        return low
    return low + 0.5 * (1 + math.cos(math.pi * (applied - warmup) / (steps - warmup))) * (high - low)


def begin_processes(backend):
    """This process's rank and how many there are: as torchrun says, or one alone."""
    missing = [name for name in TORCHRUN if name not in os.environ]
    if "RANK" in missing and "WORLD_SIZE" in missing:
        print("Started without torchrun: one process trains alone.", file=sys.stderr)
        dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    elif missing:
        fail(f"the environment has no {', '.join(missing)}: start the program with torchrun, or without RANK and WORLD_SIZE.")
    else:
        dist.init_process_group(backend)
    return dist.get_rank(), dist.get_world_size()


def device_of(cuda):
    if not cuda:
        return torch.device("cpu")
    index, count = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
    if index >= count:
        fail(f"process {index} of this machine has no GPU: it has {count}. Start at most so many, --nproc-per-node {count}.")
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="file written with --save")
    parser.add_argument("--data", required=True, help="the text that the run was trained on")
    parser.add_argument("--steps", type=int, help="the new total [the run's]")
    parser.add_argument("--out", help="where the weights are written at the end")
    args = parser.parse_args()

    tensors, run, skips = read_run(args.run)
    config, progress = run["config"], run["progress"]
    config["steps"] = args.steps or config["steps"]
    if config["steps"] <= progress["attempted"]:
        fail(f"the run has taken {progress['attempted']} steps: give a larger total, --steps.")
    if config["steps"] < config["warmup"]:
        fail(f"the run has a warm-up of {config['warmup']} steps: give at least as many in all, --steps.")
    if args.out and not os.access(os.path.dirname(os.path.abspath(args.out)), os.W_OK):
        fail(f"cannot write {args.out}: its folder does not exist or is read-only.")
    cuda = torch.cuda.is_available()
    if config["precision"] == "fp16" and not cuda:
        fail("fp16 needs CUDA; the run's mode cannot be computed on this CPU.")
    tokens, vocabulary = read_tokens(args.data, run)

    rank, world = begin_processes("nccl" if cuda else "gloo")
    if config["batch"] % world:
        fail(f"a batch of {config['batch']} cannot be divided among {world} processes.")
    device = device_of(cuda)
    torch.backends.cuda.matmul.allow_tf32 = config["precision"] == "tf32"
    half = dict(bf16=torch.bfloat16, fp16=torch.float16).get(config["precision"])

    model = Gpt(tensors, config, vocabulary).to(device)
    parameters = [model.of(name) for name in model.names]
    replica = DistributedDataParallel(model, device_ids=[device.index] if cuda else None)
    optimizer = adamw_of(model, tensors, config, progress["applied"])
    dynamic = half is torch.float16
    loss_scale = LossScale(progress["lossScale"], progress["growthTracker"], config["growthInterval"] or 2000)
    applied, accumulation = progress["applied"], config["accumulation"]
    for step in range(progress["attempted"], config["steps"]):
        if not dynamic and skips >= MAX_SKIPS_WITHOUT_SCALER:
            break
        scale = loss_scale.scale if dynamic else 1.0
        rate = learning_rate(config, applied)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        total = torch.zeros((), device=device)
        for i in range(accumulation):
            batch = batch_at(tokens, step * accumulation + i, config, rank, world)
            last = i == accumulation - 1
            with contextlib.nullcontext() if last else replica.no_sync():
                with torch.autocast(device.type, dtype=half or torch.bfloat16, enabled=half is not None):
                    loss = replica(*(part.to(device) for part in batch)) / accumulation
                (loss * scale).backward()
            total += loss.detach()
        dist.all_reduce(total)
        norm = unscaled_norm(parameters, scale)
        # What one process finds, all skip: their weights stay the same.
        found = 1 - torch.isfinite(norm + total).float()
        dist.all_reduce(found, op=dist.ReduceOp.MAX)
        skipped = found.item() > 0
        skips = skips + 1 if skipped else 0
        if not skipped:
            if config["clip"] > 0:
                factor = torch.clamp(config["clip"] / (norm + 1e-6), max=1.0)
                for parameter in parameters:
                    parameter.grad.mul_(factor)
            optimizer.step()
            applied += 1
        if dynamic:
            loss_scale.update(skipped)
        mean = total.item() / world
        if rank == 0:
            line = dict(type="step", step=step + 1, loss=mean if math.isfinite(mean) else None, lossScale=scale,
                        skipped=skipped, lr=rate)
            print(json.dumps(line), flush=True)
    if args.out and rank == 0:
        weights = {name: model.of(name).detach().cpu() for name in model.names}
        for name in ("wte.weight", "lm_head.weight"):
            if name in weights:
                weights[name] = weights[name][:vocabulary]
        tokenizer = json.dumps(run["tokenizer"])
        write_weights(args.out, weights, {"format": "pt", "n_head": str(config["heads"]), "halfstep.tokenizer": tokenizer})
    dist.destroy_process_group()
    if not dynamic and skips >= MAX_SKIPS_WITHOUT_SCALER:
        where = f" They are in {args.out}." if args.out else ""
        fail(f"{MAX_SKIPS_WITHOUT_SCALER} steps in a row were skipped: a gradient is not finite, and {config['precision']} "
             f"has no loss scaler to adapt. No skipped step has changed the weights.{where}")


if __name__ == "__main__":
    main()
