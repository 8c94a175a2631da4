// The binary: sets up the process, runs one command and turns what went wrong into a message and an
// exit code.
#include <string>
#include <vector>

#include "base/allocator.h"
#include "kernels/host_memory.h"
#include "parallel/comm/world.h"
#include "trainer/cli/command.h"
#include "trainer/gpu_program.h"

int main(int argc, char** argv) {
  strata::trainer::hand_over_to_gpu_program(argv);
  strata::base::tune_allocator();
  strata::kernels::reuse_host_memory();
  const std::vector<std::string> words(argv + 1, argv + argc);
  return strata::parallel::run_in_world([&](strata::parallel::Communicator& world) {
    return strata::trainer::run_command_line(words, world);
  });
}
