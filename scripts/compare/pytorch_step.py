"""One training configuration in PyTorch eager, as its users would write it: a transformers model with SDPA attention and fused AdamW.

Prints one JSON line: tokens per second (median of the steps after warm-up), peak memory, seconds from process start to the end of the first
step, and the losses.
"""
import argparse
import json
import resource
import statistics
import time


def process_start():
    """Wall-clock start of this process, from the kernel: importing this file is already late."""
    with open("/proc/self/stat") as stat:
        started_ticks = int(stat.read().rsplit(")", 1)[1].split()[19])
    with open("/proc/uptime") as uptime:
        return time.time() - (float(uptime.read().split()[0]) - started_ticks / 100.0)


def build_model(name):
    import transformers

    common = dict(attn_implementation="sdpa", use_cache=False)
    if name == "gpt2":
        config = transformers.GPT2Config(resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **common)
        return transformers.GPT2LMHeadModel(config)
    config = transformers.LlamaConfig(
        vocab_size=4096, hidden_size=256, intermediate_size=688, num_hidden_layers=6, num_attention_heads=8,
        num_key_value_heads=4, max_position_embeddings=256, tie_word_embeddings=True, **common)
    return transformers.LlamaForCausalLM(config)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=["gpt2", "llama"], required=True)
    parser.add_argument("--precision", choices=["fp32", "bf16"], required=True)
    parser.add_argument("--data", required=True, help="JSONL rows of input_ids")
    parser.add_argument("--rows", type=int, required=True, help="rows of one step")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    started = process_start()

    import torch

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    rows = [json.loads(line)["input_ids"] for line in open(arguments.data)]
    model = build_model(arguments.model).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    # bf16 as a training run uses it: fp32 masters, products in bf16.
    autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=arguments.precision == "bf16")
    times, losses, first_step = [], [], None
    for step in range(arguments.steps):
        begin = time.perf_counter()
        chosen = [rows[(step * arguments.rows + i) % len(rows)] for i in range(arguments.rows)]
        ids = torch.tensor(chosen)
        with autocast:
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        times.append(time.perf_counter() - begin)
        if first_step is None:
            first_step = time.time() - started
    tokens = arguments.rows * len(rows[0])
    print(json.dumps({
        "tokens_per_second": tokens / statistics.median(times[2:]),
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "first_step_seconds": first_step,
        "losses": losses,
    }))


if __name__ == "__main__":
    main()
