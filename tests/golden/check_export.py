#!/usr/bin/env python3
"""Checks that transformers loads a model folder written by strata as it is.

    python check_export.py FOLDER [SAME_AS]

No weight may be missing or unexpected, the special ids must be there, generation must run. With SAME_AS, a folder whose model
must be the same, log-probabilities of random ids must agree to 1e-5.
"""
import json
import pathlib
import sys

import torch
import transformers as hf


def load(folder):
    classes = json.loads((pathlib.Path(folder) / "config.json").read_text())["architectures"]
    model, info = getattr(hf, classes[0]).from_pretrained(folder, dtype=torch.float32, attn_implementation="eager",
                                                          output_loading_info=True)
    for kind in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"):
        assert not info[kind], f"{folder}: {kind}: {info[kind]}"
    return model.eval()


def outputs(model, ids):
    with torch.no_grad():
        if hasattr(model, "score"):
            return model.score(model.model(input_ids=ids).last_hidden_state)
        return torch.log_softmax(model(input_ids=ids).logits, -1)


def main():
    model = load(sys.argv[1])
    config = model.config
    ids = torch.randint(1, config.vocab_size, (2, 20), generator=torch.Generator().manual_seed(0))
    if not hasattr(model, "score"):
        assert config.eos_token_id is not None, "no eos_token_id"
        assert config.pad_token_id is not None, "no pad_token_id"
        assert model.generation_config.eos_token_id == config.eos_token_id
        assert model.generation_config.pad_token_id == config.pad_token_id
        assert model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=4, do_sample=False).shape[1] > 20
    if len(sys.argv) > 2:
        difference = (outputs(model, ids) - outputs(load(sys.argv[2]), ids)).abs().max().item()
        assert difference < 1e-5, f"outputs differ by {difference}"
    print(f"{sys.argv[1]}: {type(model).__name__}, {sum(p.numel() for p in model.parameters()):,} parameters: loads as it is")


if __name__ == "__main__":
    main()
