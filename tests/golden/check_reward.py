#!/usr/bin/env python3
"""Checks that transformers scores answers as `strata score` has scored them.

    python check_reward.py FOLDER SCORED.jsonl

FOLDER is the model folder of a reward run, SCORED what `strata score` wrote for rows of `prompt`
and `completion`, or of `input_ids`. All rows go through AutoModelForSequenceClassification at once,
padded on the right; its scores plus `strata_reward_shift` must be the rewards to 1e-4.
"""
import json
import pathlib
import sys

import torch
import transformers as hf


def ids_of(row, tokenizer):
    if "input_ids" in row:
        return row["input_ids"]
    prompt = tokenizer.encode(row["prompt"])
    answer = tokenizer.encode(row["completion"], add_special_tokens=False)
    return prompt + answer + [tokenizer.eos_token_id]


def main():
    folder, scored = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    rows = [json.loads(line) for line in scored.read_text().splitlines()]
    has_tokenizer = (folder / "tokenizer.json").exists()
    tokenizer = hf.AutoTokenizer.from_pretrained(folder) if has_tokenizer else None
    model, info = hf.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        assert not info[kind], f"{folder}: {kind}: {info[kind]}"
    assert model.config.num_labels == 1 and model.config.pad_token_id is not None
    all_ids = [ids_of(row, tokenizer) for row in rows]
    length = max(map(len, all_ids))
    assert min(map(len, all_ids)) < length, "the rows are all of one length: nothing is padded"
    pad = model.config.pad_token_id
    padded = torch.tensor([ids + [pad] * (length - len(ids)) for ids in all_ids])
    mask = torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids in all_ids])
    with torch.no_grad():
        scores = model.eval()(input_ids=padded, attention_mask=mask).logits[:, 0]
    scores = scores + getattr(model.config, "strata_reward_shift", 0.0)
    worst = (scores - torch.tensor([row["reward"] for row in rows])).abs().max().item()
    assert worst < 1e-4, f"rewards differ by {worst}"
    print(f"{folder}: {len(rows)} rewards from {scores.min():.3f} to {scores.max():.3f}, "
          f"the same within {worst:.1e}")


if __name__ == "__main__":
    main()
