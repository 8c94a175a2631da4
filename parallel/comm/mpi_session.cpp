#include "parallel/comm/mpi_session.h"

#include <fmt/format.h>
#include <sched.h>

#include <chrono>
#include <string>
#include <thread>

#include "base/error.h"

namespace strata::parallel {

void check_mpi(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char words[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, words, &length);
  throw base::InternalError(fmt::format("{}: {}", call, words));
}

void Backoff::pause() {
  constexpr int kSpins = 256, kYields = 2048;
  ++pauses_;
  if (pauses_ < kSpins) {
    __builtin_ia32_pause();
  } else if (pauses_ < kYields) {
    sched_yield();
  } else {
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

void wait_all(std::span<MPI_Request> requests, std::span<MPI_Status> statuses) {
  Backoff backoff;
  for (int done = 0; done == 0; backoff.pause()) {
    check_mpi(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done,
                          statuses.empty() ? MPI_STATUSES_IGNORE : statuses.data()),
              "MPI_Testall");
    if (done != 0) return;
  }
}

void wait_one(MPI_Request request) { wait_all({&request, 1}); }

void progress() {
  int arrived = 0;
  MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_SELF, &arrived, MPI_STATUS_IGNORE);
}

MPI_Comm with_returned_errors(MPI_Comm comm) {
  check_mpi(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  return comm;
}

MpiSession::MpiSession() {
  int initialized = 0;
  MPI_Initialized(&initialized);
  if (initialized == 0) {
    int provided = 0;
    // One thread at a time communicates, but it need not be always the same one.
    check_mpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided),
              "MPI_Init_thread");
    owns_mpi_ = true;
    base::ensure(provided >= MPI_THREAD_SERIALIZED, "this MPI library serves one thread only");
  }
  for (MPI_Comm* comm : {&world_, &farewell_}) {
    check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, comm), "MPI_Comm_dup");
    with_returned_errors(*comm);
  }
}

MpiSession::~MpiSession() {
  MPI_Comm_free(&farewell_);
  MPI_Comm_free(&world_);
  if (owns_mpi_) MPI_Finalize();
}

void MpiSession::end_all_ranks(int exit_code) { MPI_Abort(MPI_COMM_WORLD, exit_code); }

bool MpiSession::all_arrive(double seconds) {
  MPI_Request request;
  if (MPI_Ibarrier(farewell_, &request) != MPI_SUCCESS) return false;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  int done = 0;
  while (MPI_Test(&request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && done == 0) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return done != 0;
}

}  // namespace strata::parallel
