"""Compares the built binary with the `tokenizers` and `transformers` libraries, far beyond the golden files.

    python tests/golden/check_tokenizer.py build/strata TEXT.txt [TOKENIZER_FOLDER ...]

With each split pattern, trains a tokenizer on TEXT and checks that `tokenizers` and transformers' AutoTokenizer load the folder,
give the same ids on TEXT and on 20,000 random strings, that every string comes back from its ids, and that the library's own
trainer learns the same vocabulary. The golden tokenizers, and folders named on the command line, are compared on 20,000 random
strings and on every code point. Needs tokenizers==0.22.2 and transformers==4.57.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoTokenizer

from tokenizer_texts import FIXED, random_texts

GOLDEN = pathlib.Path(__file__).parent / "tokenizer"
failures = 0


def report(name, bad, total, what):
    global failures
    failures += bad
    print(f"{name}: {total - bad} of {total} {what}", flush=True)


class Strata:
    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder

    def run(self, *arguments):
        subprocess.run([self.binary, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)

    def convert(self, verb, tokenizer, key_in, rows, key_out):
        source, target = self.folder / "in.jsonl", self.folder / "out.jsonl"
        source.write_text("".join(json.dumps({key_in: row}) + "\n" for row in rows))
        self.run("tokenizer", verb, tokenizer, "--data", source, "--out", target)
        with open(target, encoding="utf-8", newline="\n") as lines:
            return [json.loads(line)[key_out] for line in lines]

    def encode(self, tokenizer, texts):
        return self.convert("encode", tokenizer, "text", texts, "input_ids")

    def decode(self, tokenizer, ids):
        return self.convert("decode", tokenizer, "input_ids", ids, "text")


def every_code_point():
    points = [chr(point) for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF and (point < 0x33000 or point >= 0xE0000)]
    return ["".join("ab "[i % 3] + point for i, point in enumerate(points[start:start + 40])) for start in range(0, len(points), 40)]


def compare(strata, name, path, texts):
    library = Tokenizer.from_file(str(path if path.suffix == ".json" else path / "tokenizer.json"))
    expected = [encoding.ids for encoding in library.encode_batch(texts, add_special_tokens=False)]
    ours = strata.encode(path, texts)
    report(name, sum(a != b for a, b in zip(ours, expected)), len(texts), "texts have the library's ids")
    decoded = library.decode_batch(expected, skip_special_tokens=False)
    back = strata.decode(path, expected)
    report(name, sum(a != b for a, b in zip(back, decoded)), len(texts), "have the library's text again")
    return ours, back


def learn_with_library(ours, text):
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = Tokenizer.from_str(ours).pre_tokenizer
    special = [token["content"] for token in json.loads(ours)["added_tokens"]]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    learner.train_from_iterator([text], trainers.BpeTrainer(vocab_size=8000, special_tokens=special, initial_alphabet=alphabet, show_progress=False))
    return json.loads(learner.to_str())["model"]


def check_training(strata, text_file, pattern):
    folder = strata.folder / pattern
    config = strata.folder / "config.yaml"
    config.write_text(json.dumps({"tokenizer": {"out": str(folder), "train": {"files": [str(text_file)], "vocab_size": 8000, "pattern": pattern}}}))
    start = time.time()
    strata.run("tokenizer", "train", config)
    print(f"{pattern}: trained in {time.time() - start:.1f} s")
    text = text_file.read_bytes().decode()
    ours = (folder / "tokenizer.json").read_text(encoding="utf-8")
    theirs, model = learn_with_library(ours, text), json.loads(ours)["model"]
    report(pattern, int(theirs["vocab"] != model["vocab"] or theirs["merges"] != model["merges"]), 1, "vocabulary is what the library learns")
    texts = [text] + FIXED + random_texts(20000, seed=3)
    ids, back = compare(strata, pattern, folder, texts)
    report(pattern, sum(a != b for a, b in zip(back, texts)), len(texts), "texts come back from their ids")
    auto = AutoTokenizer.from_pretrained(folder)
    report(pattern, sum(auto(t, verbose=False)["input_ids"] != i for t, i in zip(texts, ids)), len(texts), "texts have AutoTokenizer's ids")
    report(pattern, int((auto.eos_token_id, auto.pad_token_id, len(auto)) != (0, 1, 8000)), 1, "set of special tokens is AutoTokenizer's")


def main():
    binary, text_file, *folders = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        strata = Strata(binary, pathlib.Path(folder))
        for pattern in ("gpt2", "llama3", "qwen2", "o200k"):
            check_training(strata, pathlib.Path(text_file), pattern)
        texts = FIXED + random_texts(20000, seed=4) + every_code_point()
        golden = [path.with_name(path.name.replace(".ids", "")) for path in sorted(GOLDEN.glob("*.ids.json"))]
        for path in golden + [pathlib.Path(name) for name in folders]:
            compare(strata, path.stem, path, texts)
    print("all equal" if failures == 0 else f"{failures} differences")
    sys.exit(failures != 0)


if __name__ == "__main__":
    main()
