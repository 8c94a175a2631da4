// MPI itself: started once, ended with the last group, and waited for without burning a core that
// others need. Knows no tensors and no collective operation.
#pragma once

#include <mpi.h>

#include <memory>
#include <span>

#include "parallel/comm/communicator.h"

namespace strata::parallel {

/// Throws InternalError with MPI's own words unless `code` is MPI_SUCCESS.
void check_mpi(int code, const char* call);

/// How a wait gives way: spins while an answer may be there within microseconds, then yields the
/// core, then sleeps.
class Backoff {
 public:
  void pause();
  /// True now and then: time to do something else that is slow (to move MPI's own messages on).
  bool is_slow() const { return pauses_ % 64 == 63; }

 private:
  int pauses_ = 0;
};

/// Waits for all of them; `statuses` may be empty or has one for each.
void wait_all(std::span<MPI_Request> requests, std::span<MPI_Status> statuses = {});
void wait_one(MPI_Request request);
/// Lets messages in flight go on while the caller waits for something that is not MPI's.
void progress();

class MpiSession : public Job {
 public:
  /// Initialises MPI unless the program has done so; then it is not finalised here either.
  MpiSession();
  ~MpiSession() override;

  bool all_arrive(double seconds) override;

  MPI_Comm world() const { return world_; }

 private:
  void end_all_ranks(int exit_code) override;

  bool owns_mpi_ = false;
  MPI_Comm world_ = MPI_COMM_NULL;
  MPI_Comm farewell_ = MPI_COMM_NULL;  // all_arrive must not meet another operation
};

/// The duplicate or part of a communicator, made to return errors instead of ending the process.
MPI_Comm with_returned_errors(MPI_Comm comm);

}  // namespace strata::parallel
