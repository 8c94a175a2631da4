"""What two ranks of one thread make of the small llama, against one rank of two threads, in Strata and in PyTorch, in one run.

All train in fp32 on the same 16 rows of 256 random ids a step, with the same allocator settings. "ideal" is what the cut allows where messages are
free: all of one rank's speed, but for the share of time that a pipeline's stages must idle, by the schedule and because layers do not divide evenly.
Run through scripts/compare_pytorch_parallel.sh.
"""
import argparse
import json
import os
import pathlib
import random
import socket
import statistics
import subprocess
import sys

ALLOCATOR = {
    "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=1073741824:glibc.malloc.trim_threshold=2000000000",
    "THP_MEM_ALLOC_ENABLE": "1",
}
ROWS, TOKENS, VOCABULARY = 16, 256, 4096
MICROBATCHES = 8
# Products of a token: a layer (attention to half of the sequence included) and the head. Four layers and two with the head are the most even cut.
LAYER = 2 * 256 * 256 + 2 * 256 * 128 + 3 * 256 * 688 + TOKENS * 256
HEAD = 256 * VOCABULARY
EVENNESS = (6 * LAYER + HEAD) / 2 / (4 * LAYER)
ONE_STAGE_FILLS = EVENNESS * MICROBATCHES / (MICROBATCHES + 1)  # of two stages under gpipe and 1f1b
HALVES_FILL = EVENNESS * 3 * MICROBATCHES / (3 * MICROBATCHES + 1)  # zero_bubble
WARM_UP = 2

# name, ranks, keys, ideal
STRATA = [
    ("one rank x 2 threads", 1, ["batch.micro=16"], 1),
    ("one rank, micro-batches of 2", 1, ["batch.micro=2"], 1),
    ("data 2", 2, ["batch.micro=8"], 1),
    ("tensor 2", 2, ["parallel.tensor=2", "batch.micro=16"], 1),
    ("tensor 2, sequence", 2, ["parallel.tensor=2", "parallel.sequence=true", "batch.micro=16"], 1),
    ("pipeline 2, gpipe", 2, ["parallel.pipeline=2", "parallel.schedule=gpipe", "batch.micro=2"], ONE_STAGE_FILLS),
    ("pipeline 2, 1f1b", 2, ["parallel.pipeline=2", "batch.micro=2"], ONE_STAGE_FILLS),
    ("pipeline 2, zero_bubble", 2, ["parallel.pipeline=2", "parallel.schedule=zero_bubble", "batch.micro=2"], HALVES_FILL),
]
# name, ranks, mode of pytorch_parallel.py, ideal
PYTORCH = [
    ("one process x 2 threads", 1, "one", 1),
    ("DDP 2", 2, "ddp", 1),
    ("pipelining 2, GPipe", 2, "gpipe", ONE_STAGE_FILLS),
    ("pipelining 2, 1F1B", 2, "1f1b", ONE_STAGE_FILLS),
]


def write_rows(path, rows):
    numbers = random.Random(1)
    with open(path, "w") as out:
        for _ in range(rows):
            out.write(json.dumps({"input_ids": [numbers.randrange(VOCABULARY) for _ in range(TOKENS)]}) + "\n")


def strata_run(arguments, name, ranks, keys, data):
    source = pathlib.Path(__file__).resolve().parents[2]
    run = arguments.folder / ("run_" + "".join(c if c.isalnum() else "_" for c in name))
    subprocess.run(["rm", "-rf", str(run)], check=True)
    config = arguments.folder / "parallel.yaml"
    config.write_text(f"""
run: {{dir: {run}, steps: {arguments.steps}, threads: {2 // ranks}}}
model: {{architecture: llama, layers: 6, width: 256, heads: 8, kv_heads: 4, ffn: 688, context: 256, vocab_size: {VOCABULARY}, tied_embeddings: false}}
data: {{train: [{{path: {data}}}], shuffle: false}}
batch: {{global: {ROWS}, micro: {ROWS}, sequence: {TOKENS}}}
optimizer: {{lr: 1e-3, schedule: constant, warmup: 0}}
precision: {{compute: fp32}}
checkpoint: {{every: 0}}
eval: {{every: 0}}
log: {{every: 1, tensorboard: false}}
""")
    command = [str(arguments.strata), "pretrain", str(config), "--quiet", *keys]
    if ranks > 1:
        command = [str(source / "tests/support/mpirun.sh"), str(ranks), *command]
    result = subprocess.run(command, env=dict(os.environ, OMP_NUM_THREADS=str(2 // ranks)), capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{name}: {result.stdout}{result.stderr}")
    rows = [json.loads(line) for line in open(run / "metrics.jsonl")]
    return {
        "tokens_per_second": statistics.median(row["tokens_per_second"] for row in rows[WARM_UP:]),
        "losses": [row["loss"] for row in rows],
    }


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def pytorch_run(arguments, name, ranks, mode, data):
    script = pathlib.Path(__file__).with_name("pytorch_parallel.py")
    command = [sys.executable, str(script), "--mode", mode, "--data", str(data), "--rows", str(ROWS), "--microbatches", str(MICROBATCHES),
               "--steps", str(arguments.steps), "--warm-up", str(WARM_UP)]
    threads = str(2 // ranks)
    shared = dict(os.environ, OMP_NUM_THREADS=threads, WORLD_SIZE=str(ranks), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(free_port()), **ALLOCATOR)
    processes = [subprocess.Popen(command, env=dict(shared, RANK=str(rank)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                 for rank in range(ranks)]
    outputs = [process.communicate() for process in processes]
    for process, (out, err) in zip(processes, outputs):
        if process.returncode != 0:
            sys.exit(f"{name}: {err}")
    # The last stage of a pipeline is the rank that knows the loss.
    return json.loads(outputs[-1][0].splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--strata", default="build/strata", type=pathlib.Path)
    parser.add_argument("--folder", default="build/compare", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    data = arguments.folder / "parallel.jsonl"
    write_rows(data, ROWS * 4)
    # Round after round, so that a slow minute of the machine does not fall on one row alone; the best of each row counts.
    best = {}
    for _ in range(arguments.rounds):
        for who, cases, run in (("Strata", STRATA, strata_run), ("PyTorch", PYTORCH, pytorch_run)):
            for name, ranks, how, _ in cases:
                figures = run(arguments, name, ranks, how, data)
                known = best.setdefault((who, name), figures)
                known["tokens_per_second"] = max(known["tokens_per_second"], figures["tokens_per_second"])
    print(f"| {'':36} | tokens/s | of one rank | ideal | first losses |")
    print(f"|{'-' * 38}|---|---|---|---|")
    for who, cases in (("Strata", STRATA), ("PyTorch", PYTORCH)):
        alone = best[who, cases[0][0]]["tokens_per_second"]
        for name, _, _, ideal in cases:
            speed, losses = best[who, name]["tokens_per_second"], " ".join(f"{loss:.3f}" for loss in best[who, name]["losses"][:3])
            print(f"| {who + ': ' + name:36} | {speed:.0f} | {speed / alone:.2f} | {ideal:.2f} | {losses} |")


if __name__ == "__main__":
    main()
