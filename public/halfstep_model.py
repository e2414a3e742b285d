"""The models of Halfstep's runs in PyTorch, for train_ddp.py: GPT-2's, Llama's and Qwen's as options of one decoder.

What a run's settings say that is not computed here is refused by name. `write_model` writes the weights under the names of
the model's family in Hugging Face's libraries.
"""

import json
import math
import os
import struct

import torch
import torch.nn.functional as F
from torch import nn

MODES = ("fp32", "tf32", "bf16", "fp16")
# What files that are older than a setting have.
OLDER = dict(norm="layernorm", normEpsilon=1e-5, mlp="gelu", intermediate=None, position="learned", ropeBase=10000.0,
             ropeScaling="none", keyValueHeads=None, headSize=None, qkNorm=False, biases="all", attentionSoftCap=0,
             logitSoftCap=0, layerScale=None, zLoss=0)
# Settings with the only value that is computed here.
ONLY = dict(optimizer="adamw", skip="step", master="f32", lossScaling="mode", optimState="f32", lrSchedule="cosine", dropout=0, mupBase=None, emaDecay=0)
OPTIONS = dict(mupBase="mup")  # names that do not follow from the setting's
# Other settings that are computed here, or that the modes above do not depend on.
KNOWN = set("""layers heads width context tied tokenizer vocabulary order precision lossScale growthInterval steps seed batch
    accumulation learningRate minLearningRate warmup weightDecay beta1 beta2 epsilon clip
    rounding quantizeHead quantizeActivations amaxHistory amaxAlgorithm scaleMargin fp8Head fp8Activations fp8Margin half
    microBatch recompute kernels muonLearningRate muonMomentum muonCoefficients muonScale evalEvery evalBatches
    sharpnessEvery sampleLength sums""".split()) | OLDER.keys()
# Values with which a setting of a later version than this program is taken to have no effect.
OFF = (None, False, 0, "none", "off", "mode")


class Refused(Exception):
    """Names what is not computed or written here."""


def refuse_settings(config):
    """Raises Refused where a setting is not computed here."""
    if config["precision"] not in MODES:
        raise Refused(f"the run has precision {config['precision']}: only {', '.join(MODES)} can go on here.")
    for name, value in config.items():
        only = ONLY.get(name, value)
        if value != only:
            raise Refused(f"the run has {option(name)} {value}: only {only} can go on here.")
        if name not in KNOWN and name not in ONLY and value not in OFF:
            raise Refused(f"the run has {option(name)} {value}, which this program does not know.")


def option(name):
    """The option of Halfstep's command line for a setting."""
    return OPTIONS.get(name) or "".join(f"-{c.lower()}" if c.isupper() else c for c in name)


def head_widths(config):
    """Columns of queries, of keys, of values, and of one head."""
    heads = config["heads"]
    size = config["headSize"] or config["width"] // heads
    groups = config["keyValueHeads"] or heads
    return heads * size, groups * size, groups * size, size


def rope_table(config):
    """cos and sin of RoPE's angles, (T, D / 2) each, computed in float64."""
    half = head_widths(config)[3] // 2
    frequencies = config["ropeBase"] ** (-torch.arange(half, dtype=torch.float64) / half)
    if config["ropeScaling"] != "none":
        factor, low, high, context = (float(word) for word in config["ropeScaling"].split(":")[1:])
        smooth = ((context * frequencies / (2 * math.pi) - low) / (high - low)).clamp(0, 1)
        frequencies = (1 - smooth) * frequencies / factor + smooth * frequencies
    angles = torch.arange(config["context"], dtype=torch.float64)[:, None] * frequencies
    return torch.stack([angles.cos(), angles.sin()]).float()


def rotated(x, table):
    """Rotates the pairs (i, i + D / 2) of x (B, heads, T, D)."""
    (low, high), (cos, sin) = x.float().chunk(2, dim=-1), table
    return torch.cat([low * cos - high * sin, high * cos + low * sin], dim=-1)


def rms_norm(x, gain, epsilon):
    x = x.float()
    return x * (x.square().mean(-1, keepdim=True) + epsilon).rsqrt() * gain


def soft_cap(x, cap):
    return cap * torch.tanh(x.float() / cap) if cap else x


