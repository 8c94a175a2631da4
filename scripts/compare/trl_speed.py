"""Post-training steps of Strata beside TRL's on the CPU, in one run: seconds per step, start-up, memory.

"start": from the start of the process to the beginning of the first step, taken as its end less the median of the later ones; "first step": to
its end.

Both start from the same model folder (a llama of 6 layers, width 256, vocabulary 4,096, fresh weights) and train on the same rows with 2 threads
and the same allocator settings. Run through scripts/compare_trl.sh.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

from training_speed import ALLOCATOR, watch

# Rows of one step: of 256 tokens for sft, of two answers for reward and dpo, one answer of 64 tokens
# to a prompt of six words for grpo (8 prompts x 8) and ppo (one epoch of 4 minibatches).
ROWS = {"sft": 16, "reward": 8, "dpo": 8, "grpo": 64, "ppo": 64}
ANSWER = 64

MODEL = """
model: {architecture: llama, layers: 6, width: 256, heads: 8, kv_heads: 4, ffn: 688, context: 256}
"""

JOBS = {
    "sft": "data: {{train: [{{path: {folder}/sft.jsonl}}]}}\nsft: {{packing: false}}\nbatch: {{global: 16, micro: 16, sequence: 256}}\n",
    "reward": "data: {{train: [{{path: {folder}/pairs.jsonl}}]}}\nbatch: {{global: 8, micro: 8, sequence: 256}}\n",
    "dpo": "data: {{train: [{{path: {folder}/pairs.jsonl}}]}}\nbatch: {{global: 8, micro: 8, sequence: 256}}\n",
    "grpo": "data: {{train: [{{path: {folder}/prompts.jsonl}}]}}\nbatch: {{micro: 64, sequence: 256}}\n"
            "grpo: {{group: 8, prompts: 8}}\nrewards: [{{function: length}}]\ngeneration: {{max_new_tokens: 64}}\n",
    "ppo": "data: {{train: [{{path: {folder}/prompts.jsonl}}]}}\nbatch: {{micro: 16, sequence: 256}}\n"
           "ppo: {{rollouts: 64, epochs: 1, minibatches: 4}}\nrewards: [{{model: {folder}/reward/model}}]\ngeneration: {{max_new_tokens: 64}}\n",
}


def run_strata(binary, *arguments):
    environment = dict(os.environ, OMP_NUM_THREADS="2")
    result = subprocess.run([str(binary), *map(str, arguments)], env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"strata {' '.join(map(str, arguments))}:\n{result.stderr}")


def prepare(binary, folder, text):
    """Tokenizer, fresh weights as a Hugging Face folder, and rows of equal lengths for all jobs."""
    verses = [line.split(" ", 1)[1].strip() for line in text.splitlines() if " " in line]
    words = " ".join(verses).split()
    (folder / "text.jsonl").write_text("\n".join(json.dumps({"text": verse}) for verse in verses))
    (folder / "tokenizer.yaml").write_text(
        f"tokenizer: {{out: {folder}/tokenizer, train: {{files: [{folder}/text.jsonl], vocab_size: 4096, end: '<|end|>', pad: '<|pad|>'}}}}\n")
    if not (folder / "tokenizer").exists():
        run_strata(binary, "tokenizer", "train", folder / "tokenizer.yaml")
    passage = lambda place, count: " ".join(words[place:place + count])
    with open(folder / "sft.jsonl", "w") as sft, open(folder / "pairs.jsonl", "w") as pairs, open(folder / "prompts.jsonl", "w") as prompts:
        for row in range(256):
            place = row * 600
            sft.write(json.dumps({"prompt": passage(place, 40) + " ", "completion": passage(place + 40, 90)}) + "\n")
            pairs.write(json.dumps({"prompt": passage(place, 40) + " ", "chosen": passage(place + 40, 80), "rejected": passage(place + 300, 80)}) + "\n")
            prompts.write(json.dumps({"prompt": passage(place, 6)}) + "\n")
    (folder / "fresh.yaml").write_text(
        f"run: {{dir: {folder}/fresh, steps: 1}}\ntokenizer: {{path: {folder}/tokenizer}}\n{MODEL}"
        f"data: {{train: [{{path: {folder}/text.jsonl}}]}}\nbatch: {{global: 1, micro: 1, sequence: 64}}\n"
        "optimizer: {lr: 0, min_lr: 0}\nprecision: {compute: fp32}\neval: {every: 0}\n")
    if not (folder / "model").exists():
        run_strata(binary, "pretrain", folder / "fresh.yaml")
        os.symlink("fresh/model", folder / "model")


def strata_job(binary, folder, job, precision, steps):
    run = folder / job
    subprocess.run(["rm", "-rf", str(run)], check=True)
    config = folder / f"{job}.yaml"
    config.write_text(f"run: {{dir: {run}, steps: {steps}, threads: 2}}\nmodel: {{from: {folder}/model}}\n" + JOBS[job].format(folder=folder) +
                      f"optimizer: {{lr: 1e-5, schedule: constant, warmup: 0}}\nprecision: {{compute: {precision}}}\n"
                      "checkpoint: {every: 0}\neval: {every: 0}\nlog: {every: 1, tensorboard: false}\n")
    environment = dict(os.environ, OMP_NUM_THREADS="2")
    peak, first_step = watch([str(binary), job, str(config)], environment, folder / f"{job}.log", run / "metrics.jsonl")
    rows = [json.loads(line) for line in open(run / "metrics.jsonl")]
    # Of a metrics row: tokens since the row before, and their rate.
    tokens = [after["tokens"] - before["tokens"] for before, after in zip(rows, rows[1:])]
    return {
        "step_seconds": statistics.median(count / row["tokens_per_second"] for count, row in zip(tokens, rows[1:])),
        "first_step_seconds": first_step,
        "peak_gib": peak,
        "mfu": statistics.median(row.get("mfu") or float("nan") for row in rows[1:]),
    }


def trl_job(folder, job, precision, steps):
    script = pathlib.Path(__file__).with_name("trl_step.py")
    command = [sys.executable, str(script), "--job", job, "--folder", str(folder), "--rows", str(ROWS[job]), "--steps", str(steps),
               "--precision", precision]
    environment = dict(os.environ, OMP_NUM_THREADS="2", TRL_EXPERIMENTAL_SILENCE="1", **ALLOCATOR)
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(result.stdout + result.stderr)
    return json.loads(next(line for line in reversed(result.stdout.splitlines()) if line.startswith('{"step_seconds"')))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--strata", default="build/strata", type=pathlib.Path)
    parser.add_argument("--folder", default="build/compare/trl", type=pathlib.Path)
    parser.add_argument("--text", required=True, type=pathlib.Path, help="lines of `bible -f`: a label and a verse")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--jobs", default="sft,reward,dpo,grpo,ppo")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    prepare(arguments.strata, folder, arguments.text.read_text())
    print(f"{'job':<7} {'':8} {'s/step':>8} {'start s':>8} {'first step s':>13} {'peak GiB':>9} {'mfu':>6}")
    for job in arguments.jobs.split(","):
        if job == "ppo" and not (folder / "reward/model").exists():
            strata_job(arguments.strata, folder, "reward", arguments.precision, 1)
        ours = strata_job(arguments.strata, folder, job, arguments.precision, arguments.steps)
        theirs = trl_job(folder, job, arguments.precision, arguments.steps)
        for who, figures in (("strata", ours), ("trl", theirs)):
            figures["start_seconds"] = figures["first_step_seconds"] - figures["step_seconds"]
            print(f"{job:<7} {who:<8} {figures['step_seconds']:>8.3f} {figures['start_seconds']:>8.2f} {figures['first_step_seconds']:>13.2f} "
                  f"{figures['peak_gib']:>9.2f} {figures.get('mfu', float('nan')):>6.2f}")
        ratios = [theirs[key] / ours[key] for key in ("step_seconds", "start_seconds", "first_step_seconds", "peak_gib")]
        print(f"{job:<7} {'ratio':<8} {ratios[0]:>8.2f} {ratios[1]:>8.2f} {ratios[2]:>13.2f} {ratios[3]:>9.2f}", flush=True)


if __name__ == "__main__":
    main()
