#!/usr/bin/env python3
"""Checks that the peft library loads an adapter folder written by `strata export` and computes what
the merged model does.

    python check_peft.py PEFT_FOLDER MERGED_FOLDER

PEFT_FOLDER names its base; MERGED_FOLDER comes from `strata export --merge` or is RUN/model. Every
adapter weight must be taken, the adapters must change the base's outputs, and those of both folders
must agree to 1e-4.
"""
import sys
import warnings

import peft
import torch
import transformers as hf
from safetensors import safe_open


def adapted(folder):
    config = peft.PeftConfig.from_pretrained(folder)
    base = config.base_model_name_or_path
    common = {"dtype": torch.float32, "attn_implementation": "eager"}
    if config.task_type == "SEQ_CLS":
        base = hf.AutoModelForSequenceClassification.from_pretrained(base, num_labels=1, **common)
    else:
        base = hf.AutoModelForCausalLM.from_pretrained(base, **common)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*(missing|unexpected).*keys.*")
        warnings.filterwarnings("error", message=".*fan_in_fan_out.*")
        model = peft.PeftModel.from_pretrained(base, folder)
    with safe_open(f"{folder}/adapter_model.safetensors", "pt") as file:
        written = set(file.keys())
    taken = set(peft.get_peft_model_state_dict(model))
    assert taken == written, f"names differ: {sorted(taken ^ written)[:4]}"
    return model.eval()


def merged(folder, like):
    kind = type(like.get_base_model())
    return kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def main():
    model = adapted(sys.argv[1])
    vocabulary = model.get_base_model().config.vocab_size
    ids = torch.randint(2, vocabulary, (2, 20), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = model(input_ids=ids).logits
        with model.disable_adapter():
            moved = (model(input_ids=ids).logits - ours).abs().max().item()
        worst = (merged(sys.argv[2], model)(input_ids=ids).logits - ours).abs().max().item()
    assert moved > 1e-3, f"the adapters move the outputs by {moved} only"
    assert worst < 1e-4, f"outputs differ by {worst}"
    print(f"{sys.argv[1]}: the same as {sys.argv[2]} within {worst:.1e}; "
          f"adapters move outputs by {moved:.2g}")


if __name__ == "__main__":
    main()
