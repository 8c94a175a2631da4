// Which of the two programs runs: `strata`, or `strata-gpu` beside it, the same code linked with
// the GPU libraries. Loading those costs 0.3 s and 350 MB, which a machine without a GPU need not
// pay. Knows files and the environment; knows no CUDA.
#pragma once

namespace strata::trainer {

/// Where there is a GPU driver, and a strata-gpu beside this program, becomes that program with the
/// same `argv` and does not return. CUDA_VISIBLE_DEVICES= (empty) keeps a process on the CPU.
void hand_over_to_gpu_program(char** argv);

}  // namespace strata::trainer
