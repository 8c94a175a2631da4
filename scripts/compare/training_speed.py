"""Training steps of Strata beside PyTorch eager, in one run: speed, memory, time to the first step, and whether the losses start alike.

Both train on the same rows of random ids with 2 threads and the same allocator settings. Run through scripts/compare_pytorch.sh.
"""
import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import time

ALLOCATOR = {
    "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=2000000000",
    "THP_MEM_ALLOC_ENABLE": "1",
}
CASES = [("gpt2", 4, 50257), ("llama", 16, 4096)]
TOKENS = 256

MODELS = {
    "gpt2": "model: {architecture: gpt2, layers: 12, width: 768, heads: 12, ffn: 3072, context: 1024, vocab_size: 50257}",
    "llama": "model: {architecture: llama, layers: 6, width: 256, heads: 8, kv_heads: 4, ffn: 688, context: 256, vocab_size: 4096}",
}


def write_rows(path, rows, vocabulary):
    numbers = random.Random(1)
    with open(path, "w") as out:
        for _ in range(rows):
            out.write(json.dumps({"input_ids": [numbers.randrange(vocabulary) for _ in range(TOKENS)]}) + "\n")


def watch(command, environment, log, first_row_in):
    """Runs a command to its end. Returns its peak memory in GiB, from the kernel, and the seconds until the file had its first row."""
    first_row = None
    begin = time.time()
    with open(log, "w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT)
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if first_row is None and first_row_in.exists() and first_row_in.stat().st_size > 0:
                first_row = time.time() - begin
            if ended:
                break
            time.sleep(0.005 if first_row is None else 0.1)
    if status != 0:
        sys.exit(f"failed: {' '.join(command)}\n{open(log).read()}")
    return usage.ru_maxrss / 2**20, first_row


def strata_run(binary, folder, name, rows, precision, data, steps):
    run = folder / f"{name}_{precision}"
    config = folder / f"{name}_{precision}.yaml"
    config.write_text(f"""
run: {{dir: {run}, steps: {steps}, threads: 2}}
{MODELS[name]}
data: {{train: [{{path: {data}}}], shuffle: false}}
batch: {{global: {rows}, micro: {rows}, sequence: {TOKENS}}}
optimizer: {{lr: 1e-3, schedule: constant, warmup: 0}}
precision: {{compute: {precision}}}
checkpoint: {{every: 0}}
eval: {{every: 0}}
log: {{every: 1, tensorboard: false}}
""")
    environment = dict(os.environ, OMP_NUM_THREADS="2")
    command = [str(binary), "pretrain", str(config)]
    peak, first_step = watch(command, environment, folder / f"{name}_{precision}.log", run / "metrics.jsonl")
    rows_logged = [json.loads(line) for line in open(run / "metrics.jsonl")]
    return {
        "tokens_per_second": statistics.median(row["tokens_per_second"] for row in rows_logged[2:]),
        "peak_gib": peak,
        "first_step_seconds": first_step,
        "losses": [row["loss"] for row in rows_logged],
    }


def pytorch_run(folder, name, rows, precision, data, steps):
    script = pathlib.Path(__file__).with_name("pytorch_step.py")
    command = [sys.executable, str(script), "--model", name, "--precision", precision, "--data", str(data), "--rows", str(rows),
               "--steps", str(steps)]
    environment = dict(os.environ, OMP_NUM_THREADS="2", **ALLOCATOR)
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(result.stderr)
    return json.loads(result.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--strata", default="build/strata", type=pathlib.Path)
    parser.add_argument("--folder", default="build/compare", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--pytorch-bf16-steps", type=int, default=4,
                        help="fewer steps of PyTorch in bf16: on processors without bf16 units one takes a minute")
    parser.add_argument("--cases", default="gpt2:fp32,gpt2:bf16,llama:fp32,llama:bf16")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    print(f"{'model':<6} {'type':<5} {'':8} {'tokens/s':>9} {'peak GiB':>9} {'first step s':>13}  first losses")
    for name, rows, vocabulary in CASES:
        data = arguments.folder / f"{name}.jsonl"
        write_rows(data, rows * 4, vocabulary)
        for precision in ("fp32", "bf16"):
            if f"{name}:{precision}" not in arguments.cases.split(","):
                continue
            subprocess.run(["rm", "-rf", str(arguments.folder / f"{name}_{precision}")], check=True)
            ours = strata_run(arguments.strata, arguments.folder, name, rows, precision, data, arguments.steps)
            steps = arguments.pytorch_bf16_steps if precision == "bf16" else arguments.steps
            theirs = pytorch_run(arguments.folder, name, rows, precision, data, steps)
            for who, figures in (("strata", ours), ("pytorch", theirs)):
                losses = " ".join(f"{loss:.3f}" for loss in figures["losses"][:3])
                print(f"{name:<6} {precision:<5} {who:<8} {figures['tokens_per_second']:>9.0f} {figures['peak_gib']:>9.2f} "
                      f"{figures['first_step_seconds']:>13.2f}  {losses}")
            speed = ours["tokens_per_second"] / theirs["tokens_per_second"]
            memory = ours["peak_gib"] / theirs["peak_gib"]
            print(f"{name:<6} {precision:<5} {'ratio':<8} {speed:>9.2f} {memory:>9.2f}", flush=True)


if __name__ == "__main__":
    main()
