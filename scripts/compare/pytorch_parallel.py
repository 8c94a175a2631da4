"""One rank of a training run of the small llama in PyTorch: alone, under DistributedDataParallel, or as a stage of torch.distributed.pipelining.

Started once per rank by parallel_speed.py. The rank that knows the loss prints one JSON line: tokens per second (median of the steps after warm-up)
and the losses.
"""
import argparse
import json
import os
import statistics
import time

import torch
import torch.distributed as dist
import transformers


def build_model():
    config = transformers.LlamaConfig(
        vocab_size=4096, hidden_size=256, intermediate_size=688, num_hidden_layers=6, num_attention_heads=8,
        num_key_value_heads=4, max_position_embeddings=256, tie_word_embeddings=False, attn_implementation="sdpa", use_cache=False)
    return transformers.LlamaForCausalLM(config)


class Stage(torch.nn.Module):
    """Half of the model's work: the embedding and four layers, or two layers, the norm and the head."""

    def __init__(self, model, rank):
        super().__init__()
        self.layers = model.model.layers[:4] if rank == 0 else model.model.layers[4:]
        self.embedding = model.model.embed_tokens if rank == 0 else None
        self.norm, self.head = (None, None) if rank == 0 else (model.model.norm, model.lm_head)
        self.rotary = model.model.rotary_emb

    def forward(self, x):
        if self.embedding is not None:
            x = self.embedding(x)
        places = torch.arange(x.shape[1]).unsqueeze(0)
        turns = self.rotary(x, places)
        for layer in self.layers:
            x = layer(x, attention_mask=None, position_ids=places, position_embeddings=turns)
            x = x[0] if isinstance(x, tuple) else x
        return x if self.head is None else self.head(self.norm(x))


def next_token_loss(logits, ids):
    return torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


def make_step(mode, rank, microbatches):
    """The trained module and a function that runs forward and backward over a step's ids and gives the loss, or None where it is not known."""
    model = build_model().train()
    if mode == "one":
        def step(ids):
            loss = model(input_ids=ids, labels=ids).loss
            loss.backward()
            return loss.item()
        return model, step
    if mode == "ddp":
        wrapped = torch.nn.parallel.DistributedDataParallel(model)

        def step(ids):
            own = ids.chunk(2)[rank]
            loss = wrapped(input_ids=own, labels=own).loss
            loss.backward()
            return loss.item()
        return wrapped, step
    from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleGPipe

    stage = Stage(model, rank)
    kind = ScheduleGPipe if mode == "gpipe" else Schedule1F1B
    schedule = kind(PipelineStage(stage, rank, 2, torch.device("cpu")), microbatches, loss_fn=next_token_loss)

    def step(ids):
        if rank == 0:
            schedule.step(ids)
            return None
        losses = []
        schedule.step(target=ids, losses=losses)
        return sum(loss.item() for loss in losses) / len(losses)
    return stage, step


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", choices=["one", "ddp", "gpipe", "1f1b"], required=True)
    parser.add_argument("--data", required=True, help="JSONL rows of input_ids")
    parser.add_argument("--rows", type=int, required=True, help="rows of one step, on all ranks together")
    parser.add_argument("--microbatches", type=int, required=True, help="of a pipeline's step")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--warm-up", type=int, required=True)
    arguments = parser.parse_args()
    rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    torch.manual_seed(1)
    if ranks > 1:
        dist.init_process_group("gloo")
    rows = [json.loads(line)["input_ids"] for line in open(arguments.data)]
    module, step = make_step(arguments.mode, rank, arguments.microbatches)
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    times, losses = [], []
    for number in range(arguments.steps):
        begin = time.perf_counter()
        chosen = [rows[(number * arguments.rows + i) % len(rows)] for i in range(arguments.rows)]
        losses.append(step(torch.tensor(chosen)))
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)  # of a pipeline: of the stage alone, which is cheaper
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        times.append(time.perf_counter() - begin)
    if rank == ranks - 1:
        tokens = arguments.rows * len(rows[0])
        print(json.dumps({"tokens_per_second": tokens / statistics.median(times[arguments.warm_up:]), "losses": losses}))
    if ranks > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