# What lies between the layers of the MLP, of the first layer's output.
ACTIVATIONS = dict(
    gelu=lambda x: F.gelu(x, approximate="tanh"),
    relu2=lambda x: F.relu(x).square(),
    swiglu=lambda x: (lambda gate, up: F.silu(gate) * up)(*x.chunk(2, dim=-1)),
    geglu=lambda x: (lambda gate, up: F.gelu(gate, approximate="tanh") * up)(*x.chunk(2, dim=-1)),
)


class Gpt(nn.Module):
    """Halfstep's decoder under its checkpoint's names, matrices (in, out); vocabulary matrices keep their padding rows."""

    def __init__(self, tensors, config, vocabulary):
        super().__init__()
        self.config, self.vocabulary = config, vocabulary
        self.names = [name for name in tensors if not name.startswith("adam.") and f"adam.m.{name}" in tensors]
        for name in self.names:
            self.register_parameter(name.replace(".", "/"), nn.Parameter(tensors[name].clone()))
        if config["position"] == "rope":
            self.register_buffer("rope", rope_table(config), persistent=False)

    def of(self, name):
        """The parameter called so; None where the model has none."""
        return self._parameters.get(name.replace(".", "/"))

    def norm(self, x, name):
        weight, epsilon = self.of(f"{name}.weight"), self.config["normEpsilon"]
        if self.config["norm"] == "rmsnorm":
            return rms_norm(x, weight, epsilon)
        return F.layer_norm(x, x.shape[-1:], weight, self.of(f"{name}.bias"), epsilon)

    def linear(self, x, name):
        return F.linear(x, self.of(f"{name}.weight").T, self.of(f"{name}.bias"))

    def branch(self, x, name):
        """What a part of a block adds to the stream: its projection, times the learned scale if there is one."""
        out, scale = self.linear(x, f"{name}.c_proj"), self.of(f"{name}.scale")
        return out if scale is None else out * scale

    def attended(self, x, name, causal):
        (B, T, _), config = x.shape, self.config
        *widths, D = head_widths(config)
        parts = self.linear(x, f"{name}.c_attn").split(widths, dim=-1)
        q, k, v = (part.view(B, T, -1, D).transpose(1, 2) for part in parts)
        if config["qkNorm"]:
            q, k = (rms_norm(x, self.of(f"{name}.{part}.weight"), config["normEpsilon"])
                    for x, part in ((q, "q_norm"), (k, "k_norm")))
        if config["position"] == "rope":
            q, k = (rotated(x, self.rope[:, :T]) for x in (q, k))
        k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], dim=1) for x in (k, v))
        scores = soft_cap(q @ k.transpose(-2, -1) / math.sqrt(D), config["attentionSoftCap"])
        shares = scores.masked_fill(~causal, float("-inf")).softmax(-1)
        return (shares.to(v.dtype) @ v).transpose(1, 2).reshape(B, T, -1)

    def forward(self, tokens, targets):
        """The mean cross entropy, and what is optimised, which may have z-loss too."""
        (B, T), config = tokens.shape, self.config
        x = F.embedding(tokens, self.of("wte.weight"))
        if config["position"] == "learned":
            x = x + self.of("wpe.weight")[:T]
        causal = torch.ones(T, T, dtype=torch.bool, device=x.device).tril()
        for layer in range(config["layers"]):
            h = f"h.{layer}"
            x = x + self.branch(self.attended(self.norm(x, f"{h}.ln_1"), f"{h}.attn", causal), f"{h}.attn")
            hidden = ACTIVATIONS[config["mlp"]](self.linear(self.norm(x, f"{h}.ln_2"), f"{h}.mlp.c_fc"))
            x = x + self.branch(hidden, f"{h}.mlp")
        head = self.of("wte.weight" if config["tied"] else "lm_head.weight")[: self.vocabulary]
        logits = F.linear(self.norm(x, "ln_f"), head).view(B * T, -1).float()
        logits = soft_cap(logits, config["logitSoftCap"])
        loss = F.cross_entropy(logits, targets.reshape(-1))
        if not config["zLoss"]:
            return loss, loss
        return loss, loss + config["zLoss"] * logits.logsumexp(-1).square().mean()


