#include "tests/support/command.h"

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/support/temp_folder.h"

namespace strata::tests {
namespace {

std::string content(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

CommandResult run_command(const std::string& line) {
  const TempFolder folder;
  const std::filesystem::path script = folder.write("line.sh", line + "\n");
  const std::string redirected = "bash '" + script.string() + "' > '" + (folder / "out").string() +
                                 "' 2> '" + (folder / "err").string() + "'";
  const int status = std::system(redirected.c_str());
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {code, content(folder / "out"), content(folder / "err")};
}

}  // namespace strata::tests
