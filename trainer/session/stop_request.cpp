#include "trainer/session/stop_request.h"

#include <csignal>

#include "parallel/comm/collectives.h"

namespace strata::trainer {
namespace {

// A signal handler reaches nothing but static memory.
volatile std::sig_atomic_t stop_asked = 0;

void ask_to_stop(int) { stop_asked = 1; }

void handle(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

}  // namespace

StopRequest::StopRequest() {
  stop_asked = 0;
  handle(SIGUSR1, ask_to_stop);
  handle(SIGTERM, ask_to_stop);
}

StopRequest::~StopRequest() {
  handle(SIGUSR1, SIG_DFL);
  handle(SIGTERM, SIG_DFL);
}

bool StopRequest::anywhere(parallel::Communicator& world) const {
  return parallel::all_max(world, stop_asked) > 0;
}

}  // namespace strata::trainer
