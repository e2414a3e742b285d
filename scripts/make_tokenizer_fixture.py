"""Writes test/fixtures/bpe_words.json: random texts and the ids that Hugging Face's Rust tokenizers give them with a
tokenizer.json that Halfstep exported.

    pip install tokenizers==0.23.2
    python3 scripts/make_tokenizer_fixture.py tokenizer.json pairs.json

tokenizer.json is the export of a `bpe` tokenizer and pairs.json its pairs. The SHA-256 of tokenizer.json is written too, so
that a test can check that exporting these pairs still gives the same file.
"""

import hashlib
import json
import random
import sys
from pathlib import Path

from tokenizers import Tokenizer

SPACES = " \t\n\r\u000b\u000c\u001c\u0085\u00a0\u1680\u180e\u2003\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
KINDS = [
    SPACES,
    " ",
    "\n",
    "abctuwelrs",
    "'",
    "'stdmlrve",
    "0123456789²½Ⅷ٣",
    "-=.,;!?#/<>|_",
    "éïßжλאش中文한ｱ",
    "a\u0301\u0300\u200d😀👍🏽",
    "aab",
]
WHOLE = ["'s", "'ll", "'ve", "'re", " don't", "'S", " 's", "<|endoftext|>", "new", " lower", "it's\n\n\n  we'll"]


def text(random_state):
    parts = []
    for _ in range(random_state.randrange(1, 9)):
        if random_state.random() < 0.25:
            parts.append(random_state.choice(WHOLE))
            continue
        kind = random_state.choice(KINDS)
        parts.append("".join(random_state.choices(kind, k=random_state.randrange(1, 7))))
    return "".join(parts)


def main(tokenizer_path, pairs_path):
    tokenizer = Tokenizer.from_file(tokenizer_path)
    state = random.Random(14)
    texts = [text(state) for _ in range(400)]
    # Words longer than one span of the encoder.
    long = ["a" * 1001, "ab" * 700 + "a", "-" * 777, " " * 600 + "x", "\n" * 301, "lower" * 300, "é" * 333, "ATGC" * 400]
    cases = [{"text": one, "ids": tokenizer.encode(one, add_special_tokens=False).ids} for one in texts + long]
    out = Path(__file__).parent.parent / "test/fixtures/bpe_words.json"
    exported = hashlib.sha256(Path(tokenizer_path).read_bytes()).hexdigest()
    pairs = json.loads(Path(pairs_path).read_text())
    out.write_text(json.dumps({"exported": exported, "pairs": pairs, "cases": cases}) + "\n")


main(*sys.argv[1:])
