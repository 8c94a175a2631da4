"""Twelve training steps in plain PyTorch, for tests/trainer/pretrain_golden_test.cpp: starts from a golden model folder, trains on fixed rows, and
writes the losses, the gradient norms and the final weights.

  python tests/golden/make_training.py        (torch 2.11, transformers 4.57, safetensors)
"""
import json
import pathlib
import random

import torch
import transformers
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
OUT = HERE / "training"
STEPS, ROWS, LENGTH = 12, 4, 16
LR, MIN_LR, WARMUP = 3e-3, 3e-4, 3


def learning_rate(step):
    """Linear warm-up, then linear down to MIN_LR at the last step."""
    if step <= WARMUP:
        return LR * step / WARMUP
    return LR + (MIN_LR - LR) * (step - WARMUP) / (STEPS - WARMUP)


def main():
    OUT.mkdir(exist_ok=True)
    for name in ("gpt2", "llama"):
        model = transformers.AutoModelForCausalLM.from_pretrained(HERE / "model" / name, attn_implementation="eager").train()
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        numbers = random.Random(7)
        # Not id 0: it is the pad token, whose embedding transformers never trains as an input.
        rows = [[numbers.randrange(1, model.config.vocab_size) for _ in range(LENGTH)] for _ in range(STEPS * ROWS)]
        (OUT / f"{name}_rows.jsonl").write_text("".join(json.dumps({"input_ids": row}) + "\n" for row in rows))
        matrices = [p for p in model.parameters() if p.ndim > 1]
        vectors = [p for p in model.parameters() if p.ndim == 1]
        optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
                                      lr=LR, betas=(0.9, 0.95), eps=1e-5)  # a key bias has a gradient of pure rounding
        losses, norms = [], []
        for step in range(1, STEPS + 1):
            ids = torch.tensor(rows[(step - 1) * ROWS : step * ROWS])
            loss = model(input_ids=ids, labels=ids).loss
            loss.backward()
            norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
            losses.append(loss.item())
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step)
            optimizer.step()
            optimizer.zero_grad()
        (OUT / f"{name}.json").write_text(json.dumps({"losses": losses, "grad_norms": norms}, indent=1) + "\n")
        kept = {key: value.contiguous() for key, value in model.state_dict().items() if key != "lm_head.weight" or not model.config.tie_word_embeddings}
        save_file(kept, OUT / f"{name}.safetensors")


if __name__ == "__main__":
    main()
