"""Opens an exported model with transformers and prints as JSON what it computes.

    python3 open_model.py FOLDER PROMPT NEW_TOKENS TEXT_FILE

Keys: class; missing, unexpected (names of tensors); ids (of the prompt); greedy (ids of the new tokens); text (decoded);
logits (f32 after the prompt); loss (mean over the text's next tokens, in windows of the context without overlap).
"""
import json
import sys

import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

folder, prompt, count, text_file = sys.argv[1:5]
tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
model.eval()
ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
text = open(text_file, encoding="utf-8", newline="").read()
tokens = tokenizer(text, return_tensors="pt")["input_ids"][0]
context = model.config.max_position_embeddings
with torch.no_grad():
    logits = model(ids).logits[0, -1]
    greedy = []
    sequence = ids
    for _ in range(int(count)):
        chosen = model(sequence[:, -context:]).logits[0, -1].argmax()
        greedy.append(chosen.item())
        sequence = torch.cat([sequence, chosen.view(1, 1)], dim=1)
    windows = (len(tokens) - 1) // context
    inputs = tokens[: windows * context].view(windows, context)
    targets = tokens[1 : windows * context + 1].view(windows, context)
    loss = torch.nn.functional.cross_entropy(model(inputs).logits.flatten(0, 1), targets.flatten()).item()
json.dump(
    {
        "class": type(model).__name__,
        "missing": sorted(info["missing_keys"]),
        "unexpected": sorted(info["unexpected_keys"]),
        "ids": ids[0].tolist(),
        "greedy": greedy,
        "text": tokenizer.decode(greedy),
        "logits": logits.tolist(),
        "loss": loss,
    },
    sys.stdout,
)