def family_of(config):
    """The family in Hugging Face's libraries that has such a model."""
    for name in ("attentionSoftCap", "logitSoftCap", "layerScale"):
        if config[name] not in (None, 0):
            raise Refused(f"the model has {option(name)} {config[name]}, which no family has whose files --out writes: leave --out out.")
    kind = tuple(config[name] for name in ("norm", "position", "biases", "qkNorm"))
    gated = config["mlp"] in ("swiglu", "geglu")
    queries, keys, _, size = head_widths(config)
    if kind == ("layernorm", "learned", "all", False) and not gated and (queries, keys) == (config["width"],) * 2:
        return "gpt2"
    family = {("none", False): "llama", ("all", False): "llama", ("qkv", False): "qwen2", ("none", True): "qwen3"}
    if kind[:2] == ("rmsnorm", "rope") and gated and kind[2:] in family:
        return family[kind[2:]]
    raise Refused(f"no family whose files --out writes has norm {kind[0]}, position {kind[1]}, biases {kind[2]}, qk-norm {kind[3]}, "
         f"mlp {config['mlp']} and {size} channels in each of {queries // size} heads ({keys // size} of keys) together: leave --out out.")


CLASSES = dict(gpt2="GPT2LMHeadModel", llama="LlamaForCausalLM", qwen2="Qwen2ForCausalLM", qwen3="Qwen3ForCausalLM")
MODULES = {"wte": "embed_tokens", "ln_f": "norm", "ln_1": "input_layernorm", "ln_2": "post_attention_layernorm",
           "attn.c_attn": "self_attn.q_proj self_attn.k_proj self_attn.v_proj", "attn.c_proj": "self_attn.o_proj",
           "attn.q_norm": "self_attn.q_norm", "attn.k_norm": "self_attn.k_norm",
           "mlp.c_fc": "mlp.gate_proj mlp.up_proj", "mlp.c_proj": "mlp.down_proj"}


def config_of(config, family, vocabulary, inner):
    """The model's config.json. `inner` is the width between the layers of the MLP."""
    common = dict(architectures=[CLASSES[family]], model_type=family, vocab_size=vocabulary,
                  tie_word_embeddings=config["tied"], torch_dtype="float32")
    if family == "gpt2":
        return dict(common, n_layer=config["layers"], n_head=config["heads"], n_embd=config["width"], n_inner=inner,
                    n_positions=config["context"], layer_norm_epsilon=config["normEpsilon"],
                    activation_function=dict(gelu="gelu_new", relu2="relu2")[config["mlp"]])
    _, keys, _, size = head_widths(config)
    names = ("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
    kind, *numbers = config["ropeScaling"].split(":")
    scaling = None if kind == "none" else dict(zip(names, map(float, numbers)), rope_type=kind)
    return dict(common, num_hidden_layers=config["layers"], num_attention_heads=config["heads"], head_dim=size,
                num_key_value_heads=keys // size, hidden_size=config["width"], intermediate_size=inner,
                max_position_embeddings=config["context"], rms_norm_eps=config["normEpsilon"],
                hidden_act=dict(swiglu="silu", geglu="gelu_pytorch_tanh")[config["mlp"]], rope_theta=config["ropeBase"],
                rope_scaling=scaling, attention_bias=config["biases"] == "all", mlp_bias=config["biases"] == "all")


def tensors_of(weights, config, family):
    """The weights under the family's names. Llama's have matrices as (out, in), and q, k, v, gate and up apart."""
    if family == "gpt2":
        return weights
    out = {}
    for name, weight in weights.items():
        words = name.split(".")
        block = f"layers.{words[1]}." if words[0] == "h" else ""
        module = ".".join(words[2:-1] if block else words[:-1])
        if module == "lm_head":
            out[name] = weight
            continue
        parts = MODULES[module].split()
        widths = {1: [weight.shape[-1]], 2: [weight.shape[-1] // 2] * 2, 3: list(head_widths(config)[:3])}[len(parts)]
        for part, values in zip(parts, weight.split(widths, dim=-1)):
            is_linear = values.dim() == 2 and module != "wte"
            out[f"model.{block}{part}.{words[-1]}"] = values.T if is_linear else values
    return out


def write_tensors(path, tensors, metadata):
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


def write_model(path, weights, config, vocabulary, tokenizer):
    """Writes the weights with what `npm run train -- --init` reads about them."""
    family, inner = family_of(config), weights["h.0.mlp.c_proj.weight"].shape[0]
    metadata = {"format": "pt", "halfstep.tokenizer": json.dumps(tokenizer),
                "halfstep.config": json.dumps(config_of(config, family, vocabulary, inner))}
    if family == "gpt2":
        metadata["n_head"] = str(config["heads"])
    write_tensors(path, tensors_of(weights, config, family), metadata)
