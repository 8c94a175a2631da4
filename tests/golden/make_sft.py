"""Four steps of fine-tuning in plain PyTorch, for tests/trainer/sft_golden_test.cpp: the golden llama,
rows of different lengths with labels, each row alone in its forward pass; the loss of a step is the
mean over all trained tokens of all rows. Writes rows, losses, gradient norms and final weights.

  python tests/golden/make_sft.py        (torch 2.11, transformers, safetensors)
"""
import json
import pathlib
import random

import torch
import transformers
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
OUT = HERE / "sft"
STEPS, LR = 4, 3e-3
LENGTHS = [5, 17, 9, 3, 12, 7, 4, 16, 6, 2, 11, 8]


def main():
    OUT.mkdir(exist_ok=True)
    model = transformers.AutoModelForCausalLM.from_pretrained(HERE / "model" / "llama", attn_implementation="eager").train()
    numbers = random.Random(11)
    rows = []
    for length in LENGTHS:
        ids = [numbers.randrange(1, model.config.vocab_size) for _ in range(length)]
        prompt = numbers.randrange(0, length - 1)
        rows.append({"input_ids": ids, "labels": [-100] * prompt + ids[prompt:]})
    (OUT / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
                                  lr=LR, betas=(0.9, 0.95), eps=1e-5)
    trained = sum(sum(label != -100 for label in row["labels"][1:]) for row in rows)
    losses, norms = [], []
    for _ in range(STEPS):
        total = 0.0
        for row in rows:
            logits = model(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1]
            labels = torch.tensor(row["labels"][1:])
            loss = torch.nn.functional.cross_entropy(logits, labels, ignore_index=-100, reduction="sum") / trained
            loss.backward()
            total += loss.item()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        losses.append(total)
        optimizer.step()
        optimizer.zero_grad()
    (OUT / "llama.json").write_text(json.dumps({"losses": losses, "grad_norms": norms}, indent=1) + "\n")
    kept = {key: value.contiguous() for key, value in model.state_dict().items() if key != "lm_head.weight" or not model.config.tie_word_embeddings}
    save_file(kept, OUT / "llama.safetensors")


if __name__ == "__main__":
    main()
