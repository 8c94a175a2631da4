#include "trainer/rewards/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "base/error.h"

namespace strata::trainer {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Writing to a program that has ended is an error code, not a signal, while this lives.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    const timespec at_once{};
    while (sigtimedwait(&pipe_, nullptr, &at_once) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_{}, before_{};
};

}  // namespace

ChildProcess::ChildProcess(const std::string& command) : command_(command) {
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
    throw base::UserError(base::kBadUsage,
                          fmt::format("no pipe for `{}`: {}", command_, std::strerror(errno)));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  std::string shell = "sh", option = "-c", text = command_;
  char* arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  const int failure = posix_spawn(&process_, "/bin/sh", &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  to_child_ = in[1];
  from_child_ = out[0];
  fcntl(to_child_, F_SETFL, O_NONBLOCK);
  if (failure != 0)
    throw base::UserError(base::kBadUsage, fmt::format("`{}` cannot be started: {}", command_,
                                                       std::strerror(failure)));
}

ChildProcess::~ChildProcess() {
  if (process_ > 0) end();
  if (to_child_ >= 0) close(to_child_);
  if (from_child_ >= 0) close(from_child_);
}

/// Ends the program; its status. The end of its input tells it; then it is told twice again, with
/// all that it started.
int ChildProcess::end() {
  close(std::exchange(to_child_, -1));
  const auto has_ended_within = [this](int hundredths) {
    for (int wait = 0; wait < hundredths; ++wait) {
      siginfo_t info{};  // left as a zombie, so that its group's number stays its own
      waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOHANG | WNOWAIT);
      if (info.si_pid != 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  };
  const bool by_itself = has_ended_within(20);
  kill(-process_, SIGTERM);
  if (!by_itself && !has_ended_within(100)) kill(-process_, SIGKILL);
  int status = 0;
  waitpid(process_, &status, 0);
  process_ = -1;
  return status;
}

std::optional<std::string> ChildProcess::ask(const std::string& line, double seconds) {
  const double deadline = now() + seconds;
  refuse_unasked();
  unsent_ += line + '\n';
  ++late_;
  while (late_ > 0) {
    std::optional<std::string> answer = next_line(deadline);
    if (!answer) return {};
    if (--late_ == 0) return answer;
  }
  return {};
}

/// Lines that nobody asked for would be taken for the next answers.
void ChildProcess::refuse_unasked() {
  if (late_ > 0) return;
  const std::optional<std::string> line = next_line(now());
  if (!line && pending_.empty()) return;
  throw base::UserError(
      base::kBadData,
      fmt::format(
          "the reward command `{}` printed more than one line for a line that it was given: "
          "'{}'",
          command_, line.value_or(pending_)));
}

std::optional<std::string> ChildProcess::next_line(double deadline) {
  while (true) {
    const size_t end = pending_.find('\n');
    if (end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    const double left = std::max(0.0, deadline - now());
    pollfd ends[] = {{from_child_, POLLIN, 0}, {to_child_, POLLOUT, 0}};
    const int ready =
        poll(ends, unsent_.empty() ? 1 : 2, static_cast<int>(left * 1000) + (left > 0));
    if (ready == 0 && left == 0) return {};
    if (ready <= 0) continue;
    if (ends[0].revents != 0) read_some();
    if (ends[1].revents != 0) write_some();
  }
}

void ChildProcess::read_some() {
  char block[4096];
  const ssize_t count = read(from_child_, block, sizeof block);
  if (count < 0 && errno == EINTR) return;
  if (count <= 0) ended();
  pending_.append(block, static_cast<size_t>(count));
}

void ChildProcess::write_some() {
  const NoPipeSignal quiet;
  const ssize_t count = write(to_child_, unsent_.data(), unsent_.size());
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (count < 0) ended();
  unsent_.erase(0, static_cast<size_t>(count));
}

void ChildProcess::ended() {
  const int status = end();
  throw base::UserError(
      base::kBadData,
      fmt::format("the reward command `{}` has ended ({}); it is asked line by line and must go on "
                  "until its input ends",
                  command_,
                  WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                      : fmt::format("exit code {}", WEXITSTATUS(status))));
}

}  // namespace strata::trainer
