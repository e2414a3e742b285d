"""Writes test/fixtures/tokenizers.json: the ids that Hugging Face's tokenizers give for texts.

    python3 scripts/make_tokenizer_fixture.py FILES.json test/fixtures/tokenizers.json

FILES.json is an object of tokenizer.json contents by kind, as test/unit/tokenizers/files.ts makes them. It needs the package
`tokenizers` (0.23).
"""

import json
import sys

from tokenizers import Tokenizer

TEXTS = [
    "",
    " ",
    "the",
    " the",
    "  the  lowest\n\n\n new 12 345 67890 th",
    "It's low, 'lower,   the lowest; 1234 na\u00efve \U0001f600\n",
    "don't I'LL we've it'S",
    "First file.\n\ufeffSecond file begins.\na \ufeffb",
    "one\u0085two \u0085x !\u0085 x\u0085\u0085y",
    "one\r\n\ufeff\r\ntwo",
    "\u00a0no\u00a0break\u2003em\u3000wide",
    "\u0663\u0664 \u00bd \u2167 x\u00b2 7",
    "\u4f60\u597d \u4f60\u597d\uff01",
    "e\u0301 cafe\u0301 \u1e9b\u0323 \u212b",
    "<s>the</s> the<|endoftext|>\n<|im_start|>low <|im_start|> the",
    "<0x41> <0x> <s </s",
    "\u2581the \u2581 \u2581\u2581low",
    "tab\tand\t\tmore\n \n  \n",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0915\u093f\u0924\u093e\u092c",
    "a" * 300 + " " * 40 + "z",
    "http://example.org/?q=1&r=22#x",
    "x=1;y=-2.5e3\r\n\treturn 0x1F;\r\n",
]


def cases(file):
    tokenizer = Tokenizer.from_str(json.dumps(file))
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        yield {"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=False)}


def main(source, target):
    with open(source, encoding="utf-8") as file:
        kinds = json.load(file)
    with open(target, "w", encoding="utf-8") as file:
        json.dump({kind: list(cases(each)) for kind, each in kinds.items()}, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
