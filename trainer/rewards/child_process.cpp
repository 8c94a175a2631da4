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
  std::string shell = "sh", option = "-c", text = command_;
  char* arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  const int failure = posix_spawn(&process_, "/bin/sh", &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  to_child_ = in[1];
  from_child_ = out[0];
  if (failure != 0)
    throw base::UserError(base::kBadUsage, fmt::format("`{}` cannot be started: {}", command_,
                                                       std::strerror(failure)));
}

ChildProcess::~ChildProcess() {
  if (to_child_ >= 0) close(to_child_);
  if (from_child_ >= 0) close(from_child_);
  if (process_ <= 0) return;
  // The end of its input tells it to end; one that does not is told again.
  for (int wait = 0; wait < 20; ++wait) {
    if (waitpid(process_, nullptr, WNOHANG) != 0) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  kill(process_, SIGTERM);
  waitpid(process_, nullptr, 0);
}

std::optional<std::string> ChildProcess::ask(const std::string& line, double seconds) {
  const double deadline = now() + seconds;
  refuse_unasked();
  send(line + '\n');
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

void ChildProcess::send(const std::string& text) {
  const NoPipeSignal quiet;
  for (size_t sent = 0; sent < text.size();) {
    const ssize_t count = write(to_child_, text.data() + sent, text.size() - sent);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) ended();
    sent += static_cast<size_t>(count);
  }
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
    pollfd waiting{from_child_, POLLIN, 0};
    const int ready = poll(&waiting, 1, left > 0 ? static_cast<int>(left * 1000) + 1 : 0);
    if (ready == 0 && left == 0) return {};
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    char block[4096];
    const ssize_t count = read(from_child_, block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) ended();
    pending_.append(block, static_cast<size_t>(count));
  }
}

void ChildProcess::ended() {
  int status = 0;
  waitpid(process_, &status, 0);
  process_ = -1;
  throw base::UserError(
      base::kBadData,
      fmt::format("the reward command `{}` has ended ({}); it is asked line by line and must go on "
                  "until its input ends",
                  command_,
                  WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                      : fmt::format("exit code {}", WEXITSTATUS(status))));
}

}  // namespace strata::trainer
