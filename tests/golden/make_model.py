#!/usr/bin/env python3
"""Makes tests/golden/model/: tiny random Hugging Face folders and what transformers and PyTorch compute with them.

Needs torch 2.11, transformers 4.57, safetensors. Each folder holds config.json, the weights, generation_config.json and
golden.safetensors:
  ids [3,40], logprobs [3,39]      log-probability of each id given those before it
  prompt.N, greedy.N               ragged prompts and their greedy continuations of 12 tokens (each alone, no batch)
  train_ids [3,4,25], loss [3], grad_norm [3], after.NAME
                                   three AdamW steps as `optimizer:` has them (matrices decay, clip 1.0), and the weights after them
  values [3,40]                    the scalar head's output at every token (reward only)
Run: python make_model.py
"""
import copy
import pathlib
import shutil

import torch
import transformers as hf
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent / "model"
VOCAB = 97  # odd: does not divide over tensor ranks


def randomise(model, seed):
    """Weights large enough that every feature of the model shows in its output; norms away from one, biases from zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator) * 0.15
            if "norm" in name or "ln_" in name:
                noise += 0.0 if name.endswith("bias") else 1.0
            p.copy_(noise)


def logprobs_of(model, ids):
    logits = model(input_ids=ids).logits.float()
    return torch.log_softmax(logits[:, :-1], -1).gather(-1, ids[:, 1:, None])[..., 0]


def greedy(model, prompt, count):
    ids, least = prompt.clone(), float("inf")
    for _ in range(count):
        top = model(input_ids=ids[None]).logits[0, -1].topk(2)
        least = min(least, float(top.values[0] - top.values[1]))
        ids = torch.cat([ids, top.indices[:1]])
    assert least > 1e-3, f"two tokens are too close ({least}): choose another seed"
    return ids[len(prompt):]


def train(model, batches):
    model = copy.deepcopy(model).train()
    decays = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    optimizer = torch.optim.AdamW([{"params": decays, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
                                  lr=1e-3, betas=(0.9, 0.95), eps=1e-5)
    losses, norms = [], []
    for ids in batches:
        logits = model(input_ids=ids[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0))
        optimizer.step()
        losses.append(loss.detach())
    after = {f"after.{name}": p.detach().clone() for name, p in model.named_parameters()}
    return {"loss": torch.stack(losses), "grad_norm": torch.stack(norms), **after}


def make(name, model, seed, dtype=torch.float32, **save):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    randomise(model, seed)
    model.eval()
    if dtype != torch.float32:
        model.to(dtype)
    model.save_pretrained(folder, **save)
    if dtype != torch.float32:  # .float() would keep rotary frequencies that went through bf16
        model = type(model).from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    generator = torch.Generator().manual_seed(seed + 1000)
    ids = torch.randint(0, VOCAB, (3, 40), generator=generator)
    golden = {"ids": ids}
    with torch.no_grad():
        if name == "reward":
            golden["values"] = model.score(model.model(input_ids=ids).last_hidden_state)[..., 0]
        else:
            golden["logprobs"] = logprobs_of(model, ids)
            for n, length in enumerate([1, 7, 19]):
                golden[f"prompt.{n}"] = ids[n, :length].clone()
                golden[f"greedy.{n}"] = greedy(model, ids[n, :length], 12)
    if dtype == torch.float32 and name != "reward":
        # Not the pad id: transformers keeps its embedding row from learning, which only matters where padding is trained on.
        golden["train_ids"] = torch.randint(1, VOCAB, (3, 4, 25), generator=generator)
        golden.update(train(model, golden["train_ids"]))
    save_file({k: v.contiguous() for k, v in golden.items()}, folder / "golden.safetensors")
    print(name, sum(f.stat().st_size for f in folder.iterdir()) // 1024, "KiB")


def main():
    torch.set_num_threads(1)
    common = dict(vocab_size=VOCAB, bos_token_id=1, eos_token_id=2, pad_token_id=0, attn_implementation="eager")
    sizes = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=40,
                 max_position_embeddings=64, **common)
    llama3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
    llama = dict(num_key_value_heads=2, rope_theta=10000.0, rms_norm_eps=1e-5, rope_scaling=llama3)

    make("gpt2", hf.GPT2LMHeadModel(hf.GPT2Config(n_embd=32, n_layer=2, n_head=4, n_positions=64, resid_pdrop=0.0, embd_pdrop=0.0,
                                                  attn_pdrop=0.0, **common)), 1)
    make("llama", hf.LlamaForCausalLM(hf.LlamaConfig(tie_word_embeddings=True, **llama, **sizes)), 2)
    make("llama_untied", hf.LlamaForCausalLM(hf.LlamaConfig(tie_word_embeddings=False, head_dim=12, num_key_value_heads=1, rms_norm_eps=1e-6,
                                                            rope_scaling=dict(rope_type="linear", factor=2.0), **sizes)), 3)
    make("mistral", hf.MistralForCausalLM(hf.MistralConfig(sliding_window=8, num_key_value_heads=2, rms_norm_eps=1e-5,
                                                           tie_word_embeddings=False, rope_theta=10000.0, **sizes)), 4)
    make("qwen2", hf.Qwen2ForCausalLM(hf.Qwen2Config(num_key_value_heads=2, rms_norm_eps=1e-6, tie_word_embeddings=True,
                                                     rope_theta=1000.0, **sizes)), 5)
    make("llama_bf16_shards", hf.LlamaForCausalLM(hf.LlamaConfig(tie_word_embeddings=False, **llama, **sizes)), 6,
         dtype=torch.bfloat16, max_shard_size="20KB")
    make("reward", hf.LlamaForSequenceClassification(hf.LlamaConfig(num_labels=1, tie_word_embeddings=False, **llama, **sizes)), 7)


if __name__ == "__main__":
    main()
