#include "trainer/config/sections.h"

#include "trainer/evaluation/task_names.h"

namespace strata::trainer {

using base::above;
using base::at_least;
using base::between;
using base::one_of;

void RunSection::fields(base::Fields& f) {
  f("dir", dir, "Folder of the run; everything it leaves is inside. Left out: runs/JOB.");
  f("seed", seed, "Seed of weights, sample order and dropout.", at_least(0));
  f("steps", steps, "Optimizer steps; 0 = as epochs say.", at_least(0));
  f("epochs", epochs, "Passes over the training data; 0 = as steps say.", at_least(0));
  f("resume", resume,
    "auto: go on from the newest sound checkpoint of run.dir; never: refuse a run.dir that has "
    "any.",
    one_of({"auto", "never"}));
  f("deterministic", deterministic,
    "The same bits in every run on the same layout; false lets a GPU take faster kernels whose "
    "sums vary.");
  f("device", device, "Where tensors live; auto takes a GPU where there is one.",
    one_of({"auto", "cpu", "cuda"}));
  f("threads", threads,
    "Computing threads per rank; auto: OMP_NUM_THREADS where that is set, else the node's cores "
    "shared among its ranks.",
    at_least(1));
  f("hang_timeout", hang_timeout,
    "Seconds that a communication may wait before the job is ended with exit 6.", above(0));
  f("accept_changes", accept_changes,
    "Keys that may differ from those of the run that is resumed.");
}

void TokenizerSection::fields(base::Fields& f) {
  f("path", path, "Folder or tokenizer.json of the tokenizer to use.");
  f("out", out, "Folder that `strata tokenizer train` writes.");
  f.section("train", train, "What `strata tokenizer train` learns from.");
}

void BatchSection::fields(base::Fields& f) {
  f("global", global, "Sequences per optimizer step, over all ranks.", between(1, 1e7));
  f("micro", micro, "Sequences per pass on one rank.", between(1, 1e6));
  f("sequence", sequence, "Tokens per sequence.", between(1, 1e8));
}

void PrecisionSection::fields(base::Fields& f) {
  f("compute", compute, "Type of weights and activations in the passes.", one_of({"fp32", "bf16"}));
  f("master", master, "Type of the optimizer's weights, and of the model folder.",
    one_of({"fp32"}));
  f("reduce", reduce, "Type in which gradients are summed.", one_of({"fp32"}));
}

void MemorySection::fields(base::Fields& f) {
  f("recompute", recompute,
    "Activations computed again in the backward pass instead of kept: attention only, or whole "
    "blocks.",
    one_of({"none", "selective", "full"}));
}

void EvalSection::fields(base::Fields& f) {
  f("every", every, "Steps between evaluations; 0 = never.", at_least(0));
  f("batches", batches, "Batches of batch.global samples in one evaluation; 0 = all of data.eval.",
    at_least(0));
  f("tasks", tasks, "What `strata eval` measures; perplexity where none is named.",
    one_of(task_names()));
  f("samples", samples, "Answers to each question in pass_at_k, best_of_n and maj_at_n.",
    at_least(1));
  f("k", k, "pass_at_k tells pass@k for each of these; at most eval.samples.", at_least(1));
  f("ignore", ignore,
    "What does not count when an answer is compared with the right one; blanks around it never do.",
    one_of({"case", "whitespace", "punctuation"}));
  f("delimiter", delimiter,
    "What multiple_choice puts between question and choice (a space in lm-evaluation-harness).");
  f("against", against, "The other model of win_rate: a run, a checkpoint or a model folder.");
  f("out", out, "JSONL file that gets a row for every question of every task.");
}

void LogSection::fields(base::Fields& f) {
  f("every", every, "Steps between log lines and metrics rows.", at_least(1));
  f("tensorboard", tensorboard, "Also write TensorBoard files to RUN/tensorboard.");
  f("profile", profile, "[first, last]: writes a chrome trace of those steps for each rank.",
    at_least(1));
}

void GenerationSection::fields(base::Fields& f) {
  f("max_new_tokens", max_new_tokens, "Tokens per answer at most.", between(1, 1e8));
  f("temperature", temperature, "0 = the likeliest token each time.", at_least(0));
  f("top_k", top_k, "Sample among the k likeliest tokens; 0 = all.", at_least(0));
  f("top_p", top_p, "Sample among the fewest tokens that hold this much probability.",
    base::between(0, 1));
  f("stop", stop, "Strings that end an answer.");
  f("seed", seed, "Seed of the sampling noise.", at_least(0));
}

}  // namespace strata::trainer
