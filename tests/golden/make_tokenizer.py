"""Writes tests/golden/tokenizer/: small tokenizer.json files of every kind that Strata reads, and the ids that the `tokenizers`
library (0.22) gives for a collection of texts. gpt2.json is also what our trainer must learn from the same text.

    python3 -m venv env && env/bin/pip install tokenizers==0.22.2 && env/bin/python tests/golden/make_tokenizer.py
"""
import json
import pathlib

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from tokenizer_texts import FIXED, TRAINING_TEXT, random_texts

FOLDER = pathlib.Path(__file__).parent / "tokenizer"
# Characters beyond these are unknown to the vocabularies of characters, or spelled in bytes.
EUROPEAN_TEXT = "".join(character for character in TRAINING_TEXT if character < "\u0500")
SPLIT = {
    "llama3": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "o200k": "|".join([
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"]),
}
FLAGGED = [AddedToken("<mask>", lstrip=True, rstrip=True, special=True), AddedToken("<word>", single_word=True, normalized=False),
           AddedToken("<left>", lstrip=True, normalized=False), AddedToken("<right>", rstrip=True, normalized=True), AddedToken("plain", normalized=True),
           AddedToken("New York", normalized=False), AddedToken("café", normalized=True)]


def byte_level(pre_tokenizer, special, size=420, normalizer=None, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator([TRAINING_TEXT], trainer)
    return tokenizer


def split_then_bytes(name):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(SPLIT[name]), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def gpt2():
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>"])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def gpt2_prefix_space():
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), ["<|endoftext|>"])
    tokenizer.add_tokens(FLAGGED)
    return tokenizer


def llama3():
    tokenizer = byte_level(split_then_bytes("llama3"), [], ignore_merges=True)
    tokenizer.add_special_tokens(["<|begin|>", "<|endoftext|>"])
    template = processors.TemplateProcessing(single="<|begin|> $A", pair="<|begin|> $A <|begin|>:1 $B:1", special_tokens=[("<|begin|>", 420)])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return tokenizer


def qwen2():
    tokenizer = byte_level(split_then_bytes("qwen2"), [], normalizer=normalizers.NFC())
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.add_tokens(FLAGGED)
    return tokenizer


def o200k():
    return byte_level(split_then_bytes("o200k"), ["<|endoftext|>"])


def smollm():
    digits = pre_tokenizers.Digits(individual_digits=True)
    return byte_level(pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]), ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])


def characters(pre_tokenizer=None, normalizer=None, byte_fallback=True, **model):
    """As sentencepiece has it: <unk> <s> </s>, the 256 bytes, merges, characters. Merges are learned with the mark before words."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Metaspace()
    learner.train_from_iterator([EUROPEAN_TEXT], trainers.BpeTrainer(vocab_size=380, show_progress=False))
    learned = json.loads(learner.to_str())["model"]
    tokens = ["<unk>", "<s>", "</s>"] + ([f"<0x{byte:02X}>" for byte in range(256)] if byte_fallback else [])
    tokens += [token for token, _ in sorted(learned["vocab"].items(), key=lambda item: -item[1])]
    merges = [tuple(merge) for merge in learned["merges"]]
    for merge in [("▁", "▁"), ("▁▁", "▁▁"), ("▁▁▁▁", "▁▁▁▁")]:
        merges.append(merge)
        tokens.append("".join(merge))
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=byte_fallback, **model))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in ("<unk>", "<s>", "</s>")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return tokenizer


def llama2():
    return characters(normalizer=normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]))


def llama2_added():
    tokenizer = llama2()
    tokenizer.add_tokens(FLAGGED)
    return tokenizer


def mistral():
    return characters(pre_tokenizer=pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False))


def metaspace():
    tokenizer = characters(pre_tokenizer=pre_tokenizers.Metaspace("▁", prepend_scheme="always", split=True), byte_fallback=False)
    tokenizer.decoder = decoders.Metaspace("▁", prepend_scheme="always")
    return tokenizer


def words():
    """Rust's own splitters, an unknown token that is not fused, no decoder."""
    splitter = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation("merged_with_previous"), pre_tokenizers.Digits()])
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = splitter
    tokenizer.train_from_iterator([EUROPEAN_TEXT], trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>"], show_progress=False))
    tokenizer.add_tokens(FLAGGED)
    return tokenizer


KINDS = [gpt2, gpt2_prefix_space, llama3, qwen2, o200k, smollm, llama2, llama2_added, mistral, metaspace, words]


def golden_ids(tokenizer, texts):
    rows = []
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        row = {"ids": ids}
        for key, skip in (("text", False), ("plain", True)):
            decoded = tokenizer.decode(ids, skip_special_tokens=skip)
            if decoded != text:
                row[key] = decoded
        rows.append(row)
    return rows


def main():
    FOLDER.mkdir(exist_ok=True)
    texts = FIXED + random_texts(60, seed=1)
    (FOLDER / "texts.json").write_text(json.dumps(texts))
    (FOLDER / "training_text.json").write_text(json.dumps(TRAINING_TEXT))
    for make in KINDS:
        tokenizer = make()
        tokenizer.save(str(FOLDER / f"{make.__name__}.json"), pretty=False)
        rows = golden_ids(tokenizer, texts)
        around = tokenizer.encode("a", add_special_tokens=True).ids
        golden = {"vocab_size": max(tokenizer.get_vocab(True).values()) + 1, "with_special": around, "rows": rows}
        (FOLDER / f"{make.__name__}.ids.json").write_text(json.dumps(golden, separators=(",", ":")))


if __name__ == "__main__":
    main()
