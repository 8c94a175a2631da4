// A program that is kept open and asked line by line: one line to its standard input, one line back
// from its standard output. Knows nothing of what the lines say.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace strata::trainer {

class ChildProcess {
 public:
  /// Starts `command` in a shell, in a process group of its own. Its standard error is ours.
  /// UserError (kBadUsage) where the system refuses.
  explicit ChildProcess(const std::string& command);
  /// Ends it and all that it started: first by the end of its input, then by force.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// The answer to one line, without its line feed; nothing where none came within `seconds`, be it
  /// that the program does not read: it is passed over when it comes late. UserError (kBadData)
  /// where the program has ended, or had said more than it was asked before this line.
  std::optional<std::string> ask(const std::string& line, double seconds);

 private:
  void refuse_unasked();
  std::optional<std::string> next_line(double deadline);
  void write_some();
  void read_some();
  int end();
  [[noreturn]] void ended();

  std::string command_;
  pid_t process_ = -1;
  int to_child_ = -1, from_child_ = -1;
  std::string unsent_;   ///< what the program did not read yet
  std::string pending_;  ///< read, and not yet a whole line
  int late_ = 0;         ///< answers that were not waited for
};

}  // namespace strata::trainer
