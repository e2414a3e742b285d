"""Goes on with a run that Halfstep saved (`npm run train -- --save run.safetensors`) in PyTorch, on many GPUs.

    torchrun --nproc-per-node 8 train_ddp.py run.safetensors --data text.txt --steps 20000 --out model.safetensors

Weights, Adam's moments, loss scale, schedule and batches go on where they were: every process takes its share of each
micro-batch's windows. Started without torchrun, one process trains alone. Modes fp32, tf32, bf16 and fp16 (autocast; fp16
needs CUDA). As in Halfstep, a step whose gradients are not finite is skipped in every mode: weights, moments and schedule
stay as they are. In fp16 the loss scale then halves; the other modes end after ten skips in a row. Models are GPT-2's,
Llama's and Qwen's; a setting that is not computed here is refused by its name. The result, under the names of the model's
family in Hugging Face's libraries, is for `npm run train -- --init`. Needs PyTorch 1.13 or later and
halfstep_model.py beside it, nothing else. `npm run test:ddp` compares it with Halfstep, with two processes.
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
from torch.nn.parallel import DistributedDataParallel

from halfstep_model import OLDER, Gpt, Refused, family_of, refuse_settings, write_model

TOKENIZERS = ("char", "byte")
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
    run["config"] = config = {**OLDER, **run["config"]}
    refuse_settings(config)
    kind = run["tokenizer"]["kind"]
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
    if args.out:
        family_of(config)  # refuses models of no family before they are trained
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
                    loss, optimised = replica(*(part.to(device) for part in batch))
                (optimised / accumulation * scale).backward()
            total += loss.detach() / accumulation
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
        write_model(args.out, weights, config, vocabulary, run["tokenizer"])
    dist.destroy_process_group()
    if not dynamic and skips >= MAX_SKIPS_WITHOUT_SCALER:
        where = f" They are in {args.out}." if args.out else ""
        fail(f"{MAX_SKIPS_WITHOUT_SCALER} steps in a row were skipped: a gradient is not finite, and {config['precision']} "
             f"has no loss scaler to adapt. No skipped step has changed the weights.{where}")


if __name__ == "__main__":
    try:
        main()
    except Refused as refusal:
        fail(refusal)
