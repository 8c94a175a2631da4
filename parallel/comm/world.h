// The group of all processes of a job: made at the start, and brought to a common end.
// Which backends exist is chosen by CMake: mpi_*.cpp or no_mpi.cpp, nccl_*.cpp or no_nccl.cpp.
#pragma once

#include <functional>
#include <memory>

#include "parallel/comm/communicator.h"

namespace strata::parallel {

/// The world as it was started: one process (MPI is not even initialised) unless mpirun or srun
/// started several. UserError (kBadUsage) where a launcher started several and this build or that
/// launcher cannot join them.
std::unique_ptr<Communicator> make_world();

/// Runs the whole program among all ranks and returns the exit code of this process. What went
/// wrong is printed: a user's error by rank 0 alone where all ranks see it, else by the rank that
/// does, and then the whole job ends with its exit code.
int run_in_world(const std::function<int(Communicator& world)>& body);

/// A world of one process. self_communicator.cpp.
std::unique_ptr<Communicator> make_self();

/// How ranks of one host reach each other: through shared memory, or by messages as between hosts
/// (to test that path).
enum class HostPath : uint8_t { kSharedMemory, kMessages };
/// The world that mpirun started; initialises MPI unless the program has. mpi_communicator.cpp or
/// no_mpi.cpp (UserError).
std::unique_ptr<Communicator> make_mpi_world(HostPath path = HostPath::kSharedMemory);

/// How NCCL sums bf16 and fp16: in their own format (half the traffic, rounded at every hop) or in
/// fp32.
enum class HalfSums : uint8_t { kNative, kFloat32 };
/// The ranks of `bootstrap` (host memory, outlives the result) over device memory, this rank on GPU
/// number `gpu`. nccl_communicator.cpp or no_nccl.cpp (UserError).
std::unique_ptr<Communicator> make_nccl_world(Communicator& bootstrap, int gpu,
                                              HalfSums half_sums = HalfSums::kFloat32);

}  // namespace strata::parallel
