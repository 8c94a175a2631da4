"""One post-training job in TRL, as its users would write it, on the CPU. Prints one JSON line: seconds per step (median after warm-up), seconds
from process start to the end of the first step, peak memory.

Model, tokenizer and rows come from the folder that trl_speed.py prepares: the same as Strata's.
"""
import argparse
import json
import resource
import statistics
import time

from pytorch_step import process_start

ANSWER = 64


def load_rows(path):
    import datasets

    return datasets.Dataset.from_list([json.loads(line) for line in open(path)])


def length_reward(completions, completion_ids=None, **_):
    return [float(len(ids)) for ids in completion_ids]


def build_trainer(job, folder, rows, steps, precision, callback):
    import transformers
    import trl

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "model")
    tokenizer.pad_token = "<|pad|>"
    common = dict(
        output_dir=str(folder / "trl"), per_device_train_batch_size=rows, max_steps=steps, learning_rate=1e-5, lr_scheduler_type="constant",
        report_to=[], save_strategy="no", logging_steps=1, use_cpu=True, bf16=precision == "bf16", fp16=False, optim="adamw_torch_fused",
        gradient_checkpointing=False, seed=1)
    policy = transformers.AutoModelForCausalLM.from_pretrained(folder / "model", attn_implementation="sdpa")

    def scalar_model():
        model = transformers.AutoModelForSequenceClassification.from_pretrained(folder / "model", num_labels=1, attn_implementation="sdpa")
        model.config.pad_token_id = tokenizer.pad_token_id
        return model

    if job == "sft":
        arguments = trl.SFTConfig(max_length=256, completion_only_loss=True, **common)
        return trl.SFTTrainer(model=policy, args=arguments, train_dataset=load_rows(folder / "sft.jsonl"), processing_class=tokenizer,
                              callbacks=[callback])
    if job == "reward":
        arguments = trl.RewardConfig(max_length=256, center_rewards_coefficient=0.01, **common)
        return trl.RewardTrainer(model=scalar_model(), args=arguments, train_dataset=load_rows(folder / "pairs.jsonl"),
                                 processing_class=tokenizer, callbacks=[callback])
    if job == "dpo":
        arguments = trl.DPOConfig(max_length=256, max_prompt_length=128, beta=0.1, **common)
        return trl.DPOTrainer(model=policy, args=arguments, train_dataset=load_rows(folder / "pairs.jsonl"), processing_class=tokenizer,
                              callbacks=[callback])
    if job == "grpo":
        arguments = trl.GRPOConfig(num_generations=8, max_completion_length=ANSWER, max_prompt_length=128, beta=0.0, temperature=1.0, **common)
        return trl.GRPOTrainer(model=policy, args=arguments, reward_funcs=[length_reward], train_dataset=load_rows(folder / "prompts.jsonl"),
                               processing_class=tokenizer, callbacks=[callback])
    common.pop("max_steps")
    common.update(per_device_train_batch_size=rows // 4, gradient_accumulation_steps=1)
    arguments = trl.PPOConfig(num_mini_batches=4, num_ppo_epochs=1, total_episodes=rows * steps, response_length=ANSWER, temperature=1.0,
                              local_rollout_forward_batch_size=rows, kl_coef=0.05, num_sample_generations=0,
                              **{**common, "per_device_train_batch_size": rows // 4, "gradient_accumulation_steps": 4})
    prompts = load_rows(folder / "prompts.jsonl").map(lambda row: tokenizer(row["prompt"]), remove_columns=["prompt"])
    reference = transformers.AutoModelForCausalLM.from_pretrained(folder / "model", attn_implementation="sdpa")
    return trl.PPOTrainer(args=arguments, processing_class=tokenizer, model=policy, ref_model=reference, reward_model=scalar_model(),
                          value_model=scalar_model(), train_dataset=prompts, eval_dataset=prompts, callbacks=[callback])


def main():
    import pathlib

    parser = argparse.ArgumentParser()
    parser.add_argument("--job", choices=["sft", "reward", "dpo", "grpo", "ppo"], required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--rows", type=int, required=True, help="rows (answers) of one step")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    started = process_start()

    import torch
    import transformers

    torch.set_num_threads(arguments.threads)
    ends = []

    class Clock(transformers.TrainerCallback):
        def on_step_end(self, *_, **__):
            ends.append(time.time())

    trainer = build_trainer(arguments.job, arguments.folder, arguments.rows, arguments.steps, arguments.precision, Clock())
    trainer.train()
    steps = [after - before for before, after in zip(ends, ends[1:])]
    print(json.dumps({
        "step_seconds": statistics.median(steps),
        "first_step_seconds": ends[0] - started,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }))


if __name__ == "__main__":
    main()
