#include "parallel/comm/world.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <string>

#include "base/error.h"
#include "parallel/comm/versions.h"

namespace strata::parallel {
namespace {

constexpr double kFarewellSeconds =
    2;                        // so long a failed rank waits for the others to fail as well
constexpr int kOurFault = 1;  // exit code of an error that is not the user's

// How many ranks the launcher says it started; 1 without a launcher, nothing where it does not say.
std::optional<int> launched_ranks() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"}) {
    if (const char* value = std::getenv(name)) return std::atoi(value);
  }
  if (std::getenv("PMIX_RANK") != nullptr) return std::nullopt;
  return 1;
}

struct Failure {
  int exit_code;
  std::string what;
  bool ours;
};

std::optional<Failure> failure_of(const std::function<void()>& body) {
  try {
    body();
    return std::nullopt;
  } catch (const base::UserError& error) {
    return Failure{error.exit_code, error.what(), false};
  } catch (const std::exception& error) {
    return Failure{kOurFault, error.what(), true};
  }
}

void print_failure(const Failure& failure, const Communicator& world) {
  const std::string where = world.size() == 1 ? "" : fmt::format(" (rank {})", world.rank());
  fmt::print(stderr, "{}{}: {}\n", failure.ours ? "internal error" : "error",
             failure.ours || world.rank() != 0 ? where : "", failure.what);
  if (failure.ours && world.size() > 1) {
    fmt::print(stderr, "  last operations of rank {}:\n{}", world.rank(), world.trace().dump(10));
  }
  std::fflush(stderr);
}

// The way out of a rank that failed: in good order where all ranks failed, else it takes the whole
// job with it.
int leave(const Failure& failure, Communicator& world) {
  if (world.rank() == 0) print_failure(failure, world);
  if (world.job().all_arrive(kFarewellSeconds)) return failure.exit_code;
  if (world.rank() != 0) print_failure(failure, world);
  world.job().abort(failure.exit_code);
}

}  // namespace

std::unique_ptr<Communicator> make_world() {
  const std::optional<int> launched = launched_ranks();
  if (launched == 1) return make_self();
  auto world = make_mpi_world();
  if (launched && *launched != world->size()) {
    throw base::UserError(
        base::kBadUsage,
        fmt::format(
            "{} ranks were started, but each finds itself alone among {}: start with mpirun "
            "of the MPI that strata was built with ({}), or srun --mpi=pmix",
            *launched, world->size(), mpi_version()));
  }
  return world;
}

int run_in_world(const std::function<int(Communicator& world)>& body) {
  std::unique_ptr<Communicator> world;
  if (const auto failure = failure_of([&] { world = make_world(); })) {
    fmt::print(stderr, "error: {}\n", failure->what);
    return failure->exit_code;
  }
  int exit_code = 0;
  const auto failure = failure_of([&] { exit_code = body(*world); });
  return failure ? leave(*failure, *world) : exit_code;
}

}  // namespace strata::parallel
